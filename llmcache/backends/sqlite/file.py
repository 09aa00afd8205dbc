"""The file itself: where it may lie, how it is made, and how a damaged one is set aside.

What is trusted follows sshd's rule for its key files. The file must be a regular file of this
user or of root, not a symlink, and not writable by all. Its directory must belong to this user
or to root; where all may write it must be sticky (as the system's directory for temporary files
is), so that nobody can put another file in the place of ours. Writable by a group is accepted for
a directory where the process is in that group, which is how volumes are handed to containers and
how a umask of 002 makes directories; the file's owner is checked still. The directories above
are not looked at.

A damaged file is set aside only where something says that it was a store: it was one when this
process had it open, the application id stands in its header, or its name or the mark in its
directory is ours. Anything else may be a user's file at a mistaken path and is left alone.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from llmcache.backends.sqlite.directories import is_marked, make_directory, private
from llmcache.backends.sqlite.failures import NotOursError
from llmcache.backends.sqlite.schema import APPLICATION_ID
from llmcache.errors import BackendUnavailableError

if sys.platform != "win32":
    import fcntl

__all__ = ["MAGIC", "SIDES", "Identity", "StoreFile", "only_looking", "size_of"]

SIDES = ("-wal", "-shm", "-journal")
MAGIC = b"SQLite format 3\0"
ID = slice(68, 72)
"""Where a header holds the application id."""

SMALLEST_DATABASE = 512
"""Bytes: the smallest page of SQLite. What is larger SQLite itself tells from a database."""

OWN_NAME = "llmcache.db"
"""That of the default file."""

DATABASES = {".db", ".sqlite", ".sqlite3"}
"""What files are called that are to be databases: one that is none is a damaged one."""

Identity = tuple[int, int]
"""Device and inode: which file a path leads to."""


class StoreFile:
    """One path and the care for what lies there; opens no database.

    Attributes:
        path: Absolute. The current directory counts once, when this object is made.
        known: The files that were stores of ours when they were opened.
        looking: More than 0 inside `only_looking`.
    """

    looking: ClassVar[int] = 0

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a symlink, which is to be refused
        self.text: str = str(self.path)
        self.known: set[Identity] = set()

    @property
    def directory(self) -> Path:
        """Where it lies."""
        return self.path.parent

    def identity(self) -> Identity | None:
        """Which file is there now; None: none."""
        try:
            status = os.stat(self.text)  # noqa: PTH116 - runs per operation, and a Path costs as much again
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def writable(self) -> bool:
        """Whether this process may write the file and make its side files."""
        return os.access(self.path, os.W_OK) and os.access(self.directory, os.W_OK | os.X_OK)

    def side(self, suffix: str) -> Path:
        """A file that SQLite keeps beside the database."""
        return Path(self.text + suffix)

    def size(self) -> int:
        """Bytes on disk, side files included."""
        return sum(size_of(path) for path in (self.path, *map(self.side, SIDES)))

    def prepare(self) -> None:
        """Make the directory and an empty file where there are none; distrust what is there.

        Inside `only_looking` nothing is made.

        Raises:
            BackendUnavailableError: Where file or directory is not to be trusted.
            NotOursError: Where the file is no database and never was a store.
            OSError: Where they cannot be made.
        """
        if not self.looking:
            make_directory(self.directory)
        elif self.identity() is None:
            return
        if sys.platform != "win32":
            check_directory(self.directory)
        self.make()
        # Never read where a database may be: closing a file takes back the locks that SQLite has
        # on it in this process, and others would then write to it as if nobody had it open.
        if 0 < size_of(self.path) < SMALLEST_DATABASE and not self.head().startswith(MAGIC):
            self.check_ours()

    def make(self) -> None:
        """Make an empty file, or check the one that is there."""
        if self.looking:
            check_file(self.path)
            return
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            check_file(self.path)
        except OSError:
            if not self.path.exists():
                raise
            check_file(self.path)  # a read-only place may hold a file to read
        else:
            private(descriptor)

    def head(self) -> bytes:
        """How the file begins; empty where it cannot be read. Only of what no connection is on."""
        try:
            with self.path.open("rb") as file:
                return file.read(ID.stop)
        except OSError:
            return b""

    def looks_damaged(self) -> bool:
        """Whether it says to be a store, or is called a database and does not begin like one."""
        head = self.head()
        return head[ID] == APPLICATION_ID.to_bytes(4, "big") or (
            self.path.suffix.lower() in DATABASES and not head.startswith(MAGIC)
        )

    def check_ours(self) -> None:
        """Leave a file alone that nothing says to have been a store.

        Raises:
            NotOursError: It may be anybody's.
        """
        if not (
            self.identity() in self.known
            or self.path.name == OWN_NAME
            or is_marked(self.directory)
            or self.looks_damaged()
        ):
            raise NotOursError(f"{self.path} is not an llmcache store: choose another path.")

    @contextlib.contextmanager
    def locked(self, *, alone: bool) -> Iterator[None]:
        """Keep other processes from replacing the file; with `alone` from opening it as well.

        The lock is on the directory, leaves nothing behind, and ends with the process.

        Raises:
            BlockingIOError: Another process has it; try again.
        """
        if sys.platform == "win32":
            yield
            return
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            lock_directory(descriptor, alone=alone)
            yield
        finally:
            os.close(descriptor)

    def set_aside(self, stamp: str) -> Path:
        """Rename the file and its side files to `.corrupt-<stamp>`; the new path of the file.

        The side files go first: a log beside a new database would be taken for its own.
        """
        target = free_path(Path(f"{self.text}.corrupt-{stamp}"))
        for suffix in SIDES:
            with contextlib.suppress(FileNotFoundError):
                self.side(suffix).rename(f"{target}{suffix}")
        self.path.rename(target)
        return target


@contextlib.contextmanager
def only_looking() -> Iterator[None]:
    """Inside it, this process makes, changes and sets aside no file; one that is missing is empty.

    It counts for files that are opened meanwhile, in every thread.
    """
    StoreFile.looking += 1
    try:
        yield
    finally:
        StoreFile.looking -= 1


def size_of(path: Path) -> int:
    """Bytes of one file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def free_path(wanted: Path) -> Path:
    """`wanted`, or the first of `wanted-2`, `wanted-3`, ... that does not exist."""
    path, number = wanted, 1
    while path.exists():
        number += 1
        path = Path(f"{wanted}-{number}")
    return path


