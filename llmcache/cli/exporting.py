"""Entries out of a store and into one, in an order that does not change, in bounded memory."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from llmcache.backends.base import Backend, Bulk, Entry, Manifests, able
from llmcache.backends.entries import end_of
from llmcache.cli.filters import Filter
from llmcache.cli.records import (
    BadRecord,
    Record,
    Shared,
    read_record,
    write_entry,
    write_shared,
)
from llmcache.cli.stores import lines_of, read_many

__all__ = ["Imported", "bring_in", "lines_out", "sorted_keys", "verify"]

AT_ONCE = 100
BYTES_AT_ONCE = 8_000_000


@dataclass(slots=True)
class Imported:
    """What became of the lines: stored; left as the store has a newer one, or as it has ended."""

    stored: int = 0
    older: int = 0
    ended: int = 0


@contextlib.contextmanager
def sorted_keys(store: Backend, wanted: Filter) -> Iterator[sqlite3.Connection]:
    """The keys and manifests of the entries that are meant, in a database that SQLite keeps.

    It is a temporary one of this connection: in memory while small, else on disk, without a name.
    """
    with contextlib.closing(sqlite3.connect("")) as found:
        found.execute("CREATE TABLE shared (digest TEXT PRIMARY KEY) WITHOUT ROWID")
        found.execute("CREATE TABLE entry (key TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")
        for listed in lines_of(store, wanted):
            found.execute("INSERT OR IGNORE INTO entry VALUES (?, ?)", (listed.key, listed.size))
            found.execute("INSERT OR IGNORE INTO shared VALUES (?)", (listed.entry.manifest,))
        yield found


def lines_out(
    store: Backend, found: sqlite3.Connection, advance: Callable[[], None]
) -> Iterator[str]:
    """The lines: manifests, then entries, each sorted. What is gone or damaged is left out."""
    manifests = able(store, Manifests)
    for (digest,) in found.execute("SELECT digest FROM shared WHERE digest <> '' ORDER BY digest"):
        parts = manifests.get_manifest(digest) if manifests else None
        if parts is not None:
            yield write_shared(digest, parts)
    for keys in some_at_once(found.execute("SELECT key, size FROM entry ORDER BY key")):
        for key, entry in sorted(read_many(store, keys).items()):
            yield write_entry(key, entry)
        for _ in keys:
            advance()


def some_at_once(sized: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Keys in lists whose entries may be in memory together."""
    keys: list[str] = []
    size = 0
    for key, more in sized:
        if keys and (len(keys) >= AT_ONCE or size + more > BYTES_AT_ONCE):
            yield keys
            keys, size = [], 0
        keys.append(key)
        size += more
    if keys:
        yield keys


def records_of(lines: Iterable[str]) -> Iterator[Record | Shared]:
    """The lines, checked.

    Raises:
        BadRecord: For the first bad one, with its number.
    """
    for number, line in enumerate(lines, start=1):
        try:
            yield read_record(line)
        except BadRecord as error:
            raise BadRecord(f"line {number}: {error}") from None


def verify(source: IO[str]) -> int:
    """Read everything and go back to the beginning; how many entries there are.

    Raises:
        BadRecord: A line is not what was exported.
    """
    count = sum(isinstance(record, Record) for record in records_of(source))
    source.seek(0)
    return count


def bring_in(store: Backend, source: IO[str], now: float, advance: Callable[[], None]) -> Imported:
    """Store what the lines hold, some at a time; an entry never takes a newer one's place."""
    manifests, done = able(store, Manifests), Imported()
    batch: dict[str, Entry] = {}
    size = 0
    for record in records_of(source):
        if isinstance(record, Shared):
            if manifests is not None:
                manifests.put_manifest(record.digest, record.parts)
            continue
        batch[record.key] = record.entry
        size += len(record.entry.value)
        if len(batch) >= AT_ONCE or size >= BYTES_AT_ONCE:
            put(store, batch, now, done)
            batch, size = {}, 0
        advance()
    put(store, batch, now, done)
    return done


def put(store: Backend, batch: dict[str, Entry], now: float, done: Imported) -> None:
    """Store those of a batch that are worth it."""
    chosen = {}
    there = read_many(store, list(batch))
    for key, entry in batch.items():
        known = there.get(key)
        if known is not None and known.created >= entry.created:
            done.older += 1
        elif end_of(entry) <= now:
            done.ended += 1
        else:
            chosen[key] = entry
    bulk = able(store, Bulk)
    if bulk is not None and chosen:
        bulk.put_many(chosen)
    elif chosen:
        for key, entry in chosen.items():
            store.put(key, entry)
    done.stored += len(chosen)
