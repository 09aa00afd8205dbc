"""Removing what has to go, in small steps that ride on writes: expired entries, then the unused.

No index says what has expired or was never used, as every put would pay for it. So each step looks
through some rows, and the next one goes on from there. In a file of up to `WINDOW` entries nothing
that lives goes before all that has expired; in a larger one, while there is little of that.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator
from itertools import chain

from llmcache.backends.sqlite.connection import Transaction
from llmcache.backends.sqlite.rows import hash_of
from llmcache.backends.sqlite.space import BATCH, ROW_OVERHEAD, Bounds, Excess

__all__ = ["ENDED", "OF_SCOPE", "START", "Evictions", "remove"]

WINDOW = 2000
"""Rows among which one write looks for what may go."""

START = -(1 << 63)
"""Below every hash."""

REACH = """SELECT max(hash), count(*), min(ends) FROM
    (SELECT hash, ends FROM entry WHERE hash > ? ORDER BY hash LIMIT ?)"""
ENDED = "ends <= ?"
OF_SCOPE = "scope = ?"

OLDEST = "SELECT id, length(value), hash, used FROM entry WHERE id > ? ORDER BY id LIMIT ?"
USED = """SELECT used * 1000000, id, length(value), hash FROM entry
    WHERE used IS NOT NULL ORDER BY used"""

Found = tuple[int, int, int]
"""The row of an entry, its size and its hash."""


def search(
    raw: sqlite3.Connection, condition: str, value: float, after: int
) -> tuple[list[Found], int | None]:
    """Row, size and hash of up to `BATCH` entries that meet a condition, among the next ones.

    Args:
        raw: The connection.
        condition: `ENDED` or `OF_SCOPE`.
        value: What it compares with.
        after: The hash after which it goes on; `START`: at the beginning.

    Returns:
        What was found, and where to go on; None: all were looked at.
    """
    last, looked_at, soonest = raw.execute(REACH, (after, WINDOW)).fetchone()
    further = last if looked_at == WINDOW else None
    if last is None or (condition == ENDED and (soonest is None or soonest > value)):
        return [], further
    meeting = f"""SELECT id, length(value), hash FROM entry
        WHERE hash > ? AND hash <= ? AND {condition} ORDER BY hash LIMIT ?"""  # noqa: S608 - from above  # nosec
    found = raw.execute(meeting, (after, last, value, BATCH)).fetchall()
    if len(found) == BATCH:
        return found, found[-1][2]
    return found, further


def remove(
    raw: sqlite3.Connection, condition: str, value: float, after: int
) -> tuple[int, int | None]:
    """Remove what `search` finds; how many, and where to go on. Writes only where there is some."""
    found, further = search(raw, condition, value, after)
    if not found:
        return 0, further
    with Transaction(raw):
        rows = [(row, value) for row, _, _ in found]
        done = raw.executemany(f"DELETE FROM entry WHERE id = ? AND {condition}", rows)  # noqa: S608 - as above  # nosec B608
        return done.rowcount, further


class Evictions:
    """Removing what has to go, up to `BATCH` entries at a time.

    Args:
        bounds: Of the store. Removing much at once makes the log long, which counts as well.

    Attributes:
        after: Where the search for expired entries goes on.
        passed: The rows up to this one were all used, so they need not be looked at again.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.gladly: int = bounds.rows_at_once
        self.after: int | None = START
        self.passed: int = 0

    def evict(self, raw: sqlite3.Connection, excess: Excess, now: float, keep: str = "") -> int:
        """Remove entries, `keep` not among them, until `excess` is gone; how many.

        Expired ones go first, some beyond need: they serve nobody.
        """
        kept = hash_of(keep)
        ended, self.after = search(raw, ENDED, now, START if self.after is None else self.after)
        candidates = chain(ended, self.least_used(raw))
        doomed: dict[int, int] = {}
        freed = 0
        for number, (row, size, found) in enumerate(candidates):
            enough = len(doomed) >= excess.entries and freed >= excess.bytes
            spared = number >= len(ended) or len(doomed) >= self.gladly
            if (enough and spared) or len(doomed) >= BATCH:
                break
            if found != kept and row not in doomed:
                doomed[row] = size
                freed += size + ROW_OVERHEAD
        raw.executemany("DELETE FROM entry WHERE id = ?", [(row,) for row in doomed])
        return len(doomed)

    def least_used(self, raw: sqlite3.Connection) -> Iterator[Found]:
        """The entries in the order in which they go."""
        for _, row, size, found in heapq.merge(self.never_used(raw), raw.execute(USED)):
            yield row, size, found

    def never_used(self, raw: sqlite3.Connection) -> Iterator[tuple[float, int, int, int]]:
        """Those that nobody asked for since they were stored, the oldest first; time in front."""
        first, row = True, 0
        for row, size, found, used in raw.execute(OLDEST, (self.passed, WINDOW // 2)):
            if used is None:
                first = False
                yield row, row, size, found
            elif first:
                self.passed = row
        if first and row == 0:
            self.passed = 0  # the end of the table: begin anew
