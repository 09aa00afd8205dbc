"""What is in the file: tables, the view for people, and how an older file becomes a newer one.

The `id` of an entry is a hash of its key (`rows.id_of`). That spares an index over keys, half of
the pages that a read looks at. Two keys of one id, a chance of one in 2^64, take each other's
place. `entry` ends with the value, so that a listing never reads over a large one.
`what` in `invalidation` is a key, or a scope as `scope_text` writes it. `state` has one row:
running totals kept by triggers, and the number of the last invalidation.
"""

from __future__ import annotations

import sqlite3

from llmcache.backends.base import Scope

__all__ = ["APPLICATION_ID", "VERSION", "migrate", "read_scope", "scope_text"]

APPLICATION_ID = 0x6C6C6D63  # "llmc"

CREATE = (
    """CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        namespace TEXT NOT NULL,
        function TEXT NOT NULL,
        created REAL NOT NULL,
        expires REAL,
        stale_until REAL,
        used REAL NOT NULL,
        hits INTEGER NOT NULL DEFAULT 0,
        size INTEGER NOT NULL,
        seconds REAL NOT NULL,
        model TEXT,
        input_tokens INTEGER,
        output_tokens INTEGER,
        manifest TEXT NOT NULL,
        parts BLOB NOT NULL,
        checksum INTEGER NOT NULL,
        value BLOB NOT NULL)""",
    "CREATE INDEX entry_used ON entry (used, created)",
    """CREATE INDEX entry_end ON entry (coalesce(stale_until, expires))
        WHERE coalesce(stale_until, expires) IS NOT NULL""",
    "CREATE INDEX entry_scope ON entry (namespace, function)",
    """CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        entries INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        first INTEGER NOT NULL,
        number INTEGER NOT NULL)""",
    """CREATE TRIGGER entry_in AFTER INSERT ON entry BEGIN
        UPDATE state SET entries = entries + 1, bytes = bytes + new.size; END""",
    """CREATE TRIGGER entry_out AFTER DELETE ON entry BEGIN
        UPDATE state SET entries = entries - 1, bytes = bytes - old.size; END""",
    """CREATE TRIGGER entry_resized AFTER UPDATE OF size ON entry WHEN new.size <> old.size BEGIN
        UPDATE state SET bytes = bytes + new.size - old.size; END""",
    """CREATE TABLE invalidation (
        what TEXT PRIMARY KEY NOT NULL,
        scope TEXT NOT NULL,
        number INTEGER NOT NULL,
        forgotten INTEGER NOT NULL DEFAULT 0,
        at REAL NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX invalidation_at ON invalidation (at)",
    """CREATE TABLE lease (
        key TEXT PRIMARY KEY NOT NULL,
        token TEXT NOT NULL,
        machine TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        seconds REAL NOT NULL,
        expires REAL NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE manifest (
        digest TEXT PRIMARY KEY NOT NULL,
        created REAL NOT NULL,
        parts BLOB NOT NULL) WITHOUT ROWID""",
    """CREATE VIEW calls AS SELECT
        namespace, function, model, input_tokens, output_tokens, size, hits, seconds,
        strftime('%Y-%m-%dT%H:%M:%SZ', created, 'unixepoch') AS created,
        strftime('%Y-%m-%dT%H:%M:%SZ', expires, 'unixepoch') AS expires,
        strftime('%Y-%m-%dT%H:%M:%SZ', used, 'unixepoch') AS used,
        key
        FROM entry""",
)

MIGRATIONS: dict[int, tuple[str, ...]] = {1: CREATE}
"""The statements that lead to each version from the one before; a released line never changes."""

VERSION = max(MIGRATIONS)


def migrate(raw: sqlite3.Connection, version: int, first: int) -> None:
    """Lead a file of `version` (0: empty) to `VERSION`; inside the caller's transaction.

    Args:
        raw: The connection.
        version: What the file is now.
        first: Where a new file begins to number invalidations. Above all numbers of a file that
            was there before, so that nobody who remembers one of those takes it for a newer one.
    """
    for target in range(version + 1, VERSION + 1):
        for statement in MIGRATIONS[target]:
            raw.execute(statement)
    if version == 0:
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        raw.execute(
            "INSERT INTO state (id, entries, bytes, first, number) VALUES (1, 0, 0, ?, ?)",
            (first, first),
        )
    raw.execute(f"PRAGMA user_version = {VERSION}")


def scope_text(scope: Scope) -> str:
    """A scope as one text that no other scope has, and no key either (it holds a NUL)."""
    return f"{len(scope.namespace)}\0{scope.namespace}\0{scope.function}"


def read_scope(what: str) -> str | Scope:
    """The scope that `scope_text` wrote, or the key that `what` is."""
    length, found, rest = what.partition("\0")
    if not found:
        return what
    end = int(length)
    return Scope(rest[:end], rest[end + 1 :])
