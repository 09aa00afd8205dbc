"""What may be handed to `SQLiteBackend`, checked before anything is opened."""

from __future__ import annotations

import os

from llmcache.backends.base import Entry
from llmcache.backends.sqlite.space import ROW_OVERHEAD, Bounds
from llmcache.errors import BackendUnavailableError, ConfigurationError

__all__ = ["check_size", "checked_count", "checked_path"]


def checked_path(path: object) -> str:
    """The path as text.

    Raises:
        ConfigurationError: For what cannot be the path of a file.
    """
    allowed = "the path of a file, as str or os.PathLike"
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    why = None
    if not isinstance(text, str):
        why = f"a {type(path).__name__} is not a path"
    elif not text or "\0" in text:
        why = "it names no file"
    elif text == ":memory:":
        why = "this store is a file; for one in memory use LRUBackend or memory://"
    elif "://" in text:
        why = "it is a URL; use open_backend or backend=... for it"
    elif text.endswith(("/", os.sep)):
        why = "it names a directory; add the name of a file"
    if why is not None or not isinstance(text, str):
        raise ConfigurationError(
            f"path={path!r}: {why}. Allowed: {allowed}.",
            name="path",
            value=repr(path),
            allowed=allowed,
        )
    return text


def checked_count(value: object, name: str) -> int | None:
    """The bound.

    Raises:
        ConfigurationError: For what is not a whole number above 0.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    allowed = "a whole number above 0, or None for no bound"
    raise ConfigurationError(
        f"{name}={value!r} is not a bound: use {allowed}.",
        name=name,
        value=repr(value),
        allowed=allowed,
    )


def check_size(entry: Entry, bounds: Bounds, backend: str) -> None:
    """Refuse an entry for which everything else would have to go, and still in vain.

    Raises:
        BackendUnavailableError: It is larger than the store may be.
    """
    if len(entry.value) + len(entry.parts) + ROW_OVERHEAD > bounds.bytes:
        raise BackendUnavailableError(
            f"{backend}: an entry of {len(entry.value)} bytes is larger than the whole store may"
            f" be (max_bytes={bounds.bytes}); raise max_bytes.",
            backend=backend,
            operation="put",
        )
