"""How long storage may still hold up the call that is running.

One call may ask a backend several times. What it may wait in all is one figure, so the engine
sets it once for the call and every wait loop below reads what is left.
"""

from __future__ import annotations

import contextlib
import contextvars
import random
import time
from collections.abc import Iterator

from llmcache.clock import SYSTEM, Clock

__all__ = ["patience", "pauses", "remaining"]

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.010

deadline: contextvars.ContextVar[tuple[float, Clock] | None] = contextvars.ContextVar(
    "llmcache.deadline", default=None
)


@contextlib.contextmanager
def patience(seconds: float, *, clock: Clock = SYSTEM) -> Iterator[None]:
    """Let the backends asked inside wait for `seconds` in all, however often they are asked.

    Inside another `patience` the earlier end counts. It follows the context: worker threads
    started with a copy of the context share it.
    """
    end = clock.monotonic() + remaining(seconds)
    token = deadline.set((end, clock))
    try:
        yield
    finally:
        deadline.reset(token)


def remaining(default: float) -> float:
    """Seconds that may still be waited: `default`, or what is left if less; never below 0."""
    bound = deadline.get()
    if bound is None:
        return default
    end, clock = bound
    return max(0.0, min(default, end - clock.monotonic()))


def pauses(seconds: float, *, clock: Clock = SYSTEM) -> Iterator[None]:
    """Yield for a first attempt at once, then after random short sleeps, for `seconds` in all.

    The sleeps are random, so that those who wait for one lock do not wake in step, and grow to
    10 ms at most; short ones remain likely, so that who waits long is not passed over. What was
    slept counts even where `clock` stands still.
    """
    patience_left = remaining(seconds)
    start = clock.monotonic()
    slept = 0.0
    longest = FIRST_PAUSE
    yield
    while max(slept, clock.monotonic() - start) < patience_left:
        pause = min(longest * random.random(), patience_left)  # noqa: S311 - spreads wake-ups, no secret
        time.sleep(pause)
        slept += pause
        longest = min(longest * 1.5, LONGEST_PAUSE)
        yield
