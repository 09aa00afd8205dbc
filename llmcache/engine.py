"""The two drivers: what `flow` says is to be done, done with calls, and done with `await`.

They stand side by side and differ in `await` alone. What a call comes to is decided in
`verdicts`, what happens on a miss in `flow`; only here is anything carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import time
from collections.abc import AsyncGenerator, Callable, Generator, Hashable, Iterator
from concurrent.futures import wait
from dataclasses import replace
from typing import Any

from llmcache.backends.patience import patience
from llmcache.background import Refreshes
from llmcache.flight import Abandoned, Alone, Flight, Flights, Follow, Lead
from llmcache.flow import Ask, Compute, Pause, Step, lead, store_items
from llmcache.looking import alook, look
from llmcache.question import ASYNC_ITEMS, AWAITED, ITEMS, Answer, Question
from llmcache.streams import AsyncSharedStream, Gone, Items, LiveStreams, SharedStream
from llmcache.verdicts import Serve, for_follower, for_leader, stale_after, verdict

__all__ = ["aanswer", "afly", "answer", "drop", "fly"]

flights: Flights[Answer] = Flights()
live = LiveStreams()
refreshes = Refreshes()
AGAIN = Answer(None, outdated=True)
Steps = Generator[Step, Any, Any]
os.register_at_fork(after_in_child=live.begin_anew)


def drop(outdated: Callable[[Hashable], bool]) -> None:
    """Let nobody join what runs in this process for the seats that `outdated` picks."""
    flights.drop(outdated)
    live.drop(outdated)


# ---- sync ----------------------------------------------------------------------------------


def answer(question: Question) -> Any:
    """Answer one call: from the store, from another caller's call, or by calling.

    Raises:
        CacheMissError: In mode `offline`, when nothing is stored.
        BackendError: With `on_backend_error="raise"`, when the store fails.
        BaseException: Whatever the user's function raises, unchanged.
    """
    decided = verdict(question, look(question))
    if isinstance(decided, Serve):
        if decided.refresh:
            refreshes.begin(question.seat, lambda: fly(question))
        return decided.value
    running = None if question.anew else live.find(question.seat)
    if running is not None:
        return presented(question, for_follower(question, Answer(running)))
    try:
        landed, ours = fly(question)
    except Exception as error:  # noqa: BLE001 - raised again unless an expired answer stands in
        return stale_after(question, decided, error)
    if inspect.isawaitable(landed.value):
        return awaited(question, landed.value)
    told = for_leader(question, decided, landed) if ours else for_follower(question, landed)
    return presented(question, told)


def fly(question: Question) -> tuple[Answer, bool]:
    """Compute, or wait for who computes; the answer, and whether the call was ours."""
    while True:
        match flights.join(question.seat, None, anew=question.anew):
            case Alone():
                return opened(question, drive(question, lead(question, follow=False))), True
            case Lead(flight):
                with flights.leading(flight):
                    landed = opened(question, drive(question, lead(question)))
                    if not inspect.isawaitable(landed.value):
                        flights.land(flight, landed)
                return landed, True
            case Follow(flight):
                followed = follow(question, flight)
                if followed is None:
                    return opened(question, drive(question, lead(question, follow=False))), True
                if not followed.outdated:
                    return followed, False


def follow(question: Question, flight: Flight[Answer]) -> Answer | None:
    """The leader's answer, outdated where it went away; None when waited for long enough."""
    try:
        done, _ = wait((flight.future,), question.plan.settings.max_wait)
        return flight.future.result() if done else None
    except Abandoned:
        return AGAIN
    finally:
        flights.leave(flight)


def drive(question: Question, steps: Steps) -> Any:
    """Carry out steps until they come to a result."""
    came, error = None, None
    while True:
        try:
            step = steps.send(came) if error is None else steps.throw(error)
        except StopIteration as end:
            return end.value
        came, error = None, None
        try:
            came = carry_out(question, step)
        except BaseException as raised:  # noqa: BLE001 - thrown in, and out again unless handled
            error = raised


def carry_out(question: Question, step: Step) -> Any:
    """Do one step."""
    match step:
        case Ask(operation, arguments, named):
            with bounded(question):
                return question.plan.store.run(operation, *arguments, **named)
        case Pause(seconds):
            time.sleep(seconds)
        case Compute():
            return question.function()
    return None


def deliver(question: Question, stream: SharedStream) -> Iterator[Any]:
    """One reader of a running stream, as a generator of the user's."""
    try:
        yield from stream.read()
    except Gone:
        yield from answer(question)


# ---- async ---------------------------------------------------------------------------------


