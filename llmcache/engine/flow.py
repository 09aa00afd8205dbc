"""What happens on a call, step by step, without doing any of it.

`lead` is the whole way from "nobody computes this yet" to an answer, as a generator of steps: it
yields what is to be done (`Ask` the store, `Pause`, `Compute`) and is sent what came of it. The
two drivers in `engine` carry the steps out, one with calls and one with `await`, so that there is
one design and no second copy of it to keep in step.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any, NamedTuple

from llmcache.backends.base import Claim, Entry
from llmcache.codecs import Unreadable
from llmcache.engine.keeping import kept_parts, prepared, prepared_items
from llmcache.engine.question import (
    Answer,
    KeptParts,
    Question,
    Turn,
    outcome_of,
    restore,
    revive,
)
from llmcache.engine.steps import Ask, Compute, Pause, Raised, Steps
from llmcache.engine.telling import report
from llmcache.events import Store as Stored
from llmcache.flight.board import led
from llmcache.flight.items import Items
from llmcache.flight.leases import LIFE, POLL_FIRST, Lease, next_pause, renewals
from llmcache.lookup import Absent, Fresh, reason_of, unreadable
from llmcache.settings import Mode
from llmcache.store import Failed, Operation

__all__ = ["lead", "store_items"]

NESTED_WAIT = 30.0
"""Seconds that a call made inside another cached call follows a leader in another process.

Two processes whose calls ask for each other's keys would wait for ever; nobody sees both sides.
"""


class Elsewhere(NamedTuple):
    """Another process has stored it meanwhile."""

    entry: Entry
    data: bytes
    value: Any
    waited: bool


def lead(question: Question, *, follow: bool = True) -> Steps[Answer]:
    """From nothing to an answer: take the turn among the processes, compute, store.

    Args:
        question: What is asked.
        follow: Whether to wait for another process that computes it; False for a caller who
            would wait for himself, or has waited long enough.
    """
    lease = renewals.take(question.plan.store.leasing, question.key, question.seat)
    try:
        done = yield from in_turn(question, lease, limit_of(question, follow=follow))
        left = yield from give_back(question, lease)
        return left if isinstance(left, Raised) and not isinstance(done, Raised) else done
    except Exception:  # the store's, where it shall raise
        yield from give_back(question, lease)
        raise
    finally:  # an interrupt, or thrown away half-way: nothing can be asked for here
        renewals.end(lease)


def in_turn(question: Question, lease: Lease, limit: float | None) -> Steps[Answer]:
    """As `lead`; our lease may stand at the end."""
    turn = yield from take_turn(question, lease, limit)
    if isinstance(turn, Elsewhere):
        return Answer(turn.value, turn.data, found=turn.entry, waited=turn.waited)
    if isinstance(turn, Raised):
        return turn
    return (yield from computed(question, turn, lease))


def computed(question: Question, turn: Turn, lease: Lease) -> Steps[Answer]:
    """Compute while our lease is kept alive, and store."""
    if turn.epoch is not None:
        turn = turn._replace(parts=kept_parts(question))
    if lease.stands:
        renewals.keep(lease)
    monotonic = question.plan.settings.clock.monotonic
    started = monotonic()
    value = yield Compute()
    seconds = monotonic() - started
    if isinstance(value, Raised):
        question.plan.tally.count_run(seconds, None, refresh=question.behind)
        return value
    if unfinished(value):
        return Answer(value, turn=turn, seconds=seconds)
    return (yield from settle(question, value, turn, lease, seconds))


BARE = ("builtins", "itertools")
"""Where the iterators come from that can do nothing but iterate: `map`, `iter([...])`, `chain`."""


def unfinished(value: Any) -> bool:
    """Whether a function returned a stream or an awaitable instead of a result.

    An iterator that can do more, such as an open file or an SDK's stream with its response, is no
    stream: a generator in its place could do less.
    """
    if isinstance(value, Generator | AsyncGenerator) or inspect.isawaitable(value):
        return True
    return isinstance(value, Iterator) and type(value).__module__ in BARE


def limit_of(question: Question, *, follow: bool) -> float | None:
    """Seconds to follow a leader in another process; None: for as long as it lives."""
    if not follow:
        return 0.0
    limit = question.plan.settings.max_wait
    if len(led.get()) > 1:
        return NESTED_WAIT if limit is None else min(limit, NESTED_WAIT)
    return limit


def take_turn(question: Question, lease: Lease, limit: float | None) -> Steps[Turn | Elsewhere]:
    """Wait, `limit` seconds at most, until no other process computes the key or has stored it."""
    if question.plan.settings.mode is Mode.READONLY or not question.reachable:
        return Turn(None)
    if question.anew:
        advanced = yield Ask(Operation.ADVANCE, (question.key, question.plan.scope))
        if isinstance(advanced, Failed | Raised):
            return unclaimed(question, advanced)
    waited, pause, patience = 0.0, POLL_FIRST, question.patience
    while True:
        claim = yield from claimed(question, lease)
        if isinstance(claim, Failed | Raised):
            return unclaimed(question, claim)
        outcome = Absent() if question.anew else outcome_of(question, claim.entry)
        if isinstance(outcome, Fresh):
            found = readable(question, outcome.entry, waited=waited > 0)
            lease.stands = False
            return Turn(claim.epoch) if found is None else found
        question.reason = "" if question.anew else reason_of(outcome)
        if claim.held is None or (limit is not None and waited >= limit):
            return Turn(claim.epoch)
        paused = yield Pause(pause)
        if isinstance(paused, Raised):
            return paused
        waited, pause = waited + pause, next_pause(pause)
        question.patience = patience  # following a live leader is not storage that holds us up


def claimed(question: Question, lease: Lease) -> Steps[Claim | Failed]:
    """Ask for our turn once; our lease stands then, unless another's does."""
    key, scope = question.key, question.plan.scope
    max_age = {"max_age": 0.0 if question.anew else question.plan.reader_ttl}
    lease.stands = lease.leasing is not None
    asking = Ask(Operation.CLAIM, (key, scope, lease.token, LIFE), max_age, lease)
    claim: Claim | Failed | Raised = yield asking
    if isinstance(claim, Claim):
        lease.stands = lease.stands and claim.held is None
    return claim


