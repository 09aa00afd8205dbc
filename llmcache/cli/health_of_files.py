"""How the file of a store is: looked at from outside, without opening it for writing."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from llmcache.backends.sqlite.connection import examine
from llmcache.backends.sqlite.failures import NotOursError
from llmcache.backends.sqlite.file import MAGIC, StoreFile
from llmcache.backends.sqlite.mounts import network_filesystem
from llmcache.cli.amounts import in_size
from llmcache.cli.findings import Finding, fine, hint, problem
from llmcache.cli.integrity import Damaged, Unknown, Whole, connect, integrity

__all__ = ["look_at_file", "look_at_owner"]

OTHERS = 0o077
SCARCE = 100_000_000


def look_at_file(file: Path, bound: int | None) -> Iterator[Finding]:
    """Permissions, room, file system, integrity and size."""
    yield from look_at_room(file)
    if not os.path.exists(file):  # noqa: PTH110 - Path.exists raises where it may not look
        yield look_at_place(file)
        return
    if not file.is_file():
        yield problem("store", f"{file} is not a regular file: give the path of one.")
        return
    foreign = look_at_owner(file)
    if foreign is not None:
        yield foreign
        return
    yield from look_at_permissions(file)
    yield from look_at_size(file, bound)
    yield look_at_integrity(file)


def nearest(file: Path) -> Path:
    """What there is of the way to a file."""
    return next(each for each in file.parents if os.path.exists(each))  # noqa: PTH110 - as above


def look_at_place(file: Path) -> Finding:
    """Whether a file that does not exist yet can be made."""
    there = nearest(file)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return fine("store", f"{file} does not exist yet; the first stored answer makes it.")
    text = f"{file} cannot be made, as {there} is no directory that you may write to"
    return problem("store", f"{text}: set LLMCACHE_DIR to one.")


def look_at_owner(file: Path) -> Finding | None:
    """A problem where it is no store of ours; then nothing else of it is looked at."""
    store = StoreFile(file)
    try:
        if store.head() and not store.head().startswith(MAGIC):
            store.check_ours()
        with contextlib.closing(connect(file)) as raw:
            examine(raw, store)
    except NotOursError as error:
        return problem("store", str(error))
    except sqlite3.Error:
        pass  # the look at its integrity tells of it
    return None


def look_at_room(file: Path) -> Iterator[Finding]:
    """Free space, and what kind of file system it is."""
    directory = nearest(file)
    free = shutil.disk_usage(directory).free
    if free < SCARCE:
        yield problem("disk", f"Only {in_size(free)} are free at {directory}.")
    else:
        yield fine("disk", f"{in_size(free)} are free at {directory}.")
    kind = network_filesystem(directory.resolve())
    if kind is not None:
        text = f"{directory} is on {kind}: SQLite's log is not safe there. Use a local directory"
        yield problem("file system", f"{text} (LLMCACHE_DIR), or Redis.")


def look_at_permissions(file: Path) -> Iterator[Finding]:
    """Who else may read what was asked and answered."""
    if sys.platform == "win32":
        return
    loose = [each for each in (file, StoreFile(file).side("-wal")) if mode_of(each) & OTHERS]
    if loose:
        names = " ".join(map(str, loose))
        yield problem("permissions", f"Others may read it: chmod 600 {names}")
    else:
        yield fine("permissions", f"Only you may read {file}.")


def mode_of(file: Path) -> int:
    """Its permission bits; none where there is no such file."""
    with contextlib.suppress(OSError):
        return file.stat().st_mode
    return 0


def look_at_size(file: Path, bound: int | None) -> Iterator[Finding]:
    """The size against its bound."""
    size = StoreFile(file).size()
    if bound is None:
        return
    text = f"{in_size(size)} of {in_size(bound)}"
    if size > 1.2 * bound:
        yield problem("size", f"{text}: run llmcache prune.")
    elif size > 0.9 * bound:
        yield hint("size", f"{text}: the least used entries go. Raise LLMCACHE_MAX_BYTES?")
    else:
        yield fine("size", f"{text}.")


def look_at_integrity(file: Path) -> Finding:
    """Whether SQLite finds the file whole."""
    match integrity(file):
        case Whole():
            return fine("integrity", f"{file} is whole.")
        case Unknown(why):
            return hint("integrity", f"{file} could not be checked now: {why}.")
        case Damaged(why):
            aside = "its next use sets it aside as .corrupt-<time> and begins a new one."
            return problem("integrity", f"{file} is damaged ({why}); {aside}")
