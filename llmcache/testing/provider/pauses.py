"""Where an answer is held back: gates that a test opens, and delays. Closing ends both."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from llmcache.testing.provider.request import Request

__all__ = ["AbandonedError", "Gate", "Pauses"]

Gone = Callable[[], bool]
LOOK_EVERY = 0.02
"""Seconds between two looks whether the client is still there."""


class AbandonedError(ConnectionError):
    """The client has gone, or the provider closes: there is nobody to answer."""


class Gate:
    """Holds requests until `release()`; as a context manager, until its end.

    Attributes:
        when: Which requests are held.
        after_chunks: Held before the answer (None), or in a stream after so many pieces.
    """

    def __init__(self, when: Callable[[Request], bool], after_chunks: int | None) -> None:
        self.when = when
        self.after_chunks = after_chunks
        self.opened: threading.Event = threading.Event()
        self.changed: threading.Condition = threading.Condition()
        self.held: int = 0

    def release(self) -> None:
        """Let all held requests go on, and all later ones pass. A second time does nothing."""
        self.opened.set()

    def wait_for(self, count: int, timeout: float = 30.0) -> None:
        """Block until `count` requests stand at this gate at once.

        Raises:
            TimeoutError: Fewer came within `timeout` seconds.
        """
        with self.changed:
            if not self.changed.wait_for(lambda: self.held >= count, timeout):
                raise TimeoutError(f"{self.held} of {count} requests came within {timeout} s")

    def stand(self, interrupted: Gone) -> None:
        """Wait here, on behalf of one request."""
        self.count(1)
        try:
            while not self.opened.wait(LOOK_EVERY):
                if interrupted():
                    raise AbandonedError
        finally:
            self.count(-1)

    def count(self, change: int) -> None:
        """Note that a request came to stand here, or left."""
        with self.changed:
            self.held += change
            self.changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class Pauses:
    """The gates in force, and the end of all waiting."""

    def __init__(self) -> None:
        self.closing: threading.Event = threading.Event()
        self.gates: tuple[Gate, ...] = ()

    def hold(self, when: Callable[[Request], bool], after_chunks: int | None) -> Gate:
        """A new gate, in force from now on."""
        gate = Gate(when, after_chunks)
        self.gates = (*(known for known in self.gates if not known.opened.is_set()), gate)
        return gate

    def release(self) -> None:
        """Open all gates."""
        for gate in self.gates:
            gate.release()

    def pass_gates(self, request: Request, chunks: int | None, gone: Gone) -> None:
        """Wait at each gate that holds this request at this point.

        Raises:
            AbandonedError: Nobody waits for the answer any more.
        """
        for gate in self.gates:
            if gate.after_chunks == chunks and not gate.opened.is_set() and gate.when(request):
                gate.stand(lambda: self.closing.is_set() or gone())

    def sleep(self, seconds: float, gone: Gone) -> None:
        """Wait so long.

        Raises:
            AbandonedError: Nobody waits for the answer any more.
        """
        while seconds > 0:
            if self.closing.wait(min(seconds, LOOK_EVERY)) or gone():
                raise AbandonedError
            seconds -= LOOK_EVERY
