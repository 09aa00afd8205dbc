"""Entries as rows, with a checksum over all that is served."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from math import inf
from typing import Any
from zlib import crc32

from pydantic_core import from_json, to_json

from llmcache.backends.base import Entry, Listed, Nothing, Scope
from llmcache.backends.entries import MAX_SKEW, end_of
from llmcache.backends.sqlite.schema import scope_text

__all__ = ["find_entry", "hash_of", "read_listed", "scope_number", "write_entry"]

FIND = "SELECT key, checksum, about, parts, value FROM entry WHERE hash = ?"
UNREADABLE_TEXT = "Could not decode"

LATEST = 9e9
"""The last moment that has an `id` of its own; what is made later is listed as of then."""

WRITE = """INSERT INTO entry
    (id, hash, scope, ends, used, hits, checksum, key, about, parts, value) VALUES (
    (SELECT CASE WHEN ? > newest - 1000000 THEN max(?, newest + 1)
        ELSE (WITH RECURSIVE free (id) AS (SELECT ? + abs(random() % 1000000) UNION ALL
            SELECT id + 1 FROM free WHERE EXISTS (SELECT 1 FROM entry WHERE entry.id = free.id))
            SELECT max(id) FROM free) END
        FROM (SELECT coalesce(max(id), 0) AS newest FROM entry)),
    ?, ?, ?, NULL, 0, ?, ?, ?, ?, ?)"""
"""Those that are made now go to the end, in the order of storing; one that is older, as when it
comes out of an export, to a free place within its second."""

HEX_DIGITS = 64
PRIME = (1 << 63) - 25

new_tuple: Callable[[type[Entry], tuple[Any, ...]], Entry] = tuple.__new__
"""`Entry(...)` takes three times as long, and is called at each hit."""

scope_of: Callable[[str, str], Scope] = functools.lru_cache(256)(Scope)
"""Scopes are few, and rows are many."""


def hash_of(key: str) -> int:
    """The hash of a key. Its hex digits as a number, folded: twice as fast as a digest of it."""
    if len(key) == HEX_DIGITS:
        try:
            return int(key, 16) % PRIME
        except ValueError:
            pass
    return -1 - folded(key)


@functools.lru_cache(256)
def scope_number(scope: Scope) -> int:
    """The number of a scope: no two have the same, but by a chance of one in 2^63."""
    return folded(scope_text(scope))


def folded(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") % PRIME


def write_entry(raw: sqlite3.Connection, key: str, entry: Entry) -> bool:
    """Store or replace one entry, by one statement; whether it took the place of a young one."""
    value, scope, created, expires, stale_until, parts, *origin = entry
    about = to_json([scope.namespace, scope.function, created, expires, stale_until, *origin])
    ends = end_of(entry)
    made = int(min(LATEST, max(0.0, created)) * 1e6)
    row = (
        made,
        made,
        made,
        hash_of(key),
        scope_number(scope),
        None if ends == inf else ends,
        crc32(value, crc32(parts, crc32(about))),
        key,
        about.decode(),
        parts,
        value,
    )
    return raw.execute(WRITE, row).rowcount == 0


def find_entry(  # noqa: PLR0911 - runs at each hit: one frame, left as soon as the answer is known
    raw: sqlite3.Connection, key: str, now: float
) -> Entry | Nothing:
    """The entry; `DAMAGED` where it is not what was stored."""
    try:
        row = raw.execute(FIND, (hash_of(key),)).fetchone()
        if row is None:
            return Nothing.ABSENT
        stored_key, stored_checksum, about, parts, value = row
        if stored_key != key:
            return Nothing.ABSENT
        if crc32(value, crc32(about.encode() + parts)) != stored_checksum:
            return Nothing.DAMAGED
        # A name for each, as a list of the rest costs more than the parsing.
        space, name, created, ends, stale, manifest, model, asked, told, took = from_json(about)
        if created > now + MAX_SKEW:
            return Nothing.DAMAGED
        scope = scope_of(space, name)
        return new_tuple(
            Entry,
            (value, scope, created, ends, stale, parts, manifest, model, asked, told, took),
        )
    except (TypeError, ValueError, AttributeError):  # a column of another type
        return Nothing.DAMAGED
    except sqlite3.OperationalError as error:
        if UNREADABLE_TEXT in str(error):
            return Nothing.DAMAGED
        raise


def read_listed(  # noqa: PLR0913, PLR0917 - the columns of a line
    row: int, key: bytes, about: bytes, parts: bytes, used: float | None, hits: int, size: int
) -> Listed:
    """One line of a listing; a damaged row is shown as far as it can be read."""
    made = row / 1e6
    try:
        namespace, function, created, expires, stale_until, *origin = from_json(about)
        scope = scope_of(namespace, function)
        entry = Entry(b"", scope, created, expires, stale_until, parts, *origin)
    except (TypeError, ValueError):
        entry = Entry(b"", Scope("", ""), made)
    return Listed(str(key, "utf-8", "replace"), entry, size, made if used is None else used, hits)
