"""What can still be read of a damaged file: each row by itself, past the pages that are lost."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmcache.backends.base import Entry
from llmcache.backends.sqlite.rows import find_entry
from llmcache.cli.integrity import connect
from llmcache.cli.records import write_entry, write_shared

__all__ = ["Salvaged", "salvaged"]

WALKS = (
    "SELECT id FROM entry INDEXED BY entry_hash ORDER BY hash ASC",
    "SELECT id FROM entry INDEXED BY entry_hash ORDER BY hash DESC",
    "SELECT id FROM entry NOT INDEXED ORDER BY id ASC",
    "SELECT id FROM entry NOT INDEXED ORDER BY id DESC",
)
"""By index and table, from both ends: a walk ends at the first page that cannot be read."""

KEY = "SELECT key FROM entry WHERE id = ?"
MANIFESTS = "SELECT digest, parts FROM manifest ORDER BY digest"


class Salvaged:
    """How it went.

    Attributes:
        read: Entries whose checksum fits.
        lost: Those that could not be read.
    """

    read = 0
    lost = 0


def salvaged(file: Path, now: float, told: Salvaged) -> Iterator[str]:
    """Lines as of an export, manifests first, the entries sorted by key; `told` is filled in."""
    with contextlib.closing(connect(file)) as raw:
        for digest, parts in steps(raw, MANIFESTS):
            with contextlib.suppress(TypeError, AttributeError, UnicodeDecodeError):
                yield write_shared(digest, parts)
        rows = {row for walk in WALKS for (row,) in steps(raw, walk)}
        found = [key for row in rows for (key,) in steps(raw, KEY, row)]
        for key in sorted(key for key in found if isinstance(key, str)):
            entry = entry_of(raw, key, now)
            if entry is not None:
                told.read += 1
                yield write_entry(key, entry)
        told.lost = len(rows) - told.read


def steps(raw: sqlite3.Connection, statement: str, *given: Any) -> Iterator[tuple[Any, ...]]:
    """The rows up to the first that cannot be read."""
    with contextlib.suppress(sqlite3.Error):
        yield from raw.execute(statement, given)


def entry_of(raw: sqlite3.Connection, key: str, now: float) -> Entry | None:
    """One entry, if it is what was stored."""
    try:
        found = find_entry(raw, key, now)
    except sqlite3.Error:
        return None
    return found if isinstance(found, Entry) else None
