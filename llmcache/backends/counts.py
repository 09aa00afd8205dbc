"""The words of the ledger: what calls came to, summed up by day, function, model and outcome."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from llmcache.backends.workers import in_worker

__all__ = [
    "KEPT_DAYS",
    "KEPT_MISSES",
    "Cell",
    "Counts",
    "KeepsCounts",
    "MemoryLedger",
    "Missed",
    "Sums",
]

KEPT_DAYS = 400
"""Days of which counts are kept."""

KEPT_MISSES = 1000
"""Misses that are kept one by one, the last ones of all functions."""


class Cell(NamedTuple):
    """What is counted together.

    Attributes:
        day: In UTC, as `2026-11-23`.
        namespace: Of the function's entries.
        function: Its name in keys.
        model: The model that answered; empty: not known.
        outcome: `hit`, `miss`, `stale`, `wait` or `bypass`, of a call. On top of those come
            `failure`, of the store, and `run`, of the function itself.
        reason: As in the event; empty for a hit and a wait. Of a run: `refresh` where it was
            behind a caller's back, else empty.
    """

    day: str
    namespace: str
    function: str
    model: str
    outcome: str
    reason: str


class Sums(NamedTuple):
    """How many, and what they took (a run) or spared (a hit, a wait, a stale answer).

    Attributes:
        calls: Their number.
        seconds: Of the function, until its result or its stream was there.
        input_tokens: Of those calls whose tokens are known.
        output_tokens: Likewise.
    """

    calls: int = 0
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(*(one + two for one, two in zip(self, other, strict=True)))  # type: ignore[arg-type]  # in the order of the fields


Counts = Mapping[Cell, Sums]
"""What was counted."""


class Missed(NamedTuple):
    """One miss: when, of which function, for which key, and why."""

    at: float
    namespace: str
    function: str
    key: str
    reason: str


class KeepsCounts:
    """What backends with a ledger share: whoever has counts in hand is asked before they close."""

    flushes: tuple[Callable[[], None], ...] = ()

    def before_close(self, flush: Callable[[], None]) -> None:
        """As `Ledgers.before_close`."""
        self.flushes = (*self.flushes, flush)

    def flush_counts(self) -> None:
        """Let all that is in hand be written."""
        for flush in self.flushes:
            flush()

    async def aflush_counts(self) -> None:
        """As `flush_counts`, async."""
        await in_worker(self.flush_counts)


class MemoryLedger(KeepsCounts):
    """A ledger of this process, for a backend that is one too."""

    def __init__(self) -> None:
        self.writing: threading.Lock = threading.Lock()
        self.cells: dict[Cell, Sums] = {}
        self.missed: deque[Missed] = deque(maxlen=KEPT_MISSES)

    def add_counts(self, counts: Counts, missed: Iterable[Missed], batch: str = "") -> None:  # noqa: ARG002 - nothing gets through that fails
        """As `Ledgers.add_counts`."""
        with self.writing:
            for cell, sums in counts.items():
                self.cells[cell] = self.cells.get(cell, Sums()).plus(sums)
            self.missed.extend(missed)

    def counts(self, since: str = "") -> Counts:
        """As `Ledgers.counts`."""
        with self.writing:
            return {cell: sums for cell, sums in self.cells.items() if cell.day >= since}

    def misses(self, limit: int) -> list[Missed]:
        """As `Ledgers.misses`."""
        with self.writing:
            return list(reversed(self.missed))[:limit]
