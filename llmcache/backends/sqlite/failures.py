"""What SQLite's and the system's errors mean for a store, decided in one place."""

from __future__ import annotations

import enum
import sqlite3

from llmcache.backends.base import in_words
from llmcache.errors import BackendCorruptError, BackendError, BackendUnavailableError

__all__ = [
    "FAILURES",
    "Meaning",
    "NotOursError",
    "UninitialisedError",
    "as_backend_error",
    "meaning",
]

FAILURES = (sqlite3.Error, OSError, MemoryError, OverflowError, UnicodeError)
"""All that an operation on the file may raise: besides errors of SQLite and the system, values
that SQLite cannot hold (an int beyond 64 bits, a lone surrogate) and its failed allocations."""


class Meaning(enum.Enum):
    """What can be done about a failure."""

    LOCKED = "wait and try again"
    DAMAGED = "set the file aside and begin a new one"
    LOST = "open the file again, once"
    REFUSED = "give up"


class UninitialisedError(sqlite3.Error):
    """The file has no tables yet: open it again with the right to make them."""


class NotOursError(sqlite3.Error):
    """A readable database that must be left alone: another program's, or a newer release's."""


LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
LOST = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_SCHEMA,
    sqlite3.SQLITE_MISUSE,
}
PRIMARY = 0xFF
MISSING_TABLE = ("no such table", "no such column", "has no column named")

ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space or lower max_bytes",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check its permissions and its directory",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_PERM: "permission is missing",
}


def meaning(error: BaseException) -> Meaning:
    """What can be done about `error`, one of `FAILURES`."""
    code = primary_code(error)
    if code in LOCKED or isinstance(error, BlockingIOError):
        return Meaning.LOCKED
    if code in DAMAGED or (code == sqlite3.SQLITE_ERROR and names_what_is_missing(error)):
        return Meaning.DAMAGED
    if code in LOST or isinstance(error, sqlite3.ProgrammingError):
        return Meaning.LOST
    return Meaning.REFUSED


def names_what_is_missing(error: BaseException) -> bool:
    """Whether a table of ours is gone: the file says that it is ours, so it is damaged."""
    return any(text in str(error) for text in MISSING_TABLE)


def primary_code(error: BaseException) -> int:
    """SQLite's result code without its extension; 0 where the error carries none."""
    return getattr(error, "sqlite_errorcode", 0) & PRIMARY


def as_backend_error(error: BaseException, backend: str, operation: str) -> BackendError:
    """The error that callers see for `error`, one of `FAILURES`."""
    if isinstance(error, NotOursError):
        return BackendCorruptError(str(error), backend=backend, operation=operation)
    what = meaning(error)
    kind = BackendCorruptError if what is Meaning.DAMAGED else BackendUnavailableError
    if what is Meaning.LOCKED:
        reason = "it stayed locked by another connection for as long as storage may take"
    elif what is Meaning.DAMAGED:
        reason = f"the file is damaged ({error}); llmcache export writes what can still be read"
    else:
        reason = f"{ADVICE.get(primary_code(error), 'it failed')} ({error})"
    text = f"{backend}: {in_words(operation)} failed: {reason}."
    return kind(text, backend=backend, operation=operation)
