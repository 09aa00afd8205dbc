"""What the calls of one function came to since it was last written: counted, in memory."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llmcache.backends.base import Entry, Scope
from llmcache.backends.counts import Cell, Missed, Sums
from llmcache.backends.forks import forkable
from llmcache.clock import Clock

if TYPE_CHECKING:  # as in `tally`
    from llmcache.events import Event

__all__ = ["Account", "RunningCounts"]

DAY = 86_400
TAKEN = Entry._fields.index("model")
"""Where an entry begins to say what its answer took: model, tokens asked and answered, seconds."""

NOTED = 1000
"""Hits that are noted before they are added up."""

Taken = tuple[str | None, int | None, int | None, float]


class Amounts:
    """Sums while they grow."""

    __slots__ = ("calls", "input_tokens", "output_tokens", "seconds")

    def __init__(self) -> None:
        self.calls: int = 0
        self.seconds: float = 0.0
        self.input_tokens: int = 0
        self.output_tokens: int = 0

    def add(
        self, seconds: float, input_tokens: int | None, output_tokens: int | None, calls: int = 1
    ) -> None:
        """So many calls more, each of which took that."""
        self.calls += calls
        self.seconds += calls * seconds
        self.input_tokens += calls * (input_tokens or 0)
        self.output_tokens += calls * (output_tokens or 0)

    def sums(self) -> Sums:
        """As they are kept."""
        return Sums(self.calls, self.seconds, self.input_tokens, self.output_tokens)


class RunningCounts:
    """The counts of one function in one store, since they were last written.

    Args:
        scope: Whose calls.
        clock: Tells the day.
        missed: Where single misses go.
        touched: Called when something was counted that is to be written.
    """

    def __init__(
        self, scope: Scope, clock: Clock, missed: deque[Missed], touched: Callable[[], None]
    ) -> None:
        self.scope = scope
        self.now: Callable[[], float] = clock.time
        self.missed = missed
        self.touched = touched
        self.forked()
        forkable(self)

    def forked(self) -> None:
        """See `Forkable.forked`; a child counts its own calls only."""
        # Re-entrant, as a finalizer may call in the middle of a count.
        self.lock: threading.RLock = threading.RLock()
        self.hits: deque[Taken] = deque()
        self.quiet: bool = True
        self.cells: dict[Cell, Amounts] = {}
        self.day: str = ""
        self.day_ends: float = 0.0

    def add_hit(self, entry: Entry, now: float) -> None:
        """Count a hit: the hot path, so that it is only noted, and added up with many others."""
        if now >= self.day_ends:
            with self.lock:
                self.turn()
        hits = self.hits
        hits.append(entry[TAKEN:])  # type: ignore[arg-type]  # the last fields of an entry
        # Asked after the hit was noted: `taken` says so before it takes the notes, so that one of
        # the two sees the other.
        if self.quiet or len(hits) > NOTED:
            self.settle()

    def settle(self) -> None:
        """See that hits are written in time, and that not too many are only noted."""
        if self.quiet:
            self.quiet = False
            self.touched()
        if len(self.hits) > NOTED:
            with self.lock:
                self.add_up_hits()

    def add(self, event: Event) -> None:
        """Count an event that has an outcome."""
        outcome = event.outcome
        reason = getattr(event, "reason", "") or getattr(event, "operation", "")
        with self.lock:
            now = self.now()
            if now >= self.day_ends:
                self.turn()
            cell = self.cell(event.model, outcome, reason)
            amounts = self.cells.setdefault(cell, Amounts())
            if outcome == "miss":
                amounts.calls += 1  # what it took is counted of the run, whoever it was for
            else:
                amounts.add(event.saved, event.input_tokens, event.output_tokens)
        if outcome == "miss":
            self.missed.append(Missed(now, *self.names, event.key, reason))
        if outcome != "bypass":
            self.touched()

    def add_run(
        self,
        seconds: float,
        model: str | None,
        input_tokens: int | None,
        output_tokens: int | None,
        *,
        refresh: bool,
    ) -> None:
        """Count one run of the function, with what it took; `refresh`: behind a caller's back."""
        with self.lock:
            if self.now() >= self.day_ends:
                self.turn()
            amounts = self.cells.setdefault(
                self.cell(model, "run", "refresh" if refresh else ""), Amounts()
            )
            amounts.add(seconds, input_tokens, output_tokens)
        self.touched()

    @property
    def names(self) -> tuple[str, str]:
        """Namespace and function."""
        return self.scope.namespace, self.scope.function

    def cell(self, model: str | None, outcome: str, reason: str) -> Cell:
        """Today's cell."""
        return Cell(self.day, *self.names, model or "", outcome, reason)

    def turn(self) -> None:
        """Begin another day; under the lock."""
        self.add_up_hits()
        today = int(self.now() // DAY)
        self.day = f"{datetime.fromtimestamp(today * DAY, UTC):%Y-%m-%d}"
        self.day_ends = (today + 1.0) * DAY

    def add_up_hits(self) -> None:
        """Put the hits that were noted with the other cells; under the lock."""
        noted, hits = self.hits, []
        with contextlib.suppress(IndexError):
            while True:
                hits.append(noted.popleft())
        for (model, input_tokens, output_tokens, seconds), calls in Counter(hits).items():
            amounts = self.cells.setdefault(self.cell(model, "hit", ""), Amounts())
            amounts.add(seconds, input_tokens, output_tokens, calls)

    def taken(self) -> dict[Cell, Sums]:
        """What was counted, once."""
        self.quiet = True
        with self.lock:
            self.add_up_hits()
            cells, self.cells = self.cells, {}
        return {cell: amounts.sums() for cell, amounts in cells.items()}


class Account:
    """Where the calls of one function are counted: held by whoever may count, and by nobody else.

    That none is left tells the book that nothing more will be added to `counts`.
    """

    __slots__ = ("__weakref__", "counts")

    def __init__(self, counts: RunningCounts) -> None:
        self.counts: RunningCounts = counts
