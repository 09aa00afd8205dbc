"""Walking over what is stored, counting it, cleaning it up: steps as in `operations`."""

from __future__ import annotations

import sqlite3

from llmcache.backends.base import Listed, Scope
from llmcache.backends.sqlite import epochs
from llmcache.backends.sqlite.connection import Connection, Transaction
from llmcache.backends.sqlite.rows import read_listed
from llmcache.backends.sqlite.space import BATCH, Bounds, evict, excess_of, remove_expired, shrink
from llmcache.backends.sqlite.usage import Usage
from llmcache.clock import Clock

__all__ = ["Upkeep"]

PAGE_OF_LISTING = 200
VACUUM_STEP = 256

LONE_MANIFEST = 86_400.0
"""Seconds that a manifest without entries is kept: it is written before its first entry."""

LISTING = """SELECT rowid, CAST(key AS BLOB) AS key, CAST(namespace AS BLOB) AS namespace,
    CAST(function AS BLOB) AS function, created, expires, stale_until, used, hits, size, seconds,
    CAST(model AS BLOB) AS model, input_tokens, output_tokens,
    CAST(manifest AS BLOB) AS manifest, parts FROM entry"""

Place = tuple[float, int]
"""Where a listing goes on: creation time and row of the last line."""


class Upkeep:
    """The steps, with what they share."""

    def __init__(self, bounds: Bounds, clock: Clock, usage: Usage) -> None:
        self.bounds = bounds
        self.now = clock.time
        self.usage = usage

    def list_page(
        self, connection: Connection, scope: Scope | None, after: Place | None, limit: int
    ) -> tuple[list[Listed], Place | None]:
        """Some lines of a listing, and where the next ones begin; None: nowhere."""
        clauses, values = conditions(scope, after)
        cursor = connection.raw.cursor()
        cursor.row_factory = sqlite3.Row
        rows = cursor.execute(
            f"{LISTING} {clauses} ORDER BY created DESC, rowid DESC LIMIT ?",
            (*values, min(limit, PAGE_OF_LISTING)),
        ).fetchall()
        place = (rows[-1]["created"], rows[-1]["rowid"]) if rows else None
        return [read_listed(row) for row in rows], place

    def count(self, connection: Connection, scope: Scope | None) -> int:
        """The number of entries."""
        if scope is None:
            row = connection.raw.execute("SELECT entries FROM state").fetchone()
        else:
            row = connection.raw.execute(
                "SELECT count(*) FROM entry WHERE namespace = ? AND function = ?",
                (scope.namespace, scope.function),
            ).fetchone()
        return int(row[0])

    def prune_some(self, connection: Connection) -> int:
        """Remove some expired entries; how many."""
        return remove_expired(connection.raw, self.now())

    def evict_some(self, connection: Connection) -> int:
        """Remove some entries beyond the bounds; how many."""
        with Transaction(connection.raw) as transaction:
            self.usage.write(transaction.raw)
            excess = excess_of(transaction.raw, self.bounds, 0, rows=0)
            return 0 if excess is None else evict(transaction.raw, excess, self.now())

    def sweep(self, connection: Connection) -> None:
        """Remove what no entry needs any more: old epochs, ended leases, lone manifests."""
        now = self.now()
        with Transaction(connection.raw) as transaction:
            epochs.forget(transaction.raw, now, BATCH)
            transaction.raw.execute("DELETE FROM lease WHERE expires <= ?", (now,))
            transaction.raw.execute(
                """DELETE FROM manifest WHERE created < ?
                AND digest NOT IN (SELECT manifest FROM entry)""",
                (now - LONE_MANIFEST,),
            )

    def write_back(self, connection: Connection) -> None:
        """Bring the log back into the file and cut it to nothing, if nobody reads from it."""
        connection.raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def shrink_some(self, connection: Connection) -> bool:
        """Give some space back; whether there is more."""
        return shrink(connection.raw, VACUUM_STEP)

    def get_manifest(self, connection: Connection, digest: str) -> bytes | None:
        """See `Manifests.get_manifest`."""
        row = connection.raw.execute(
            "SELECT parts FROM manifest WHERE digest = ?", (digest,)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def put_manifest(self, connection: Connection, digest: str, parts: bytes) -> None:
        """See `Manifests.put_manifest`; nothing is written where it is known."""
        if self.get_manifest(connection, digest) is None:
            connection.raw.execute(
                "INSERT OR IGNORE INTO manifest VALUES (?, ?, ?)", (digest, self.now(), parts)
            )


def conditions(scope: Scope | None, after: Place | None) -> tuple[str, tuple[object, ...]]:
    """The WHERE of a listing and its values."""
    clauses: list[str] = []
    values: tuple[object, ...] = ()
    if scope is not None:
        clauses.append("namespace = ? AND function = ?")
        values += (scope.namespace, scope.function)
    if after is not None:
        clauses.append("(created, rowid) < (?, ?)")
        values += after
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), values
