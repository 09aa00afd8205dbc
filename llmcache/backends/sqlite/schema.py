"""What is in the file: tables, the view for people, and how an older file becomes this one.

A put is paid for each index, so there is one: `entry_hash` leads from a key to its row, and holds
what is asked of all rows (of which scope, ended or not), which are so looked through without their
values. The hash of a key (`rows.hash_of`) spares an index over texts. Two keys of one hash, a
chance of one in 2^63, take each other's place.

The `id` of an entry is when it was made, in microseconds, or the next free number: the table lies
in the order of age, new rows at its end. One that is replaced within a minute stays in its place,
which is half the work, and is noted as used. So who was never used is found without an index in the
order in which it goes, and who was used is in `entry_used`, into which no put writes.

`about` is JSON, in the order of `rows.ABOUT`. `entry` ends with the value, so that a listing never
reads over a large one. `what` in `invalidation` is a key, or a scope as `scope_text` writes it.
`state` has one row: where the numbers of invalidations began, and the last one.
"""

from __future__ import annotations

import sqlite3

from llmcache.backends.base import Scope

__all__ = ["APPLICATION_ID", "ENTRIES", "VERSION", "create", "read_scope", "scope_text"]

APPLICATION_ID = 0x6C6C6D63  # "llmc"
VERSION = 2

ENTRIES = (
    """CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        hash INTEGER NOT NULL,
        scope INTEGER NOT NULL,
        ends REAL,
        used REAL,
        hits INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        key TEXT NOT NULL,
        about TEXT NOT NULL,
        parts BLOB NOT NULL,
        value BLOB NOT NULL)""",
    "CREATE INDEX entry_hash ON entry (hash, scope, ends)",
    "CREATE INDEX entry_used ON entry (used) WHERE used IS NOT NULL",
    """CREATE TRIGGER entry_replaced BEFORE INSERT ON entry
        WHEN EXISTS (SELECT 1 FROM entry WHERE hash = new.hash) BEGIN
        UPDATE entry SET scope = new.scope, ends = new.ends, hits = 0, checksum = new.checksum,
            key = new.key, about = new.about, parts = new.parts, value = new.value
            WHERE hash = new.hash AND id > new.id - 60000000;
        SELECT RAISE(IGNORE) WHERE changes() > 0;
        DELETE FROM entry WHERE hash = new.hash; END""",
    """CREATE VIEW calls AS SELECT
        json_extract(about, '$[0]') AS namespace,
        json_extract(about, '$[1]') AS function,
        json_extract(about, '$[6]') AS model,
        json_extract(about, '$[7]') AS input_tokens,
        json_extract(about, '$[8]') AS output_tokens,
        length(value) AS size,
        hits,
        json_extract(about, '$[9]') AS seconds,
        strftime('%Y-%m-%dT%H:%M:%SZ', json_extract(about, '$[2]'), 'unixepoch') AS created,
        strftime('%Y-%m-%dT%H:%M:%SZ', json_extract(about, '$[3]'), 'unixepoch') AS expires,
        strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(used, id / 1000000), 'unixepoch') AS used,
        key
        FROM (SELECT id, used, hits, key, value,
            CASE WHEN json_valid(about) THEN about END AS about FROM entry)""",
)

REST = (
    """CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        first INTEGER NOT NULL,
        number INTEGER NOT NULL)""",
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
)


def create(raw: sqlite3.Connection, first: int) -> None:
    """Make the tables of a new file; inside the caller's transaction.

    Args:
        raw: The connection.
        first: Where the file begins to number invalidations. Above all numbers of a file that
            was there before, so that nobody who remembers one of those takes it for a newer one.
    """
    for statement in (*ENTRIES, *REST):
        raw.execute(statement)
    raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    raw.execute("INSERT INTO state (id, first, number) VALUES (1, ?, ?)", (first, first))


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