async def aanswer(question: Question) -> Any:
    """As `answer`, async."""
    decided = verdict(question, await alook(question))
    if isinstance(decided, Serve):
        if decided.refresh:
            refreshes.abegin(question.seat, lambda: afly(question))
        return decided.value
    running = None if question.anew else live.find(question.seat)
    if running is not None:
        return presented(question, for_follower(question, Answer(running)))
    try:
        landed, ours = await afly(question)
    except Exception as error:  # noqa: BLE001 - raised again unless an expired answer stands in
        return stale_after(question, decided, error)
    told = for_leader(question, decided, landed) if ours else for_follower(question, landed)
    return presented(question, told)


async def afly(question: Question) -> tuple[Answer, bool]:
    """As `fly`, async: the work is a task of its own, so that no one caller's end is its end."""
    loop = asyncio.get_running_loop()
    while True:
        match flights.join(question.seat, loop, anew=question.anew):
            case Alone():
                return opened(question, await adrive(question, lead(question, follow=False))), True
            case Lead(flight):
                flight.task = loop.create_task(alead(question, flight))
                landed = await afollow(flight, None)
                if landed is AGAIN:
                    await flight.task  # raises what ended it: a cancellation of its own, an exit
                if landed is not None:
                    return landed, True
            case Follow(flight):
                landed = await afollow(flight, question.plan.settings.max_wait)
                if landed is None:
                    steps = lead(question, follow=False)
                    return opened(question, await adrive(question, steps)), True
                if not landed.outdated:
                    return landed, False


async def alead(question: Question, flight: Flight[Answer]) -> None:
    """The task that computes; how it ends is told through the flight alone."""
    with contextlib.suppress(Exception), flights.leading(flight):
        flights.land(flight, opened(question, await adrive(question, lead(question))))


async def afollow(flight: Flight[Answer], seconds: float | None) -> Answer | None:
    """As `follow`, async."""
    landing = asyncio.wrap_future(flight.future)
    try:
        done, _ = await asyncio.wait((landing,), timeout=seconds)
        return landing.result() if done else None
    except Abandoned:
        return AGAIN
    finally:
        landing.cancel()
        flights.leave(flight)


async def adrive(question: Question, steps: Steps) -> Any:
    """As `drive`, async."""
    came, error = None, None
    while True:
        try:
            step = steps.send(came) if error is None else steps.throw(error)
        except StopIteration as end:
            return end.value
        came, error = None, None
        try:
            came = await acarry_out(question, step)
        except BaseException as raised:  # noqa: BLE001 - thrown in, and out again unless handled
            error = raised


async def acarry_out(question: Question, step: Step) -> Any:
    """As `carry_out`, async."""
    match step:
        case Ask(operation, arguments, named):
            with bounded(question):
                return await question.plan.store.arun(operation, *arguments, **named)
        case Pause(seconds):
            await asyncio.sleep(seconds)
        case Compute():
            return await question.function()
    return None


async def adeliver(question: Question, stream: AsyncSharedStream) -> AsyncGenerator[Any, None]:
    """As `deliver`, async."""
    try:
        async with contextlib.aclosing(stream.read()) as items:
            async for item in items:
                yield item
    except Gone:
        async for item in await aanswer(question):
            yield item


# ---- both ----------------------------------------------------------------------------------


@contextlib.contextmanager
def bounded(question: Question) -> Iterator[None]:
    """Let storage take what is left of this call's patience, and count what it took."""
    monotonic = question.plan.settings.clock.monotonic
    started = monotonic()
    try:
        with patience(max(question.patience, 0.0)):
            yield
    finally:
        question.patience -= monotonic() - started


def opened(question: Question, landed: Answer) -> Answer:
    """Where the function returned a stream: the stream, running, for all who ask meanwhile."""
    source, turn, seconds = landed.value, landed.turn, landed.seconds
    if turn is None or inspect.isawaitable(source):
        return landed
    stream: SharedStream | AsyncSharedStream
    if isinstance(source, Iterator):

        def finish(items: Items) -> None:
            drive(question, store_items(question, items, turn, seconds, ITEMS))

        stream = SharedStream(
            source, question.codec, finish, lambda: live.end(question.seat, stream)
        )
    else:

        async def afinish(items: Items) -> None:
            await adrive(question, store_items(question, items, turn, seconds, ASYNC_ITEMS))

        stream = AsyncSharedStream(
            source, question.codec, afinish, lambda: live.end(question.seat, stream)
        )
    live.begin(question.seat, stream)
    return replace(landed, value=stream)


def presented(question: Question, value: Any) -> Any:
    """What the caller is given: a running stream as a generator, all else as it is."""
    if isinstance(value, SharedStream):
        return deliver(question, value)
    if isinstance(value, AsyncSharedStream):
        return adeliver(question, value)
    return value


async def awaited(question: Question, awaitable: Any) -> Any:
    """Answer for a plain function that returned an awaitable: as for a coroutine function."""

    async def result() -> Any:
        return await awaitable

    try:
        return await aanswer(replace(question, function=result, mark=AWAITED))
    finally:
        # Another caller's may have been awaited instead; one that never was would warn.
        if inspect.iscoroutine(awaitable):
            awaitable.close()
