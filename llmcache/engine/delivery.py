"""Streams between the engine and those who read them: opened, found, handed out, stored."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
)
from itertools import islice
from typing import Any

from llmcache.engine.driving import acarry_out, adrive, carry_out, drive
from llmcache.engine.flow import store_items
from llmcache.engine.forms import ASYNC_STREAM, STREAM
from llmcache.engine.question import Answer, Question, Turn
from llmcache.engine.steps import Ask
from llmcache.flight.board import Flights
from llmcache.flight.items import Gone, Items, refuse
from llmcache.flight.streams import AsyncSharedStream, LiveStreams, SharedStream, Stream
from llmcache.store import Operation

__all__ = ["adeliver", "ajoined", "deliver", "flights", "joined", "live", "opened"]

flights: Flights[Answer] = Flights()
live: LiveStreams = LiveStreams(flights)
os.register_at_fork(after_in_child=live.begin_anew)


def opened(question: Question, landed: Answer) -> Answer:
    """Where the function returned a stream: the stream, running, for all who ask meanwhile."""
    if landed.turn is None or inspect.isawaitable(landed.value):
        return landed
    kind: Callable[..., Stream] = shared if isinstance(landed.value, Iterator) else ashared
    stream = kind(question, landed.value, landed.turn, landed.seconds)
    live.begin(question.seat, stream)
    return landed._replace(value=stream)


def shared(question: Question, source: Iterator[Any], turn: Turn, seconds: float) -> Stream:
    """A sync stream that is stored when it is exhausted."""

    def finish(items: Items) -> None:
        drive(question, store_items(question, items, turn, seconds, STREAM))

    return SharedStream(source, Items(question.codec), question.seat, live, finish, turn.epoch)


def ashared(question: Question, source: AsyncIterator[Any], turn: Turn, seconds: float) -> Stream:
    """As `shared`, async."""

    async def finish(items: Items) -> None:
        await adrive(question, store_items(question, items, turn, seconds, ASYNC_STREAM))

    return AsyncSharedStream(source, Items(question.codec), question.seat, live, finish, turn.epoch)


def may_join(question: Question) -> Stream | None:
    """The running stream of the key."""
    return live.find(question.seat) if question.joins and not question.anew else None


def epoch_of(question: Question) -> Ask:
    """The step that asks for the epoch of the key."""
    return Ask(Operation.EPOCH, (question.key, question.plan.scope))


def still_valid(stream: Stream, epoch: Any) -> Stream | None:
    """The stream, unless the key has seen an invalidation since it was begun."""
    if isinstance(epoch, int) and epoch != stream.epoch:
        live.end(stream)
        return None
    return stream


def joined(question: Question) -> Stream | None:
    """The running stream to read on in, unless it was invalidated, by whatever process."""
    stream = may_join(question)
    if stream is None or stream.epoch is None:
        return stream
    return still_valid(stream, carry_out(question, epoch_of(question)))


async def ajoined(question: Question) -> Stream | None:
    """As `joined`, async."""
    stream = may_join(question)
    if stream is None or stream.epoch is None:
        return stream
    return still_valid(stream, await acarry_out(question, epoch_of(question)))


def deliver(
    question: Question, stream: SharedStream, again: Callable[[Question], Any]
) -> Generator[Any, Any, Any]:
    """One reader of a running stream, as a generator of the user's.

    Args:
        question: Whose it is.
        stream: What is read.
        again: Asks anew, for the items that come after those given, where the stream breaks off.
    """
    try:
        return (yield from stream.read())
    except Gone as gone:
        given, question.joins = gone.given, False
    anew = again(question)
    for _ in islice(anew, given):
        pass
    return (yield from anew)


async def adeliver(
    question: Question, stream: AsyncSharedStream, again: Callable[[Question], Awaitable[Any]]
) -> AsyncGenerator[Any, Any]:
    """As `deliver`, async."""
    async with contextlib.aclosing(stream.read()) as items:
        try:
            async for item in items:
                refuse((yield item))
        except Gone as gone:
            given, question.joins = gone.given, False
        else:
            return
    async with contextlib.aclosing(await again(question)) as items:
        async for item in items:
            given -= 1
            if given < 0:
                refuse((yield item))
