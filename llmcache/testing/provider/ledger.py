"""Which requests came, and how many were answered at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from llmcache.testing.provider.request import Request

__all__ = ["Ledger"]


class Ledger:
    """Counts under one lock; those who wait for a count are told of each change."""

    def __init__(self) -> None:
        self.changed: threading.Condition = threading.Condition()
        self.forget()

    def forget(self) -> None:
        """Start anew; what is in flight stays so."""
        with self.changed:
            self.requests: list[Request] = []
            self.in_flight: set[int] = set()
            self.most_in_flight: int = 0
            self.abandoned: int = 0

    def arrive(self, number: int, made: Callable[[int], Request]) -> Request:
        """Record a request."""
        request = made(number)
        with self.changed:
            self.requests.append(request)
            self.in_flight.add(number)
            self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
            self.changed.notify_all()
        return request

    def leave(self, number: int, *, abandoned: bool = False) -> None:
        """The answer is about to end, or its client has gone; a second time does nothing."""
        with self.changed:
            if number in self.in_flight:
                self.in_flight.discard(number)
                self.abandoned += abandoned
                self.changed.notify_all()

    def wait_until(self, reached: Callable[[], bool], timeout: float, what: str) -> None:
        """Block until `reached()`, asked again after each change.

        Raises:
            TimeoutError: Not reached within `timeout` seconds; names `what` and the state.
        """
        with self.changed:
            if not self.changed.wait_for(reached, timeout):
                state = f"{len(self.requests)} came, {len(self.in_flight)} are in flight"
                raise TimeoutError(f"{what} did not come within {timeout} s: {state}")
