"""The backend that the settings name."""

from __future__ import annotations

from llmcache.backends.base import Backend
from llmcache.backends.url import shared_backend
from llmcache.errors import ConfigurationError
from llmcache.settings import Settings, sources

__all__ = ["backend_in_use", "backend_of"]


def backend_of(settings: Settings) -> Backend:
    """The backend that settings name; opened at its first operation.

    Raises:
        ConfigurationError: For a bad URL, naming the variable or setting that holds it.
    """
    if not isinstance(settings.backend, str):
        return settings.backend  # type: ignore[no-any-return]
    try:
        return shared_backend(
            settings.backend,
            clock=settings.clock,
            dir=settings.dir,
            max_bytes=settings.max_bytes,
            timeout=settings.backend_timeout,
        )
    except ConfigurationError as error:
        source = sources().get("backend", "")
        name = (
            source.removeprefix("environment ") if source.startswith("environment") else "backend"
        )
        raise ConfigurationError(
            f"{name}: {error}", name=name, value=error.value, allowed=error.allowed
        ) from None


def backend_in_use(settings: Settings) -> Backend:
    """As `backend_of`; what cannot be read stops nobody where `LLMCACHE_DISABLE` is set."""
    try:
        return backend_of(settings)
    except ConfigurationError:
        if not settings.disable:
            raise
        return shared_backend("null://")