if sys.platform != "win32":

    def lock_directory(descriptor: int, *, alone: bool) -> None:
        """Lock it if the file system can; where it cannot, SQLite's own locks must do."""
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            return

    def check_directory(directory: Path) -> None:
        """Refuse a directory where another user could put a file in the place of ours."""
        status = directory.stat()
        if status.st_uid not in (os.geteuid(), 0):
            owner = (
                f"it belongs to uid {status.st_uid}, neither to you (uid {os.geteuid()}) nor root"
            )
            raise distrusted(directory, owner)
        if status.st_mode & stat.S_ISVTX:
            return
        if status.st_mode & stat.S_IWOTH:
            raise distrusted(directory, "everybody may write to it (chmod o-w would mend that)")
        if status.st_mode & stat.S_IWGRP and not member_of(status.st_gid):
            raise distrusted(directory, "a group that you are not in may write to it")


def member_of(group: int) -> bool:
    """Whether this process is in a group."""
    return sys.platform != "win32" and group in (os.getegid(), *os.getgroups())


def check_file(path: Path) -> None:
    """Refuse a symlink, what is not a regular file, and a file that others could have written.

    Raises:
        OSError: Where nothing is there.
    """
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise distrusted(path, "it is a symlink; give the path that it leads to")
    if not stat.S_ISREG(status.st_mode):
        raise distrusted(path, "it is not a regular file")
    if sys.platform == "win32":
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise distrusted(path, f"it belongs to uid {status.st_uid}")
    if status.st_mode & stat.S_IWOTH:
        raise distrusted(path, "everybody may write to it (chmod o-w would mend that)")
    if status.st_size == 0 and os.access(path, os.W_OK):
        path.chmod(0o600)


def distrusted(path: Path, why: str) -> BackendUnavailableError:
    """The error for a place that is not used, with the way out."""
    return BackendUnavailableError(
        f"{path} is not used as a store: {why}. Choose a directory of your own.",
        backend=f"sqlite:///{path}",
        operation="open",
    )
