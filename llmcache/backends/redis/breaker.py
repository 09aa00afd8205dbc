"""Stops asking a server that does not answer, and notices when it does again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from llmcache.backends.forks import forkable
from llmcache.clock import SYSTEM, Clock

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "Breaker"]

FIRST_PAUSE = 1.0
"""Seconds for which nobody asks after the first failure."""

LONGEST_PAUSE = 3.0
"""Seconds to which the pauses grow: caching resumes at most so long after the server does."""


class Breaker:
    """Closed until a failure; then open, and one caller at a time is let through to probe.

    A probe that never reports back, as its caller was cancelled, needs no care: the next one is
    due a pause after it began.

    Args:
        clock: Where the time comes from.

    Attributes:
        why: What opened it last.
    """

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self.monotonic: Callable[[], float] = clock.monotonic
        self.lock: threading.Lock = threading.Lock()
        self.closed: bool = True
        self.pause: float = FIRST_PAUSE
        self.next_probe: float = 0.0
        self.why: str = ""
        forkable(self)

    def admits(self) -> bool:
        """Whether this caller may ask the server; open, it takes microseconds to say no."""
        if self.closed:
            return True
        now = self.monotonic()
        if now < self.next_probe:
            return False
        with self.lock:
            if now < self.next_probe:
                return False
            self.pause = min(2 * self.pause, LONGEST_PAUSE)
            self.next_probe = now + self.pause
            return True

    def failed(self, why: str = "") -> None:
        """The server did not answer; what fails while it is open does not prolong the pause."""
        with self.lock:
            self.why = why
            if self.closed:
                self.closed = False
                self.pause = FIRST_PAUSE
                self.next_probe = self.monotonic() + FIRST_PAUSE

    def answered(self) -> None:
        """The server answered, if only with an error."""
        if not self.closed:
            with self.lock:
                self.closed = True

    def remaining(self) -> float:
        """Seconds until somebody may ask; 0 when closed."""
        return 0.0 if self.closed else max(0.0, self.next_probe - self.monotonic())

    def forked(self) -> None:
        """As `Forkable.forked`."""
        self.lock = threading.Lock()
