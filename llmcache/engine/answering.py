"""A call that is no hit at once, in two colours that differ in `await` alone.

What a call comes to is decided in `verdicts`, what happens on a miss in `flow`, and that is
carried out by `driving`; here it is looked up, led or followed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Any

from llmcache.engine.background import Refreshes
from llmcache.engine.delivery import adeliver, ajoined, deliver, flights, joined, live, opened
from llmcache.engine.driving import adrive, drive
from llmcache.engine.flow import lead
from llmcache.engine.forms import AWAITABLE
from llmcache.engine.looking import alook, look
from llmcache.engine.question import Answer, Found, Question
from llmcache.engine.telling import count_raised
from llmcache.engine.verdicts import Serve, for_caller, for_waiter, stale_after, verdict
from llmcache.flight.board import Alone, Follow, Lead
from llmcache.flight.flight import Abandoned, Flight, running_loop
from llmcache.flight.following import Late, afollow, follow
from llmcache.flight.streams import AsyncSharedStream, SharedStream

__all__ = ["aanswered", "answered", "drop"]

refreshes: Refreshes = Refreshes()


def drop(outdated: Callable[[Hashable], bool]) -> None:
    """Let nobody join what runs in this process for the seats that `outdated` picks."""
    flights.drop(outdated)
    live.drop(outdated)


# ---- sync ----------------------------------------------------------------------------------


def answered(question: Question, found: Found) -> Any:
    """Answer a call by what was found; one that raises is not counted yet."""
    decided = verdict(question, found)
    if isinstance(decided, Serve):
        if decided.refresh:
            begin_refresh(question, decided.value)
        return decided.value
    running = joined(question)
    if running is not None:
        return presented(question, for_waiter(question, Answer(running)), answer_again)
    try:
        landed = fly(question)
    except Exception as error:  # noqa: BLE001 - raised again unless an expired answer stands in
        return stale_after(question, decided, error)
    if inspect.isawaitable(landed.value):
        return aanswer(awaiting(question, Unawaited(landed.value)))
    return presented(question, for_caller(question, decided, landed), answer_again)


def answer(question: Question) -> Any:
    """Look for and answer a call, which a stream asks for again."""
    try:
        return answered(question, look(question))
    except BaseException as error:
        count_raised(question, error)
        raise


def fly(question: Question) -> Answer:
    """Compute, or wait for who computes: then `question.follows`."""
    landed: Answer
    while True:
        match flights.join(question.seat, None, anew=question.anew):
            case Alone():
                return alone(question)
            case Lead() as leading:
                question.follows = False
                with flights.leading(leading.flight):
                    landed = opened(question, drive(question, lead(question)))
                    if not inspect.isawaitable(landed.value):
                        flights.land(leading.flight, landed)
                return landed
            case Follow() as place:
                question.follows = True
                try:
                    landed = follow(flights, place, question.plan.settings.max_wait)
                except Abandoned:
                    continue
                except Late:
                    return alone(question)
                if usable(landed):
                    return landed


def alone(question: Question) -> Answer:
    """Compute without waiting for anybody."""
    question.follows = False
    return opened(question, drive(question, lead(question, follow=False)))


def renew(question: Question) -> None:
    """A refresh in a thread; a stream is read to its end, where it is stored."""
    question.behind = True
    value = fly(question).value
    if isinstance(value, SharedStream):
        for _ in value.read():
            pass


# ---- async ---------------------------------------------------------------------------------


async def aanswered(question: Question, found: Found) -> Any:
    """As `answered`, async."""
    decided = verdict(question, found)
    if isinstance(decided, Serve):
        if decided.refresh:
            refreshes.abegin(question.seat, lambda: arenew(question))
        return decided.value
    running = await ajoined(question)
    if running is not None:
        return presented(question, for_waiter(question, Answer(running)), aanswer)
    try:
        landed = await afly(question)
    except Exception as error:  # noqa: BLE001 - raised again unless an expired answer stands in
        return stale_after(question, decided, error)
    return presented(question, for_caller(question, decided, landed), aanswer)


async def aanswer(question: Question) -> Any:
    """As `answer`, async; also of an awaitable that a plain function returned."""
    try:
        return await aanswered(question, await alook(question))
    except BaseException as error:
        count_raised(question, error)
        raise


async def afly(question: Question) -> Answer:
    """As `fly`, async: the work is a task of its own, so that no one caller's end is its end."""
    landed: Answer
    loop = asyncio.get_running_loop()
    while True:
        match flights.join(question.seat, loop, anew=question.anew):
            case Alone():
                return await aalone(question)
            case Lead() as leading:
                flight: Flight[Answer] = leading.flight
                question.follows = False
                flight.task = loop.create_task(alead(question, flight))
                flight.task.add_done_callback(partial(heard, flight))
                try:
                    return await afollow(flights, Follow(flight), None)
                except Abandoned:
                    return await flight.task  # raises what ended it: a cancellation, an exit
            case Follow() as place:
                question.follows = True
                try:
                    landed = await afollow(flights, place, question.plan.settings.max_wait)
                except Abandoned:
                    continue
                except Late:
                    return await aalone(question)
                if usable(landed):
                    return landed


