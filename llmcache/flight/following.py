"""How to wait for a flight that somebody else leads: in a thread, and in a task of any loop.

No wait is without an end: a leader that ends says so, and of one whose loop has stopped in the
middle it is found out here.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from concurrent.futures import wait
from typing import TypeVar

from llmcache.flight.board import Flights, Follow
from llmcache.flight.flight import Abandoned, Flight, running_loop

__all__ = ["Late", "afollow", "follow"]

Result = TypeVar("Result")
GLANCE = 0.25
"""Seconds between two looks whether the loop that leads still runs."""


class Late(Exception):  # noqa: N818 - a signal to the waiter, never an error of the user
    """The leader took longer than this caller was to wait."""


def follow(board: Flights[Result], place: Follow[Result], seconds: float | None) -> Result:
    """Wait in this thread for the leader's result, for `seconds` at most, and leave.

    Raises:
        Abandoned: The leader is gone.
        Late: The time is over.
        Exception: What the leader raised.
    """
    future, left = place.flight.future, math.inf if seconds is None else seconds
    try:
        while not future.done():
            pause = next_look(board, place.flight, left)
            wait((future,), pause)
            left -= pause or 0.0
        return place.flight.result()
    finally:
        board.leave(place)


async def afollow(board: Flights[Result], place: Follow[Result], seconds: float | None) -> Result:
    """As `follow`, async; a caller who is cancelled and was the last waits until the work ended."""
    try:
        await arrival(board, place.flight, math.inf if seconds is None else seconds)
    except asyncio.CancelledError:
        work = board.leave(place)
        if work is not None and work.get_loop() is running_loop():
            await asyncio.wait((work,))
        raise
    except BaseException:
        board.leave(place)
        raise
    board.leave(place)
    return place.flight.result()


async def arrival(board: Flights[Result], flight: Flight[Result], left: float) -> None:
    """Wait until the flight has ended; its result is not asked for here.

    Not through `asyncio.wrap_future`, which replaces some exceptions by others and, for
    `StopIteration`, never wakes.
    """
    landing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    flight.future.add_done_callback(lambda _: wake(landing))
    try:
        while not flight.future.done():
            pause = next_look(board, flight, left)
            await asyncio.wait((landing,), timeout=pause)
            left -= pause or 0.0
    finally:
        landing.cancel()


def wake(landing: asyncio.Future[None]) -> None:
    """Let a task go on, from any thread."""

    def settle() -> None:
        if not landing.done():
            landing.set_result(None)

    with contextlib.suppress(RuntimeError):  # the waiter's loop may be closed
        landing.get_loop().call_soon_threadsafe(settle)


def next_look(board: Flights[Result], flight: Flight[Result], left: float) -> float | None:
    """How long to wait before looking again, in seconds; None: until it ends.

    Raises:
        Late: There is no time left.
    """
    if left <= 0:
        raise Late
    if flight.stranded:
        board.end(flight, Abandoned())
    if flight.loop is not None:
        return min(GLANCE, left)
    return None if left == math.inf else left
