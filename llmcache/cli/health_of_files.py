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
from llmcache.cli.amounts import in_size
from llmcache.cli.findings import Finding, fine, hint, problem

__all__ = ["look_at_file", "network_system"]

OTHERS = 0o077
SCARCE = 100_000_000
NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre")
MOUNTS = Path("/proc/mounts")


def look_at_file(file: Path, bound: int | None) -> Iterator[Finding]:
    """Permissions, room, file system, integrity and size."""
    yield from look_at_room(file)
    if not os.path.exists(file):  # noqa: PTH110 - Path.exists raises where it may not look
        yield look_at_place(file)
        return
    foreign = look_at_owner(file)
    if foreign is not None:
        yield foreign
        return
    yield from look_at_permissions(file)
    yield from look_at_size(file, bound)
    yield from look_at_integrity(file)


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


def connect(file: Path) -> sqlite3.Connection:
    """A connection that reads and, where nobody has the file open, makes no file beside it."""
    alone = "" if StoreFile(file).side("-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{file.as_uri()}?mode=ro{alone}", uri=True)


def look_at_room(file: Path) -> Iterator[Finding]:
    """Free space, and what kind of file system it is."""
    directory = nearest(file)
    free = shutil.disk_usage(directory).free
    if free < SCARCE:
        yield problem("disk", f"Only {in_size(free)} are free at {directory}.")
    else:
        yield fine("disk", f"{in_size(free)} are free at {directory}.")
    kind = network_system(directory, MOUNTS)
    if kind is not None:
        text = f"{directory} is on {kind}: SQLite's log is not safe there. Use a local directory"
        yield problem("file system", f"{text} (LLMCACHE_DIR), or Redis.")


def network_system(directory: Path, mounts: Path) -> str | None:
    """The kind of network file system that a directory is on; None: none, or not known."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    above = {str(each) for each in (directory.resolve(), *directory.resolve().parents)}
    found = [(line[1], line[2]) for line in lines if line[1].replace("\\040", " ") in above]
    _, kind = max(found, key=lambda each: len(each[0]), default=("", ""))
    return kind if kind.startswith(NETWORK) else None


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


def look_at_integrity(file: Path) -> Iterator[Finding]:
    """Whether SQLite finds the file whole."""
    try:
        with contextlib.closing(connect(file)) as raw:
            (told,) = raw.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        yield unread(file, error)
        return
    if told == "ok":
        yield fine("integrity", f"{file} is whole.")
    else:
        yield problem("integrity", f"{file} is damaged ({told}); {SET_ASIDE}")


SET_ASIDE = "its next use sets it aside as .corrupt-<time> and begins a new one."


def unread(file: Path, error: sqlite3.Error) -> Finding:
    """A file that could not be read: busy, or no database of ours."""
    if isinstance(error, sqlite3.OperationalError):
        return hint("integrity", f"{file} could not be checked now: {error}.")
    return problem("integrity", f"{file} is damaged ({error}); {SET_ASIDE}")
