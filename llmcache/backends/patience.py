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

__all__ = ["Pauses", "patience", "remaining"]

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.010
GROWTH = 1.5

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


class Pauses:
    """The sleeps of one wait loop: random, short, and bounded in all.

    They are random so that those who wait for one lock do not wake in step, and grow to 10 ms at
    most; short ones remain likely, so that who waits long is not passed over for ever. What was
    slept counts even where `clock` stands still.

    Args:
        seconds: What may be waited in all, unless `remaining` says less.
        clock: For measuring.
    """

    def __init__(self, seconds: float, *, clock: Clock = SYSTEM) -> None:
        self.left: float = remaining(seconds)
        self.clock = clock
        self.start: float = clock.monotonic()
        self.slept: float = 0.0
        self.longest: float = FIRST_PAUSE

    def once_more(self) -> bool:
        """Sleep for a moment; False, at once, when the time is over."""
        left = self.left - max(self.slept, self.clock.monotonic() - self.start)
        if left <= 0:
            return False
        pause = min(self.longest * random.random(), left)  # noqa: S311 - spreads wake-ups, no secret  # nosec B311
        time.sleep(pause)
        self.slept += pause
        self.longest = min(self.longest * GROWTH, LONGEST_PAUSE)
        return True
