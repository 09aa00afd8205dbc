"""One running computation: who waits for it, what it waits for itself, and how it ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Hashable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from llmcache.flight.raising import SharedError

__all__ = ["Abandoned", "Flight", "running_loop"]

Result = TypeVar("Result")


class Abandoned(Exception):  # noqa: N818 - a signal between flight and waiter, never an error of the user
    """The leader went away without an answer: try again."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop of this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Flight(Generic[Result]):
    """One running computation.

    Attributes:
        key: What is computed.
        anew: Whether it was begun by a caller for whom what ran already would not do.
        loop: The event loop whose task leads; None where a thread leads.
        interested: Callers that wait for it. When the last one leaves a flight that a task leads,
            the task is cancelled.
        waits_for: The flights that it cannot end before.
    """

    __slots__ = (
        "anew",
        "error",
        "future",
        "interested",
        "key",
        "loop",
        "over",
        "pid",
        "task",
        "waits_for",
    )

    def __init__(
        self, key: Hashable, loop: asyncio.AbstractEventLoop | None, *, anew: bool = False
    ) -> None:
        self.key: Hashable = key
        self.anew: bool = anew
        self.loop: asyncio.AbstractEventLoop | None = loop
        self.pid: int = os.getpid()
        self.over: bool = False
        self.error: SharedError | None = None
        self.future: Future[Result] = Future()
        # Running from the start: a waiter that is cancelled must not cancel it for the others.
        self.future.set_running_or_notify_cancel()
        self.waits_for: list[Flight[Any]] = []
        self.interested: int = 0
        self.task: asyncio.Task[Result] | None = None

    def result(self) -> Result:
        """What it came to, once it is over, for one who waited.

        Raises:
            Exception: What the leader raised, or `Abandoned`.
        """
        if self.error is not None:
            self.error.throw()
        return self.future.result()

    @property
    def stranded(self) -> bool:
        """Whether it is led by a task of a loop that has stopped."""
        return self.loop is not None and not self.loop.is_running()

    def needs(
        self, those: Collection[Flight[Any]], blocked: asyncio.AbstractEventLoop | None
    ) -> bool:
        """Whether it cannot end before one of `those`, or while the loop `blocked` stands still."""
        pending: list[Flight[Any]] = [self]
        seen: set[int] = set()
        while pending:
            flight = pending.pop()
            if flight in those or (blocked is not None and flight.loop is blocked):
                return True
            if id(flight) not in seen:
                seen.add(id(flight))
                pending.extend(flight.waits_for)
        return False
