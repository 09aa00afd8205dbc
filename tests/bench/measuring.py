"""Measuring contenders in turn, so that a slow minute of the machine hits all of them alike."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

__all__ = ["Batch", "Clock", "Figures", "awaited", "interleaved", "once", "repeated"]

Clock = Callable[[], float]
Batch = Callable[[int], float]
"""Does something so many times; the seconds that it took."""

SHORTEST_BATCH = 0.002
"""Seconds; below this the clock and the loop round the calls would show."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds a call, over the rounds."""

    median: float
    minimum: float

    @classmethod
    def of(cls, seconds: list[float]) -> Figures:
        """The figures of some rounds."""
        return cls(statistics.median(seconds), min(seconds))

    def apart(self, number: int) -> Figures:
        """Of one, where so many were measured as one."""
        return Figures(self.median / number, self.minimum / number)


def repeated(call: Callable[[], Any], clock: Clock = time.thread_time) -> Batch:
    """A plain call as a batch.

    Args:
        call: What is measured.
        clock: By default the processor time of this thread: what others do on the machine does
            not count. What waits, for a disk or another process, is measured by `perf_counter`.
    """

    def batch(number: int) -> float:
        start = clock()
        for _ in repeat(None, number):
            call()
        return clock() - start

    return batch


def awaited(
    loop: asyncio.AbstractEventLoop,
    call: Callable[[], Awaitable[Any]],
    clock: Clock = time.thread_time,
) -> Batch:
    """A coroutine function as a batch: many calls in one task, as in a busy server."""

    async def task(number: int) -> float:
        start = clock()
        for _ in repeat(None, number):
            await call()
        return clock() - start

    return lambda number: loop.run_until_complete(task(number))


def once(measure: Callable[[], float]) -> Batch:
    """What measures itself, such as the start of a process: one at a time, whatever is asked."""
    return lambda number: sum(measure() for _ in range(number))


def calibrated(batch: Batch) -> int:
    """How many calls fill the shortest batch; the calls made here also warm everything up."""
    number = 1
    while min(batch(number) for _ in range(3)) < SHORTEST_BATCH:
        number *= 2
    return number


def interleaved(contenders: Mapping[str, Batch], rounds: int) -> dict[str, Figures]:
    """Measure in turn: A B C, B C A, ... Garbage is collected between rounds.

    Each round begins with another one, as the first after a collection finds the caches cold.
    """
    numbers = {name: calibrated(batch) for name, batch in contenders.items()}
    found: dict[str, list[float]] = {name: [] for name in contenders}
    turn = deque(contenders.items())
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        for name, batch in turn:
            batch(numbers[name] // 10)  # the one before has filled the caches with its own
            found[name].append(batch(numbers[name]) / numbers[name])
        gc.enable()
        turn.rotate(-1)
    return {name: Figures.of(seconds) for name, seconds in found.items()}