def unclaimed(question: Question, came: Failed | Raised) -> Turn | Raised:
    """Without the store nothing is kept and nobody waited for.

    Raises:
        BackendError: With `on_backend_error="raise"`.
    """
    if isinstance(came, Raised):
        return came
    report(question, came, left=question.anew)
    return Turn(None)


def readable(question: Question, entry: Entry, *, waited: bool) -> Elsewhere | None:
    """What was found, where it can be restored; None: computed anew and overwritten."""
    try:
        data = restore(question, entry)
        return Elsewhere(entry, data, revive(question, data), waited)
    except Unreadable as error:
        question.reason = unreadable(error.reason)
        return None


def give_back(question: Question, lease: Lease) -> Steps[None]:
    """Release our lease without an answer, where it stands; that this fails too is no news."""
    if not (lease.stands and question.reachable):
        return None
    released = yield Ask(Operation.RELEASE, (lease.key, lease.token))
    lease.stands = isinstance(released, Failed | Raised)
    return released if isinstance(released, Raised) else None


def spent_by_one(value: Any) -> bool:
    """Whether it is an iterator, which two callers cannot share."""
    return isinstance(value, Iterator | AsyncIterator)


def settle(
    question: Question, value: Any, turn: Turn, lease: Lease, seconds: float
) -> Steps[Answer]:
    """Store a result if it is worth keeping and comes back equal; that ends our lease."""
    entry, answer = prepared(question, value, seconds, turn.parts)
    if turn.epoch is None:
        return answer._replace(outdated=spent_by_one(value))
    if entry is None:
        epoch = yield Ask(Operation.EPOCH, (question.key, question.plan.scope))
        if isinstance(epoch, Raised):
            return epoch
        outdated = isinstance(epoch, int) and epoch != turn.epoch
        return answer._replace(outdated=outdated or spent_by_one(value))
    stored = yield from store(question, entry, turn, lease)
    return stored if isinstance(stored, Raised) else answer._replace(outdated=not stored)


def store(question: Question, entry: Entry, turn: Turn, lease: Lease | None = None) -> Steps[bool]:
    """Write an entry; whether it still counts. What a refresh cannot replace it removes."""
    if lease is not None and lease.stands:
        stored = yield Ask(Operation.SETTLE, (question.key, lease.token, entry, turn.epoch))
        lease.stands = isinstance(stored, Failed | Raised)
    else:
        stored = yield Ask(Operation.PUT_IF, (question.key, entry, turn.epoch))
    if isinstance(stored, Raised):
        return stored
    if isinstance(stored, Failed):
        if lease is not None:
            yield from give_back(question, lease)
        forget = Ask(Operation.INVALIDATE, (question.key, question.plan.scope))
        gone = (yield forget) if question.anew else None
        report(question, stored, left=isinstance(gone, Failed))
        return gone if isinstance(gone, Raised) else True
    if not stored:
        return False
    question.plan.tally.tell(
        Stored(
            **question.names,
            model=entry.model,
            input_tokens=entry.input_tokens,
            output_tokens=entry.output_tokens,
            size=len(entry.value),
        )
    )
    return (yield from keep_manifest(question, turn.parts)) or True


def store_items(
    question: Question, items: Items, turn: Turn, seconds: float, mark: bytes
) -> Steps[None]:
    """Store a stream that has come to its end."""
    entry = prepared_items(question, items, seconds, turn, mark)
    if entry is None:
        return None
    stored = yield from store(question, entry, turn)
    return stored if isinstance(stored, Raised) else None


def keep_manifest(question: Question, parts: KeptParts | None) -> Steps[None]:
    """Keep the shared parts once per process; without them only explanations are poorer."""
    known = question.plan.kept_manifests
    if parts is not None and parts.shared and parts.manifest not in known:
        put = yield Ask(Operation.PUT_MANIFEST, (parts.manifest, parts.shared))
        if isinstance(put, Raised):
            return put
        known.add(parts.manifest)
    return None
