"""The only room that reads time. Everything else is handed a `Clock`; tests hand it their own."""

from __future__ import annotations

from time import monotonic, time
from typing import Protocol

__all__ = ["SYSTEM", "Clock", "SystemClock"]


class Clock(Protocol):
    """Two readings, both in seconds."""

    def time(self) -> float:
        """Seconds since 1970 UTC: comparable between machines, may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment of this process: never jumps, for durations."""
        ...


class SystemClock:
    """The clock of the machine."""

    time: staticmethod[[], float] = staticmethod(time)
    monotonic: staticmethod[[], float] = staticmethod(monotonic)


SYSTEM: Clock = SystemClock()
"""The clock that is used where none is given."""
