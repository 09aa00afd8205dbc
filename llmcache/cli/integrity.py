"""Whether a store's file is whole, by SQLite's own look at it."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from llmcache.backends.sqlite.file import StoreFile

__all__ = ["Damaged", "Unknown", "Whole", "connect", "integrity"]


@dataclass(frozen=True, slots=True)
class Whole:
    """Nothing amiss was found."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """Its next use sets it aside; `why` in SQLite's words, in one line."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be looked at now, as when it is locked; `why` in SQLite's words."""

    why: str


def connect(file: Path) -> sqlite3.Connection:
    """A connection that reads and, where nobody has the file open, makes no file beside it."""
    alone = "" if StoreFile(file).side("-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{file.as_uri()}?mode=ro{alone}", uri=True)


def integrity(file: Path) -> Whole | Damaged | Unknown:
    """Look through the whole file, changing nothing."""
    try:
        with contextlib.closing(connect(file)) as raw:
            (told,) = raw.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        return Unknown(str(error))
    except sqlite3.DatabaseError as error:
        return Damaged(str(error))
    return Whole() if told == "ok" else Damaged(" ".join(told.split()))
