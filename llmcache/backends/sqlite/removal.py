"""Removing what has to go, in small steps that ride on writes: expired entries, then the unused.

No index says what has expired or was never used, as every put would pay for it. So each step looks
through some rows, and the next one goes on from there. In a file of up to `WINDOW` entries nothing
that lives goes before all that has expired; in a larger one, while there is little of that.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator

from llmcache.backends.sqlite.connection import Transaction
from llmcache.backends.sqlite.rows import hash_of
from llmcache.backends.sqlite.space import BATCH, ROW_OVERHEAD, Excess

__all__ = ["ENDED", "OF_SCOPE", "START", "Evictions", "remove"]

WINDOW = 4000
"""Rows among which one write looks for what may go."""

START = -(1 << 63)
"""Below every hash."""

REACH = """SELECT max(hash), count(*) FROM
    (SELECT hash FROM entry WHERE hash > ? ORDER BY hash LIMIT ?)"""
ENDED = "ends <= ?"
OF_SCOPE = "scope = ?"

OLDEST = "SELECT id, length(value), hash, used FROM entry WHERE id > ? ORDER BY id LIMIT ?"
USED = """SELECT used * 1000000, id, length(value), hash FROM entry
    WHERE used IS NOT NULL ORDER BY used"""

Candidate = tuple[float, int, int, int]
"""When it was last used in microseconds, its row, its size and its hash."""


def search(
    raw: sqlite3.Connection, condition: str, value: float, after: int
) -> tuple[list[tuple[int, int, int]], int | None]:
    """Row, size and hash of up to `BATCH` entries that meet a condition, among the next ones.

    Args:
        raw: The connection.
        condition: `ENDED` or `OF_SCOPE`.
        value: What it compares with.
        after: The hash after which it goes on; `START`: at the beginning.

    Returns:
        What was found, and where to go on; None: all were looked at.
    """
    last, looked_at = raw.execute(REACH, (after, WINDOW)).fetchone()
    if last is None:
        return [], None
    meeting = f"""SELECT id, length(value), hash FROM entry
        WHERE hash > ? AND hash <= ? AND {condition} ORDER BY hash LIMIT ?"""  # noqa: S608 - from above
    found = raw.execute(meeting, (after, last, value, BATCH)).fetchall()
    if len(found) == BATCH:
        return found, found[-1][2]
    return found, last if looked_at == WINDOW else None


def remove(
    raw: sqlite3.Connection, condition: str, value: float, after: int
) -> tuple[int, int | None]:
    """Remove what `search` finds; how many, and where to go on. Writes only where there is some."""
    found, further = search(raw, condition, value, after)
    if not found:
        return 0, further
    with Transaction(raw):
        rows = [(row, value) for row, _, _ in found]
        done = raw.executemany(f"DELETE FROM entry WHERE id = ? AND {condition}", rows)  # noqa: S608 - as above
        return done.rowcount, further


class Evictions:
    """Removing what has to go, up to `BATCH` entries at a time.

    Attributes:
        after: Where the search for expired entries goes on.
        passed: The rows up to this one were all used, so they need not be looked at again.
    """

    def __init__(self) -> None:
        self.after: int | None = START
        self.passed = 0

    def evict(self, raw: sqlite3.Connection, excess: Excess, now: float, keep: str = "") -> int:
        """Remove entries, `keep` not among them, until `excess` is gone; how many.

        Expired ones go first, all that the batch holds: they serve nobody.
        """
        kept = hash_of(keep)
        ended, self.after = search(raw, ENDED, now, START if self.after is None else self.after)
        sizes = {row: size for row, size, found in ended if found != kept}
        freed = sum(sizes.values()) + len(sizes) * ROW_OVERHEAD
        for _, row, size, found in self.least_used(raw):
            enough = len(sizes) >= excess.entries and freed >= excess.bytes
            if enough or len(sizes) >= BATCH:
                break
            if found != kept and row not in sizes:
                sizes[row] = size
                freed += size + ROW_OVERHEAD
        raw.executemany("DELETE FROM entry WHERE id = ?", [(row,) for row in sizes])
        return len(sizes)

    def least_used(self, raw: sqlite3.Connection) -> Iterator[Candidate]:
        """The entries in the order in which they go."""
        return heapq.merge(self.never_used(raw), raw.execute(USED))

    def never_used(self, raw: sqlite3.Connection) -> Iterator[Candidate]:
        """Those that nobody asked for since they were stored, the oldest first."""
        first, row = True, 0
        for row, size, found, used in raw.execute(OLDEST, (self.passed, WINDOW // 4)):
            if used is None:
                first = False
                yield row, row, size, found
            elif first:
                self.passed = row
        if first and row == 0:
            self.passed = 0  # the end of the table: begin anew
