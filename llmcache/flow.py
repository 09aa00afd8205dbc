"""What happens on a call, step by step, without doing any of it.

`lead` is the whole way from "nobody computes this yet" to an answer, as a generator of steps: it
yields what is to be done (`Ask` the store, `Pause`, `Compute`) and is sent what came of it. The
two drivers in `engine` carry the steps out, one with calls and one with `await`, so that there is
one design and no second copy of it to keep in step.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llmcache.backends.base import Entry
from llmcache.codecs import Unreadable
from llmcache.events import Store as Stored
from llmcache.flight import led
from llmcache.keeping import prepared, prepared_items
from llmcache.leases import LIFE, POLL_FIRST, new_token, next_pause, renewals
from llmcache.lookup import Fresh
from llmcache.question import Answer, KeptParts, Question, Turn, outcome_of, report, restore
from llmcache.settings import Mode
from llmcache.store import Failed
from llmcache.streams import Items

__all__ = ["Ask", "Compute", "Pause", "Step", "lead", "settle", "store_items"]

NESTED_WAIT = 30.0
"""Seconds that a call made inside another cached call follows a leader in another process.

Two processes whose calls ask for each other's keys would wait for ever; nobody sees both sides.
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """Let the store do one operation; comes back with its result, or `Failed`."""

    operation: str
    arguments: tuple[Any, ...]
    named: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Compute:
    """Run the user's function; comes back with its result, or its exception is thrown in."""


Step = Ask | Pause | Compute


@dataclass(frozen=True, slots=True)
class Found:
    """Another process has stored it meanwhile."""

    entry: Entry
    data: bytes
    waited: bool


def lead(question: Question, *, follow: bool = True) -> Generator[Step, Any, Answer]:
    """From nothing to an answer: take the turn among the processes, compute, store.

    Args:
        question: What is asked.
        follow: Whether to wait for another process that computes it; False for a caller who
            would wait for himself, or has waited long enough.
    """
    limit = question.plan.settings.max_wait if follow else 0.0
    turn = yield from take_turn(question, new_token(), limit)
    if isinstance(turn, Found):
        value = question.codec.load(turn.data)
        return Answer(value, turn.data, found=turn.entry, waited=turn.waited)
    if turn.epoch is not None:
        turn = replace(turn, parts=question.parts())
    monotonic = question.plan.settings.clock.monotonic
    leasing = question.plan.store.leasing if turn.token else None
    with renewals.keep(leasing, question.key, turn.token):
        started = monotonic()
        try:
            value = yield Compute()
        except BaseException:
            yield from give_back(question, turn)
            raise
        seconds = monotonic() - started
        if unfinished(value):
            yield from give_back(question, turn)
            return Answer(value, turn=turn, seconds=seconds)
        return (yield from settle(question, value, turn, seconds))


def unfinished(value: Any) -> bool:
    """Whether a function returned a stream or an awaitable instead of a result."""
    return isinstance(value, Iterator | AsyncIterator) or inspect.isawaitable(value)


def take_turn(
    question: Question, token: str, limit: float | None
) -> Generator[Step, Any, Turn | Found]:
    """Wait, `limit` seconds at most, until no other process computes the key or has stored it."""
    settings = question.plan.settings
    if settings.mode is Mode.READONLY or not question.reachable:
        return Turn(None, "")
    if question.anew:
        advanced = yield Ask("advance", (question.key, question.plan.scope))
        if isinstance(advanced, Failed):
            report(question, advanced)
            return Turn(None, "")
    if len(led.get()) > 1:
        limit = NESTED_WAIT if limit is None else min(limit, NESTED_WAIT)
    waited, pause = 0.0, POLL_FIRST
    max_age = {"max_age": 0.0 if question.anew else question.plan.reader_ttl}
    while True:
        claim = yield Ask("claim", (question.key, question.plan.scope, token, LIFE), max_age)
        if isinstance(claim, Failed):
            report(question, claim)
            return Turn(None, "")
        if not question.anew and isinstance(outcome := outcome_of(question, claim.entry), Fresh):
            data = readable(question, outcome.entry)
            return Turn(claim.epoch, "") if data is None else Found(outcome.entry, data, waited > 0)
        if claim.held is None:
            return Turn(claim.epoch, token)
        if limit is not None and waited >= limit:
            return Turn(claim.epoch, "")
        yield Pause(pause)
        waited, pause = waited + pause, next_pause(pause)


def readable(question: Question, entry: Entry) -> bytes | None:
    """The codec's bytes where they can be restored; None: computed anew and overwritten."""
    try:
        data = restore(question, entry)
        question.codec.load(data)
    except Unreadable:
        return None
    return data


def give_back(question: Question, turn: Turn) -> Generator[Step, Any, None]:
    """Release our lease without an answer; that this fails too is no news."""
    if turn.token:
        yield Ask("release", (question.key, turn.token))


def settle(
    question: Question,
    value: Any,
    turn: Turn,
    seconds: float,
) -> Generator[Step, Any, Answer]:
    """Store a result if it is worth keeping and comes back equal, and end our lease."""
    entry, answer = prepared(question, value, seconds, turn.parts)
    if entry is None or turn.epoch is None:
        yield from give_back(question, turn)
        return answer
    stored = yield from store(question, entry, turn)
    return replace(answer, outdated=not stored)


def store(question: Question, entry: Entry, turn: Turn) -> Generator[Step, Any, bool]:
    """Write an entry; whether it still counts (also where the store failed to take it)."""
    if turn.token:
        stored = yield Ask("settle", (question.key, turn.token, entry, turn.epoch))
    else:
        stored = yield Ask("put_if", (question.key, entry, turn.epoch))
    if isinstance(stored, Failed):
        report(question, stored)
        return True
    if stored:
        yield from keep_manifest(question, turn.parts)
        question.plan.tally.tell(
            Stored(
                **question.names,
                model=entry.model,
                input_tokens=entry.input_tokens,
                output_tokens=entry.output_tokens,
                size=len(entry.value),
            )
        )
    return bool(stored)


def store_items(
    question: Question, items: Items, turn: Turn, seconds: float, mark: bytes
) -> Generator[Step, Any, None]:
    """Store a stream that has come to its end."""
    if turn.epoch is None:
        return
    entry = prepared_items(question, items, seconds, turn.parts, mark)
    if entry is not None:
        yield from store(question, entry, replace(turn, token=""))


def keep_manifest(question: Question, parts: KeptParts | None) -> Generator[Step, Any, None]:
    """Keep the shared parts once per process; without them only explanations are poorer."""
    known = question.plan.kept_manifests
    if parts is not None and parts.manifest not in known:
        yield Ask("put_manifest", (parts.manifest, parts.shared))
        known.add(parts.manifest)
