"""Walking over what is stored, counting it, cleaning it up: steps as in `operations`."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from llmcache.backends.base import Listed, Scope
from llmcache.backends.sqlite import epochs
from llmcache.backends.sqlite.connection import Connection, Transaction
from llmcache.backends.sqlite.removal import ENDED, OF_SCOPE, Evictions, remove
from llmcache.backends.sqlite.rows import read_listed, scope_number
from llmcache.backends.sqlite.space import BATCH, Bounds, excess_of, filling_of, shrink
from llmcache.backends.sqlite.usage import Usage
from llmcache.clock import Clock

__all__ = ["LINES_AT_ONCE", "Upkeep"]

LINES_AT_ONCE = 200
"""Lines of a listing that are read at once."""

VACUUM_STEP = 256

LONE_MANIFEST = 86_400.0
"""Seconds that a manifest without entries is kept: it is written before its first entry."""

LINES = """SELECT id, CAST(key AS BLOB), CAST(about AS BLOB), parts, used, hits, length(value)
    FROM entry WHERE id IN ({}) ORDER BY id DESC"""

NEWEST = "SELECT id FROM entry ORDER BY id DESC LIMIT ?"
NEWEST_OF = """SELECT id FROM entry INDEXED BY entry_hash WHERE scope = ?
    ORDER BY id DESC LIMIT ?"""


class Upkeep:
    """The steps, with what they share."""

    def __init__(self, bounds: Bounds, clock: Clock, usage: Usage, evictions: Evictions) -> None:
        self.bounds = bounds
        self.now: Callable[[], float] = clock.time
        self.usage: Usage = usage
        self.evictions: Evictions = evictions

    def list_rows(self, connection: Connection, scope: Scope | None, limit: int) -> array[int]:
        """Row numbers, those of the newest entries first: eight bytes an entry, from an index."""
        if scope is None:
            rows = connection.raw.execute(NEWEST, (limit,))
        else:
            rows = connection.raw.execute(NEWEST_OF, (scope_number(scope), limit))
        return array("q", (row for (row,) in rows))

    def list_lines(self, connection: Connection, rows: Sequence[int]) -> list[Listed]:
        """The lines for row numbers; those that are gone meanwhile are left out."""
        lines = LINES.format(",".join("?" * len(rows)))
        return [read_listed(*row) for row in connection.raw.execute(lines, rows)]

    def count(self, connection: Connection, scope: Scope | None) -> int:
        """The number of entries."""
        if scope is None:
            row = connection.raw.execute("SELECT count(*) FROM entry").fetchone()
        else:
            counted = "SELECT count(*) FROM entry WHERE scope = ?"
            row = connection.raw.execute(counted, (scope_number(scope),)).fetchone()
        return int(row[0])

    def prune_some(self, connection: Connection, after: int) -> tuple[int, int | None]:
        """Remove some expired entries; how many, and where to go on."""
        return remove(connection.raw, ENDED, self.now(), after)

    def clear_some(
        self, connection: Connection, after: int, scope: Scope
    ) -> tuple[int, int | None]:
        """Remove some entries of a scope; how many, and where to go on."""
        return remove(connection.raw, OF_SCOPE, scope_number(scope), after)

    def evict_some(self, connection: Connection, after: int) -> tuple[int, int | None]:
        """Remove some entries beyond the bounds; how many, and where to go on."""
        with Transaction(connection.raw) as transaction:
            self.usage.write(transaction.raw)
            filling = filling_of(transaction.raw, self.bounds)
            excess = excess_of(filling, self.bounds, 0, rows=0)
            if excess is None:
                return 0, None
            done = self.evictions.evict(transaction.raw, excess, self.now())
            return done, after if done else None

    def sweep(self, connection: Connection) -> None:
        """Remove what no entry needs any more: old epochs, ended leases, lone manifests."""
        now = self.now()
        with Transaction(connection.raw) as transaction:
            epochs.forget(transaction.raw, now, BATCH)
            transaction.raw.execute("DELETE FROM lease WHERE expires <= ?", (now,))
            transaction.raw.execute(
                """DELETE FROM manifest WHERE created < ?
                AND digest NOT IN (SELECT json_extract(about, '$[5]') FROM entry
                    WHERE json_valid(about))""",
                (now - LONE_MANIFEST,),
            )

    def write_back(self, connection: Connection) -> None:
        """Bring the log back into the file and cut it to nothing, if nobody reads from it."""
        connection.raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def shrink_some(self, connection: Connection, after: int) -> tuple[int, int | None]:
        """Give some space back; none of the entries, and where to go on."""
        with Transaction(connection.raw) as transaction:
            return 0, after if shrink(transaction.raw, VACUUM_STEP) else None

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
