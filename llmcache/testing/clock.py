"""Time that stands still until a test moves it."""

from __future__ import annotations

import threading

from llmcache.durations import Duration, parse_duration

__all__ = ["ManualClock"]

BEGINNING = 1_700_000_000.0
"""A round moment in November 2023: in the past for every machine, later than any release."""


class ManualClock:
    """A `Clock` for tests. Safe in threads.

    Args:
        start: The time at first, in seconds since 1970 UTC.
    """

    def __init__(self, start: float = BEGINNING) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.wall: float = start
        self.elapsed: float = 0.0

    def time(self) -> float:
        """Seconds since 1970 UTC, as set and advanced."""
        return self.wall

    def monotonic(self) -> float:
        """Seconds advanced since the clock was made; `set` does not change it."""
        return self.elapsed

    def advance(self, by: Duration) -> None:
        """Let time pass.

        Args:
            by: Seconds, a `timedelta`, or text such as `"1h30m"`; above 0.
        """
        seconds = parse_duration(by, name="by")
        with self.lock:
            self.wall += seconds
            self.elapsed += seconds

    def set(self, time: float) -> None:
        """Let the wall clock jump, forwards or backwards, without time passing.

        Args:
            time: Seconds since 1970 UTC.
        """
        with self.lock:
            self.wall = time

    def __repr__(self) -> str:
        return f"ManualClock({self.wall!r})"
