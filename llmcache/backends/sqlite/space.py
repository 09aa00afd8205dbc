"""Keeping the file within its bounds, in small steps that ride on writes.

Expired entries go first, then the least recently used. What counts is the content in bytes, the
number of entries, and the pages of the file that are in use.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

__all__ = [
    "BATCH",
    "PAGE",
    "ROW_OVERHEAD",
    "Bounds",
    "Excess",
    "Filling",
    "evict",
    "excess_of",
    "filling_of",
    "remove_expired",
    "room_of",
    "shrink",
]

BATCH = 200
"""Rows that one write may remove."""

SLACK = 0.02
"""Part of the bound that an eviction frees beyond need, so that not every write evicts."""

ROW_OVERHEAD = 512
"""Bytes that an entry takes beside its value: key twice, scope twice, times, page headers."""

PAGE = 4096
FILE_PART = 0.93
LOG_PART = 0.08
SMALLEST_FILE = 48
SMALLEST_LOG = 16
LARGEST_LOG = 1000


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large the store may grow.

    Attributes:
        bytes: Of content, and of the file with its log.
        entries: None: as many as fit.
    """

    bytes: int
    entries: int | None = None

    @property
    def pages(self) -> int:
        """Pages of the database in use; an empty one has some thirty."""
        return max(SMALLEST_FILE, int(self.bytes * FILE_PART) // PAGE)

    @property
    def log_pages(self) -> int:
        """Pages of the log at which it is written back."""
        return max(SMALLEST_LOG, min(LARGEST_LOG, int(self.bytes * LOG_PART) // PAGE))


@dataclass(frozen=True, slots=True)
class Filling:
    """How full a store is.

    Attributes:
        entries: Their number.
        content: Bytes of their values.
        pages: Pages of the file.
        unused: Those of them that hold nothing.
    """

    entries: int
    content: int
    pages: int
    unused: int


@dataclass(frozen=True, slots=True)
class Excess:
    """What has to go: so many entries, and so many bytes."""

    entries: int
    bytes: int


def filling_of(raw: sqlite3.Connection) -> Filling:
    """How full the store is, in constant time."""
    row = raw.execute(
        """SELECT entries, bytes, page_count, freelist_count
        FROM state, pragma_page_count(), pragma_freelist_count()"""
    ).fetchone()
    return Filling(*row)


def excess_of(filling: Filling, bounds: Bounds, size: int, rows: int = 1) -> Excess | None:
    """What has to go before `rows` entries with `size` bytes of values come; None: nothing."""
    used_pages = filling.pages - filling.unused
    over_content = filling.content + size - bounds.bytes
    over_pages = (used_pages - bounds.pages) * PAGE + size + rows * ROW_OVERHEAD
    over_entries = 0 if bounds.entries is None else filling.entries + rows - bounds.entries
    over_bytes = max(over_content, over_pages)
    if over_bytes <= 0 and over_entries <= 0:
        return None
    slack_bytes = int(bounds.bytes * SLACK) if over_bytes > 0 else 0
    slack_entries = int((bounds.entries or 0) * SLACK) if over_entries > 0 else 0
    return Excess(over_entries + slack_entries, over_bytes + slack_bytes)


def room_of(filling: Filling, bounds: Bounds) -> int:
    """Bytes that may come before somebody has to look again; 0 where entries are counted."""
    if bounds.entries is not None:
        return 0
    used_pages = filling.pages - filling.unused
    return min(bounds.bytes - filling.content, (bounds.pages - used_pages) * PAGE)


def evict(raw: sqlite3.Connection, excess: Excess, now: float, keep: str = "") -> int:
    """Remove up to `BATCH` entries, `keep` not among them, until `excess` is gone; how many.

    Expired ones go first, all that the batch holds: they serve nobody.
    """
    gone = raw.execute(
        """SELECT id, size FROM entry WHERE coalesce(stale_until, expires) <= ? AND key <> ?
        ORDER BY coalesce(stale_until, expires) LIMIT ?""",
        (now, keep, BATCH),
    ).fetchall()
    freed = sum(size + ROW_OVERHEAD for _, size in gone)
    doomed = [row for row, _ in gone]
    if len(doomed) < excess.entries or freed < excess.bytes:
        doomed += least_used(raw, excess, freed, doomed, keep)
    raw.executemany("DELETE FROM entry WHERE id = ?", [(row,) for row in doomed])
    return len(doomed)


def least_used(
    raw: sqlite3.Connection, excess: Excess, freed: int, doomed: list[int], keep: str
) -> list[int]:
    """The entries that go next: as few as it takes, as many as the batch still holds."""
    chosen: list[int] = []
    already = set(doomed)
    rows = raw.execute("SELECT id, size, key FROM entry ORDER BY used LIMIT ?", (2 * BATCH,))
    for row, size, key in rows.fetchall():
        count = len(doomed) + len(chosen)
        if count >= BATCH or (count >= excess.entries and freed >= excess.bytes):
            break
        if row not in already and key != keep:
            chosen.append(row)
            freed += size + ROW_OVERHEAD
    return chosen


def remove_expired(raw: sqlite3.Connection, now: float) -> int:
    """Remove up to `BATCH` entries that nobody may be served any more; how many."""
    return raw.execute(
        """DELETE FROM entry WHERE id IN (SELECT id FROM entry
        WHERE coalesce(stale_until, expires) <= ? LIMIT ?)""",
        (now, BATCH),
    ).rowcount


def shrink(raw: sqlite3.Connection, pages: int) -> bool:
    """Give up to `pages` unused pages back to the system; whether some are left."""
    raw.execute(f"PRAGMA incremental_vacuum({pages:d})").fetchall()
    left: int = raw.execute("PRAGMA freelist_count").fetchone()[0]
    return left > 0
