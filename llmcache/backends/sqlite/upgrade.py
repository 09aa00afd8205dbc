"""Files of version 1, whose entries had a column for each fact, led to the present version."""

from __future__ import annotations

import math
import sqlite3
import struct
from zlib import crc32

from llmcache.backends.base import Entry, Scope
from llmcache.backends.sqlite.rows import hash_of, write_entry
from llmcache.backends.sqlite.schema import ENTRIES

__all__ = ["upgrade"]

MOST_MOVED = 50_000
"""Entries that are taken over, the last used: whoever opens the file first waits for it."""

BEFORE = (
    "DROP VIEW calls",
    "DROP INDEX entry_used",
    "DROP INDEX entry_end",
    "DROP INDEX entry_scope",
    "DROP TRIGGER entry_in",
    "DROP TRIGGER entry_out",
    "DROP TRIGGER entry_resized",
    "ALTER TABLE entry RENAME TO entry_1",
    "ALTER TABLE state RENAME TO state_1",
    """CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        first INTEGER NOT NULL,
        number INTEGER NOT NULL)""",
    "INSERT INTO state SELECT id, first, number FROM state_1",
)
LAST_USED = """SELECT key, used, hits, checksum, value, namespace, function, created, expires,
    stale_until, parts, manifest, model, input_tokens, output_tokens, seconds
    FROM (SELECT * FROM entry_1 ORDER BY used DESC LIMIT ?) ORDER BY created"""
USE = "UPDATE entry SET used = ?, hits = ? WHERE hash = ?"
FIGURES = struct.Struct("<4d2q")


def upgrade(raw: sqlite3.Connection) -> None:
    """Make the tables anew and take over what was used last; inside the caller's transaction."""
    for statement in (*BEFORE, *ENTRIES):
        raw.execute(statement)
    raw.text_factory = lambda text: str(text, "utf-8", "replace")
    for key, used, hits, checksum, value, namespace, function, *facts in raw.execute(
        LAST_USED, (MOST_MOVED,)
    ):
        entry = Entry(value, Scope(namespace, function), *facts)
        if checksum == checksum_of(key, entry):
            write_entry(raw, key, entry)
            if hits:
                raw.execute(USE, (used, hits, hash_of(key)))
    raw.text_factory = str
    raw.execute("DROP TABLE entry_1")
    raw.execute("DROP TABLE state_1")


def checksum_of(key: str, entry: Entry) -> int | None:
    """What the checksum of version 1 must be; None: a column is of another type than it was."""
    scope = entry.scope
    words = f"{key}\0{scope.namespace}\0{scope.function}\0{entry.manifest}\0{entry.model or ''}"
    times = (math.nan if time is None else time for time in (entry.expires, entry.stale_until))
    tokens = (-1 if told is None else told for told in (entry.input_tokens, entry.output_tokens))
    try:
        figures = FIGURES.pack(entry.created, *times, entry.seconds, *tokens)
        return crc32(entry.value, crc32(entry.parts, crc32(figures, crc32(words.encode()))))
    except (TypeError, struct.error):
        return None
