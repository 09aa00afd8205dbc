"""How large the file may be, how full it is, and what follows.

What counts is the pages of the file that are in use, and the number of entries where that is
bounded.
"""

from __future__ import annotations

import sqlite3
from math import inf
from typing import NamedTuple

__all__ = [
    "BATCH",
    "PAGE",
    "ROW_OVERHEAD",
    "Bounds",
    "Excess",
    "Filling",
    "excess_of",
    "filling_of",
    "room_of",
    "shrink",
]

BATCH = 200
"""Rows that one write may remove."""

SLACK = 0.02
"""Part of the bound that evictions free beyond need."""

ROW_OVERHEAD = 300
"""Bytes that an entry takes beside its value: key, origin, times, its share of indexes."""

PAGE = 4096
SHARED_MEMORY = 8
"""Pages of the file that connections share."""
LARGEST_WRITE = 16
"""Pages of the log that one write may take beside its value."""
FILE_PART = 0.93
TOLERATED = 1.1
LARGEST_FILE = 1 << 48
LOG_PART = 0.04
SMALLEST_FILE = 24
SMALLEST_LOG = 8
LARGEST_LOG = 2000


class Bounds:
    """How large the store may grow.

    Args:
        bytes: Of content, and of the file with its log.
        entries: None: as many as fit.

    Attributes:
        size: `bytes`, or what no file of SQLite reaches.
        log_pages: Pages of the log at which it is written back.
        pages: Pages of the database in use; an empty one has some fifteen.
        rows_at_once: Rows that a write may change beyond its own: each makes the log longer, which
            counts.
        tiny: Whether an empty file nearly fills it, so that only the content is bounded.
    """

    def __init__(self, bytes: int, entries: int | None = None) -> None:  # noqa: A002 - what it counts
        self.bytes = bytes
        self.entries = entries
        self.size: int = min(bytes, LARGEST_FILE)
        self.log_pages: int = max(SMALLEST_LOG, min(LARGEST_LOG, int(self.size * LOG_PART) // PAGE))
        others = SHARED_MEMORY + LARGEST_WRITE + 2 * self.log_pages
        small = int(self.size * TOLERATED) // PAGE - others
        self.pages: int = max(SMALLEST_FILE, min(int(self.size * FILE_PART) // PAGE, small))
        self.rows_at_once: int = self.pages // 16
        self.tiny: bool = self.pages == SMALLEST_FILE


class Filling(NamedTuple):
    """How full a store is.

    Attributes:
        entries: Their number; 0 where it is not bounded.
        content: Bytes of their values; 0 where pages are what counts.
        pages: Pages of the file.
        unused: Those of them that hold nothing.
    """

    entries: int
    content: int
    pages: int
    unused: int


class Excess(NamedTuple):
    """What has to go: so many entries, and so many bytes."""

    entries: int
    bytes: int


def filling_of(raw: sqlite3.Connection, bounds: Bounds) -> Filling:
    """How full the store is; in constant time unless entries are counted."""
    entries = 0 if bounds.entries is None else "(SELECT count(*) FROM entry)"
    content = "(SELECT coalesce(sum(length(value)), 0) FROM entry)" if bounds.tiny else 0
    row = raw.execute(
        f"""SELECT {entries}, {content}, page_count, freelist_count
        FROM pragma_page_count(), pragma_freelist_count()"""  # noqa: S608 - from above  # nosec
    ).fetchone()
    return Filling(*row)


def excess_of(
    filling: Filling, bounds: Bounds, size: int, rows: int = 1, *, begun: bool = False
) -> Excess | None:
    """What has to go before `rows` entries with `size` bytes of values come; None: nothing.

    Once there is something, more goes than need be, over as many writes as that takes: `begun`
    says that it has not all gone yet. So few writes evict, and few look whether they should.
    """
    used_pages = filling.pages - filling.unused
    if bounds.tiny:
        over_bytes = filling.content + size - bounds.bytes
    else:
        over_bytes = (used_pages - bounds.pages) * PAGE + size + rows * ROW_OVERHEAD
    over_entries = 0 if bounds.entries is None else filling.entries + rows - bounds.entries
    if begun or over_bytes > 0:
        over_bytes += int(bounds.bytes * SLACK)
    if begun or over_entries > 0:
        over_entries += int((bounds.entries or 0) * SLACK)
    return Excess(over_entries, over_bytes) if over_entries > 0 or over_bytes > 0 else None


def room_of(filling: Filling, bounds: Bounds) -> tuple[float, float]:
    """Entries and bytes that may come before somebody has to look again."""
    rows = inf if bounds.entries is None else bounds.entries - filling.entries
    if bounds.tiny:
        return rows, bounds.bytes - filling.content
    return rows, (bounds.pages - filling.pages + filling.unused) * PAGE


def shrink(raw: sqlite3.Connection, pages: int) -> bool:
    """Give up to `pages` unused pages back to the system; whether some are left.

    Inside the caller's transaction. One page at a time: of a longer `PRAGMA incremental_vacuum`,
    which has a step for each page but no rows, Python takes the first step only.
    """
    left: int = raw.execute("PRAGMA freelist_count").fetchone()[0]
    for _ in range(min(pages, left)):
        raw.execute("PRAGMA incremental_vacuum(1)")
    return left > pages
