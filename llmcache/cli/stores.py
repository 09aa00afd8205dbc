"""The store that a command works on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from llmcache import settings
from llmcache.backends.base import Backend, Bulk, Entry, Listed, Listing, able
from llmcache.backends.configured import backend_of
from llmcache.backends.sqlite.file import StoreFile, only_looking
from llmcache.backends.url import open_backend
from llmcache.cli.filters import Filter
from llmcache.errors import ConfigurationError

__all__ = ["absence", "file_of", "lines_of", "now", "opened", "read_many"]


@contextlib.contextmanager
def opened(url: str | None, *, to_write: bool = False) -> Iterator[Backend]:
    """The backend of a URL, closed at the end; without one that of the settings.

    Unless it is opened to write, no file is made, changed or set aside meanwhile.

    Raises:
        ConfigurationError: For a URL or a setting that cannot be used, naming where it stands.
    """
    chosen = settings.current()
    with contextlib.nullcontext() if to_write else only_looking():
        if url is None:
            yield backend_of(chosen)
            return
        with contextlib.closing(named_by(url, chosen)) as backend:
            yield backend


def named_by(url: str, chosen: settings.Settings) -> Backend:
    """The backend of a URL, made as the settings say.

    Raises:
        ConfigurationError: It cannot be used.
    """
    try:
        return open_backend(
            url,
            clock=chosen.clock,
            dir=chosen.dir,
            max_bytes=chosen.max_bytes,
            timeout=chosen.backend_timeout,
        )
    except ConfigurationError as error:
        told = str(error).removeprefix("Backend URL ")
        raise ConfigurationError(f"--backend: {told}", name="--backend") from None


def file_of(backend: Any) -> Path | None:
    """The file that a backend keeps entries in, behind memory too; None where it has none."""
    path = getattr(backend, "path", None)
    if path is None and hasattr(backend, "far"):
        return file_of(backend.far)
    return None if path is None else Path(path)


def absence(backend: Backend) -> str | None:
    """Why there is nothing to read, in words; None: there may be. Opens and makes nothing."""
    file = file_of(backend)
    if file is not None and not file.exists():
        return f"Nothing is stored yet: {file} does not exist."
    if file is not None and not StoreFile(file).size():
        return f"Nothing is stored yet: {file} is empty."
    if backend.description == "memory://":
        return "memory:// belongs to one process: what others keep there cannot be seen from here."
    return None


def lines_of(backend: Backend, wanted: Filter) -> Iterator[Listed]:
    """The lines of a store that a filter leaves in, the newest first.

    Raises:
        click.ClickException: Where the backend cannot list what it holds.
    """
    if absence(backend) is not None:
        return
    listing = able(backend, Listing)
    if listing is None:
        raise click.ClickException(f"{backend.description} cannot list what it holds.")
    moment = now()
    for listed in listing.entries():
        if wanted.admits(listed, moment):
            yield listed


def read_many(store: Backend, keys: list[str]) -> Mapping[str, Entry]:
    """What is there and whole; where the backend has `Bulk`, no use of it is counted."""
    bulk = able(store, Bulk)
    if bulk is not None:
        return bulk.get_many(keys)
    found = ((key, store.get(key)) for key in keys)
    return {key: entry for key, entry in found if isinstance(entry, Entry)}


def now() -> float:
    """Seconds since 1970, by the clock of the settings."""
    return settings.current().clock.time()
