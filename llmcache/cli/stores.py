"""The store that a command works on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmcache import settings
from llmcache.backends.base import Backend
from llmcache.backends.url import open_backend
from llmcache.errors import ConfigurationError
from llmcache.subject import backend_of

__all__ = ["file_of", "opened"]


@contextlib.contextmanager
def opened(url: str | None) -> Iterator[Backend]:
    """The backend of a URL, closed at the end; without one that of the settings.

    Raises:
        ConfigurationError: For a URL or a setting that cannot be used, naming where it stands.
    """
    chosen = settings.current()
    if url is None:
        yield backend_of(chosen)
        return
    try:
        backend = open_backend(
            url,
            clock=chosen.clock,
            dir=chosen.dir,
            max_bytes=chosen.max_bytes,
            timeout=chosen.backend_timeout,
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"--backend: {error}", name="--backend") from None
    with contextlib.closing(backend):
        yield backend


def file_of(backend: Any) -> Path | None:
    """The file that a backend keeps entries in, behind memory too; None where it has none."""
    path = getattr(backend, "path", None)
    if path is None and hasattr(backend, "far"):
        return file_of(backend.far)
    return None if path is None else Path(path)
