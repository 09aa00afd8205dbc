"""What the backend does on a connection: each method is one step, whole or not at all.

None of them waits, and each may be called again after it raised.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping

from llmcache.backends.base import Claim, Entry, Held, Nothing, Scope
from llmcache.backends.entries import is_live
from llmcache.backends.sqlite import epochs, leases
from llmcache.backends.sqlite.connection import Connection, Transaction
from llmcache.backends.sqlite.removal import Evictions
from llmcache.backends.sqlite.rows import find_entry, hash_of, write_entry
from llmcache.backends.sqlite.space import (
    BATCH,
    PAGE,
    ROW_OVERHEAD,
    Bounds,
    excess_of,
    filling_of,
    room_of,
    shrink,
)
from llmcache.backends.sqlite.undone import UNDONE, Undone
from llmcache.backends.sqlite.usage import Usage
from llmcache.clock import Clock

__all__ = ["LARGE", "Operations"]

LARGE = 1 << 20
"""Bytes of a value beyond which it is not read on an event loop."""

SIZE = "SELECT length(value) FROM entry WHERE hash = ? AND key = ?"
DELETE = "DELETE FROM entry WHERE hash = ? AND key = ?"
CAUTION = 32
"""How many times as much others may write as this process, between two looks at the filling."""

WRITE_OVERHEAD = 30_000
"""Bytes of log that a write takes beside the value: the pages of the table and its indexes."""

SHRINK_PER_WRITE = 64
"""Unused pages that a write gives back while the file is too large."""


class Operations:
    """The steps, with what they share."""

    def __init__(self, bounds: Bounds, clock: Clock) -> None:
        self.bounds = bounds
        self.now: Callable[[], float] = clock.time
        self.usage: Usage = Usage(bounds.rows_at_once)
        self.evictions: Evictions = Evictions(bounds)
        self.written: int = 0
        self.room_rows: float = 0.0
        self.room_bytes: float = 0.0
        self.evicting: bool = False

    # Entries

    def get(self, connection: Connection, key: str) -> Entry | Nothing:
        """The entry, checked; counts as a use."""
        now = self.now()
        found = find_entry(connection.raw, key, now)
        if connection.writable and isinstance(found, Entry):
            self.usage.note(key, now)
        return found

    def get_small(self, connection: Connection, key: str) -> Entry | Nothing | Undone:
        """As `get`, but leaves a large value unread."""
        row = connection.raw.execute(SIZE, (hash_of(key), key)).fetchone()
        if row is not None and not (isinstance(row[0], int) and row[0] <= LARGE):
            return UNDONE
        return self.get(connection, key)

    def put(self, connection: Connection, key: str, entry: Entry) -> None:
        """Store one entry: by one statement, unless there may be something to clean up."""
        if self.has_room(len(entry.value)) and not self.usage.overdue:
            self.write(connection.raw, key, entry)
        else:
            with Transaction(connection.raw) as transaction:
                self.clean_up(transaction.raw, len(entry.value), keep=key)
                self.write(transaction.raw, key, entry)
        self.cut_log(connection, len(entry.value))

    def cut_log(self, connection: Connection, written: int) -> None:
        """Cut the log where it takes too much of the bound; another time if somebody reads it.

        SQLite writes the log back by itself, but leaves it as large as the largest burst made it.
        """
        self.written += written + WRITE_OVERHEAD
        log_bytes = self.bounds.log_pages * PAGE
        if self.written < log_bytes:
            return
        self.written = 0
        if connection.log_size() > 2 * log_bytes:
            with contextlib.suppress(sqlite3.OperationalError):
                connection.raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def store(self, raw: sqlite3.Connection, key: str, entry: Entry) -> None:
        """Make room and store one entry, inside the caller's transaction."""
        if not self.has_room(len(entry.value)) or self.usage.overdue:
            self.clean_up(raw, len(entry.value), keep=key)
        self.write(raw, key, entry)

    def write(self, raw: sqlite3.Connection, key: str, entry: Entry) -> None:
        """Store one entry; being stored again is a use."""
        if write_entry(raw, key, entry):
            self.usage.note(key, self.now(), 0)

    def has_room(self, size: int) -> bool:
        """Whether an entry fits for certain, whatever others wrote since the last look."""
        self.room_rows -= CAUTION
        self.room_bytes -= CAUTION * (size + ROW_OVERHEAD)
        return self.room_rows > 0 and self.room_bytes > 0

    def clean_up(self, raw: sqlite3.Connection, size: int, keep: str) -> None:
        """Write what is due, and evict what has to go before an entry of this size comes."""
        now, filling = self.now(), filling_of(raw, self.bounds)
        self.room_rows, self.room_bytes = room_of(filling, self.bounds)
        excess = excess_of(filling, self.bounds, size, begun=self.evicting)
        self.evicting = excess is not None
        if self.usage.overdue or excess is not None:
            self.usage.write(raw)
        if excess is not None:
            self.evictions.evict(raw, excess, now, keep)
            epochs.forget(raw, now, BATCH)
        if filling.pages > self.bounds.pages:
            shrink(raw, SHRINK_PER_WRITE)

    def put_many(self, connection: Connection, entries: Mapping[str, Entry]) -> None:
        """Store all or none."""
        with Transaction(connection.raw) as transaction:
            for key, entry in entries.items():
                self.store(transaction.raw, key, entry)
        self.cut_log(connection, sum(len(entry.value) for entry in entries.values()))

    def get_many(self, connection: Connection, keys: Iterable[str]) -> dict[str, Entry]:
        """Those that are there and whole, as of one moment; no use of them is counted."""
        now = self.now()
        connection.raw.execute("BEGIN")
        try:
            found = ((key, find_entry(connection.raw, key, now)) for key in keys)
            return {key: entry for key, entry in found if isinstance(entry, Entry)}
        finally:
            connection.raw.execute("COMMIT")

    def delete(self, connection: Connection, key: str) -> bool:
        """Remove one entry; nothing is written where there is none."""
        raw, row = connection.raw, (hash_of(key), key)
        if raw.execute(SIZE, row).fetchone() is None:
            return False
        return raw.execute(DELETE, row).rowcount > 0

    def write_usage(self, connection: Connection) -> bool:
        """Write down some of what was used, where that can be written."""
        if connection.writable:
            with Transaction(connection.raw) as transaction:
                self.usage.write(transaction.raw)
        return connection.writable

    # Epochs

    def epoch(self, connection: Connection, key: str, scope: Scope) -> int:
        """See `Epochs.epoch`."""
        return epochs.epoch(connection.raw, key, scope)

    def put_if(self, connection: Connection, key: str, entry: Entry, epoch: int) -> bool:
        """Store unless the key was invalidated after `epoch`."""
        with Transaction(connection.raw) as transaction:
            if epochs.epoch(transaction.raw, key, entry.scope) != epoch:
                return False
            self.store(transaction.raw, key, entry)
        self.cut_log(connection, len(entry.value))
        return True

    def invalidate(self, connection: Connection, key: str, scope: Scope) -> bool:
        """Remove the entry and begin a new epoch for its key."""
        connection.version = None
        with Transaction(connection.raw) as transaction:
            epochs.advance_key(transaction.raw, key, scope, self.now())
            return self.delete(connection, key)

    def advance(self, connection: Connection, key: str, scope: Scope) -> int:
        """Begin a new epoch for a key."""
        connection.version = None
        with Transaction(connection.raw) as transaction:
            return epochs.advance_key(transaction.raw, key, scope, self.now())

    def advance_scope(self, connection: Connection, scope: Scope) -> int:
        """Begin a new epoch for a scope."""
        connection.version = None
        with Transaction(connection.raw) as transaction:
            return epochs.advance_scope(transaction.raw, scope, self.now())

    def invalidations(self, connection: Connection) -> int:
        """The last number, read again only when it may have changed."""
        version: int = connection.raw.execute("PRAGMA data_version").fetchone()[0]
        if version != connection.version:
            connection.number = epochs.last(connection.raw)
            connection.version = version
        return connection.number

    def invalidated_since(self, connection: Connection, number: int) -> list[str | Scope]:
        """See `Invalidations.invalidated_since`."""
        return epochs.since(connection.raw, number)

    # Leases

    def claim(  # noqa: PLR0913, PLR0917 - the arguments of `Leasing.claim`
        self,
        connection: Connection,
        key: str,
        scope: Scope,
        token: str,
        seconds: float,
        max_age: float | None,
    ) -> Claim:
        """Look first; begin writing only where a lease can be had."""
        claim = self.survey(connection.raw, key, scope, token, max_age)
        if claim.held is not None or is_live(claim.entry, self.now(), max_age):
            return claim
        if not connection.writable:
            return claim  # nobody can store, so nobody need wait for another
        with Transaction(connection.raw) as transaction:
            claim = self.survey(transaction.raw, key, scope, token, max_age)
            now = self.now()
            if claim.held is None and not is_live(claim.entry, now, max_age):
                leases.take(
                    transaction.raw, key, token=token, epoch=claim.epoch, seconds=seconds, now=now
                )
        return claim

    def survey(
        self, raw: sqlite3.Connection, key: str, scope: Scope, token: str, max_age: float | None
    ) -> Claim:
        """What a claim would be answered now; the epoch is read before the entry.

        An invalidation between the two is then an older epoch, which refuses to store: the safe
        side.
        """
        epoch = epochs.epoch(raw, key, scope)
        now = self.now()
        entry = find_entry(raw, key, now)
        if is_live(entry, now, max_age):
            self.usage.note(key, now)
            return Claim(entry, epoch)
        lease = leases.read(raw, key)
        if lease is None or leases.is_free(lease, token, epoch, now):
            return Claim(entry, epoch)
        return Claim(entry, epoch, Held(lease.expires))

    def settle(
        self, connection: Connection, key: str, token: str, entry: Entry, epoch: int
    ) -> bool:
        """Store unless invalidated, and give the lease back."""
        with Transaction(connection.raw) as transaction:
            current = epochs.epoch(transaction.raw, key, entry.scope) == epoch
            if current:
                self.store(transaction.raw, key, entry)
            leases.drop(transaction.raw, key, token)
        self.cut_log(connection, len(entry.value))
        return current

    def renew(self, connection: Connection, key: str, token: str, seconds: float) -> bool:
        """See `Leasing.renew`."""
        return leases.extend(connection.raw, key, token, seconds, self.now())

    def release(self, connection: Connection, key: str, token: str) -> None:
        """See `Leasing.release`."""
        if connection.writable:
            leases.drop(connection.raw, key, token)
