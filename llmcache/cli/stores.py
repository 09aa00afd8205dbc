"""The store that a command works on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmcache import settings
from llmcache.backends.base import Backend
from llmcache.backends.url import open_backend

__all__ = ["file_of", "opened"]


@contextlib.contextmanager
def opened(url: str | None) -> Iterator[Backend]:
    """The backend of a URL, else of the settings; closed at the end.

    Raises:
        ConfigurationError: For a URL or a setting that cannot be used.
    """
    chosen = settings.resolve({} if url is None else {"backend": url})
    if not isinstance(chosen.backend, str):
        yield chosen.backend
        return
    backend = open_backend(
        chosen.backend,
        clock=chosen.clock,
        dir=chosen.dir,
        max_bytes=chosen.max_bytes,
        timeout=chosen.backend_timeout,
    )
    with contextlib.closing(backend):
        yield backend


def file_of(backend: Any) -> Path | None:
    """The file that a backend keeps entries in, behind memory too; None where it has none."""
    path = getattr(backend, "path", None)
    if path is None and hasattr(backend, "far"):
        return file_of(backend.far)
    return None if path is None else Path(path)
