"""Entries as rows, with a checksum over all that is served."""

from __future__ import annotations

import functools
import math
import sqlite3
import struct
from hashlib import sha256
from typing import Any
from zlib import crc32

from llmcache.backends.base import Entry, Listed, Nothing, Scope

__all__ = ["COLUMNS", "id_of", "read_entry", "read_listed", "write_entry"]

FUTURE = 86_400.0
"""Seconds that clocks may differ; an entry from beyond is unreadable, as its age has no meaning."""

COLUMNS = """namespace, function, created, expires, stale_until, parts, manifest, model,
    input_tokens, output_tokens, seconds, checksum, value"""

UPDATED = (
    *("created", "expires", "stale_until", "parts", "manifest", "model", "input_tokens"),
    *("output_tokens", "seconds", "checksum", "value", "size", "used"),
)
STORED = ("id", "key", "namespace", "function", *UPDATED)
INSERT = f"""INSERT INTO entry ({", ".join(STORED)}, hits)
    VALUES ({", ".join("?" * len(STORED))}, 0)"""  # noqa: S608 - constants only
UPSERT = f"""{INSERT} ON CONFLICT (id) DO UPDATE SET hits = 0,
    {", ".join(f"{column} = excluded.{column}" for column in UPDATED)}
    WHERE key = excluded.key AND namespace = excluded.namespace AND function = excluded.function"""
"""Leaves key and scope alone, and so the index over scopes; changes nothing where they differ."""

HEX_DIGITS = 64
PRIME = (1 << 63) - 25

scope_of = functools.lru_cache(256)(Scope)
"""Scopes are few, and rows are many."""

FIGURES = struct.Struct("<4d2q")
NO_TOKENS = -1


def id_of(key: str) -> int:
    """The row of a key. Its hex digits as a number, folded: twice as fast as a hash of its text."""
    if len(key) == HEX_DIGITS:
        try:
            return int(key, 16) % PRIME
        except ValueError:
            pass
    return -1 - int.from_bytes(sha256(key.encode()).digest()[:8], "big") % PRIME


def checksum(key: str, entry: Entry) -> int:
    """CRC-32 over key, scope, times, origin and value: finds damage, not malice."""
    scope = entry.scope
    words = f"{key}\0{scope.namespace}\0{scope.function}\0{entry.manifest}\0{entry.model or ''}"
    figures = FIGURES.pack(
        entry.created,
        math.nan if entry.expires is None else entry.expires,
        math.nan if entry.stale_until is None else entry.stale_until,
        entry.seconds,
        NO_TOKENS if entry.input_tokens is None else entry.input_tokens,
        NO_TOKENS if entry.output_tokens is None else entry.output_tokens,
    )
    return crc32(entry.value, crc32(entry.parts, crc32(figures, crc32(words.encode()))))


def row_of(key: str, entry: Entry, now: float) -> tuple[Any, ...]:
    """The values for `INSERT`."""
    return (
        id_of(key),
        key,
        entry.scope.namespace,
        entry.scope.function,
        entry.created,
        entry.expires,
        entry.stale_until,
        entry.parts,
        entry.manifest,
        entry.model,
        entry.input_tokens,
        entry.output_tokens,
        entry.seconds,
        checksum(key, entry),
        entry.value,
        len(entry.value),
        now,
    )


def write_entry(raw: sqlite3.Connection, key: str, entry: Entry, now: float) -> None:
    """Store or replace one entry, inside the caller's transaction."""
    row = row_of(key, entry, now)
    if raw.execute(UPSERT, row).rowcount == 0:
        raw.execute("DELETE FROM entry WHERE id = ?", (row[0],))
        raw.execute(INSERT, row)


def read_entry(key: str, row: tuple[Any, ...], now: float) -> Entry | Nothing:
    """The entry in a row of `COLUMNS`; `DAMAGED` where it is not what was stored."""
    (
        namespace,
        function,
        created,
        expires,
        stale_until,
        parts,
        manifest,
        model,
        input_tokens,
        output_tokens,
        seconds,
        stored_checksum,
        value,
    ) = row
    entry = Entry(
        value,
        scope_of(namespace, function),
        created,
        expires,
        stale_until,
        parts,
        manifest,
        model,
        input_tokens,
        output_tokens,
        seconds,
    )
    try:
        whole = checksum(key, entry) == stored_checksum and created <= now + FUTURE
    except (TypeError, AttributeError, struct.error):  # a column of another type
        return Nothing.DAMAGED
    return entry if whole else Nothing.DAMAGED


def read_listed(row: sqlite3.Row) -> Listed:
    """One line of a listing; a damaged row is shown as far as it can be read."""
    entry = Entry(
        b"",
        Scope(text(row["namespace"]), text(row["function"])),
        row["created"],
        row["expires"],
        row["stale_until"],
        row["parts"],
        text(row["manifest"]),
        None if row["model"] is None else text(row["model"]),
        row["input_tokens"],
        row["output_tokens"],
        row["seconds"],
    )
    return Listed(text(row["key"]), entry, row["size"], row["used"], row["hits"])


def text(value: Any) -> str:
    """A text column that was read as a blob, whatever bytes it holds."""
    return str(value, "utf-8", "replace") if isinstance(value, bytes) else str(value)