async def aalone(question: Question) -> Answer:
    """As `alone`, async."""
    question.follows = False
    return opened(question, await adrive(question, lead(question, follow=False)))


async def alead(question: Question, flight: Flight[Answer]) -> Answer:
    """The task that computes; how it ends is told through the flight."""
    with flights.leading(flight):
        landed = opened(question, await adrive(question, lead(question)))
        flights.land(flight, landed)
        return landed


def heard(flight: Flight[Answer], task: asyncio.Task[Answer]) -> None:
    """The flight has told how it ended: the task's own exception is no news to the loop."""
    flights.end(flight, Abandoned())  # it has not where the task was cancelled before it began
    if not task.cancelled():
        task.exception()


async def arenew(question: Question) -> None:
    """As `renew`, async."""
    question.behind = True
    value = (await afly(question)).value
    if isinstance(value, AsyncSharedStream):
        async for _ in value.read():
            pass


# ---- both ----------------------------------------------------------------------------------


def usable(landed: Answer) -> bool:
    """Whether another's answer may be given here: a stream of another loop cannot be read."""
    stream = landed.value
    elsewhere = isinstance(stream, SharedStream | AsyncSharedStream) and stream.elsewhere
    return not (landed.outdated or elsewhere)


def presented(question: Question, value: Any, again: Callable[[Question], Awaitable[Any]]) -> Any:
    """What the caller is given: a running stream as a generator, all else as it is."""
    if isinstance(value, SharedStream):
        return deliver(question, value, answer)
    if isinstance(value, AsyncSharedStream):
        return adeliver(question, value, again)
    return value


async def answer_again(question: Question) -> Any:
    """As `answer`, for a plain function that returned an async stream."""
    return answer(question)


def begin_refresh(question: Question, value: Any) -> None:
    """Compute anew behind the caller: in a thread, or in the loop that awaits `value`."""
    if not inspect.isawaitable(value):
        refreshes.begin(question.seat, lambda: renew(question))
    elif running_loop() is not None:
        later = awaiting(question, question.function)
        refreshes.abegin(question.seat, lambda: arenew(later))


def awaiting(question: Question, function: Callable[[], Any]) -> Question:
    """The question of a plain function that returned an awaitable: as of a coroutine function."""
    return replace(question, function=function, mark=AWAITABLE, follows=False)


class Unawaited:
    """The awaitable that a function returned, which may never be needed.

    Another caller's may be awaited in its place; a coroutine that never was would warn.
    """

    def __init__(self, awaitable: Any) -> None:
        self.awaitable = awaitable

    async def __call__(self) -> Any:
        """Await it."""
        return await self.awaitable

    def __del__(self) -> None:
        held = self.awaitable
        if inspect.iscoroutine(held) and inspect.getcoroutinestate(held) == inspect.CORO_CREATED:
            held.close()
