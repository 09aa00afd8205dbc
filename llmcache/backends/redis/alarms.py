"""Ends what a task waits for when its time is over, at little cost to those that are in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, cast

__all__ = ["BUSY_LOOP", "Alarms"]

Answer = TypeVar("Answer")

BUSY_LOOP = 0.05
"""Seconds by which an alarm comes late when the event loop, not the server, was slow."""


class Wait:
    """One task that waits.

    Attributes:
        task: Who waits.
        seconds: For how long at most.
        due: Until when, by the clock of the loop.
        asked: How often somebody else had asked the task to end before.
        prolonged: Whether time was given back already.
        rang: Whether it was ended here.
    """

    __slots__ = ("asked", "due", "prolonged", "rang", "seconds", "task")

    def __init__(self, task: asyncio.Task[object], seconds: float, due: float) -> None:
        self.task: asyncio.Task[object] = task
        self.seconds: float = seconds
        self.due: float = due
        self.asked: int = task.cancelling()
        self.prolonged: bool = False
        self.rang: bool = False


class Alarms:
    """Those of the running event loop, with one timer for all.

    `asyncio.timeout`, which sets a timer for each, takes a tenth of the time of an exchange.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.waits: set[Wait] = set()
        self.timer: asyncio.TimerHandle | None = None

    async def within(self, seconds: float, reply: Awaitable[Answer]) -> Answer:
        """Wait for a reply, but not longer than that.

        Raises:
            TimeoutError: It took longer.
        """
        task = cast("asyncio.Task[object]", asyncio.current_task())
        wait = Wait(task, seconds, self.loop.time() + seconds)
        self.waits.add(wait)
        if self.timer is None or wait.due < self.timer.when():
            self.ring_at(wait.due)
        try:
            return await reply
        except asyncio.CancelledError:
            if wait.rang and task.uncancel() <= wait.asked:
                raise TimeoutError from None
            raise
        finally:
            self.waits.discard(wait)

    def ring_at(self, due: float) -> None:
        """Set the timer."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.loop.call_at(due, self.ring)

    def ring(self) -> None:
        """End the waits whose time is over, and set the timer for the next."""
        self.timer = None
        now = self.loop.time()
        for wait in self.waits:
            if wait.due <= now and not wait.rang:
                end_or_prolong(wait, now)
        if dues := [wait.due for wait in self.waits if not wait.rang]:
            self.ring_at(min(dues))


def end_or_prolong(wait: Wait, now: float) -> None:
    """End a wait.

    Time in which the event loop itself was busy is given back once: the reply may have arrived
    meanwhile, and the alarm is handled before it.
    """
    late = now - wait.due
    if late > BUSY_LOOP and not wait.prolonged:
        wait.prolonged = True
        wait.due = now + min(late, wait.seconds)
    else:
        wait.rang = True
        wait.task.cancel()
