"""From a call and its result to the entry that keeps it, or the reason why none does.

Pure, but for counts and warnings, and for files that a part of the key may stand for.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from llmcache.backends.base import Entry
from llmcache.codecs import Unstorable, Usage, join, reason_not_to_keep, usage_of
from llmcache.durations import parse_duration
from llmcache.engine.forms import AWAITABLE, RETURNING_STREAM
from llmcache.engine.question import Answer, KeptParts, Question, Turn
from llmcache.errors import UncacheableResultWarning
from llmcache.flight.items import Items
from llmcache.lookup import lifetime
from llmcache.previews import previews, unkeyed_beside

__all__ = [
    "entry_of",
    "forget_usage",
    "kept_parts",
    "prepared",
    "prepared_items",
    "tell_usage",
    "worth_keeping",
]


def kept_parts(question: Question) -> KeptParts:
    """What is kept of the key; asked before the function runs, as it may change its arguments."""
    if question.parts is not None:
        return question.parts
    plan, bound = question.plan, question.bound
    parts = bound.parts()
    beside: dict[str, str] = {}
    if plan.settings.previews and not plan.settings.sealing_keys:
        beside = previews(bound.counted())
    shared = b""
    if parts.manifest not in plan.kept_manifests:
        shared = as_json({**parts.shared, **unkeyed_beside(bound.unkeyed())})
    return KeptParts(as_json({**parts.call, **beside}), parts.manifest, shared)


def as_json(parts: Mapping[str, str]) -> bytes:
    """Parts as they are kept."""
    return json.dumps(dict(parts), ensure_ascii=False, separators=(",", ":")).encode()


told: ContextVar[tuple[object, Usage] | None] = ContextVar("llmcache.usage", default=None)


def tell_usage(result: object, usage: Usage) -> None:
    """Say what a result took where it carries no completion, as an `int`, or only the last one.

    The last thing that the computing function does, in its own context; of a stream the last item
    is the result. It counts for that very object and for the next one to be kept only.
    """
    told.set((result, usage))


def forget_usage() -> None:
    """Take back what was told and never asked for, as the call went past the cache."""
    if told.get() is not None:
        told.set(None)


def usage_by(value: Any, result: object) -> Usage | None:
    """What was told of `result`, which knows of all re-asks; else what `value` carries."""
    said = told.get()
    forget_usage()
    if said is not None and said[0] is result and said[1].output_tokens is not None:
        return said[1]
    return usage_of(value)


def worth_keeping(question: Question, value: Any) -> bool:
    """Whether the user's predicate, or the completion's own word, lets the result be stored."""
    keep_if = question.plan.keep_if
    if keep_if is None:
        return reason_not_to_keep(value) is None

    def asked(result: Any) -> bool:
        answer = keep_if(result)
        if inspect.iscoroutine(answer):
            answer.close()
        if inspect.isawaitable(answer):
            raise TypeError(f"it returned {type(answer).__name__}, which nobody awaits")
        return bool(answer)

    kept: bool = ask_user(question, "cache_if", asked, value, otherwise=False)
    return kept


def ask_user(
    question: Question, option: str, function: Callable[[Any], Any], value: Any, *, otherwise: Any
) -> Any:
    """Ask a function of the user's about a result; its failure must not cost the paid answer."""
    try:
        return function(value)
    except Exception as error:  # noqa: BLE001 - the user's code, after the model has been paid
        name = question.plan.scope.function
        question.plan.tally.warn_once(
            option,
            f"{option} of {name} failed with {type(error).__name__}: {error}. "
            "The result was returned and not stored.",
            UncacheableResultWarning,
        )
        return otherwise


UNREADABLE_TTL = object()


def ttl_of(question: Question, value: Any) -> Any:
    """The time to live of one result in seconds; `UNREADABLE_TTL` where the callable failed."""
    ttl = question.plan.settings.ttl
    if not callable(ttl):
        return ttl

    def read(result: Any) -> float | None:
        answer = ttl(result)
        return None if answer is None else parse_duration(answer, name="ttl")

    return ask_user(question, "ttl", read, value, otherwise=UNREADABLE_TTL)


def entry_of(
    question: Question, value: Any, framed: bytes, own: Answer, parts: KeptParts | None
) -> Entry | None:
    """The entry that stores `framed`; None where its time to live cannot be told."""
    ttl = ttl_of(question, value)
    if ttl is UNREADABLE_TTL:
        return None
    usage, settings = own.usage, question.plan.settings
    created = settings.clock.time()
    expires, stale_until = lifetime(
        created, ttl, settings.stale_while_revalidate, settings.stale_if_error
    )
    return Entry(
        value=framed,
        scope=question.plan.scope,
        created=created,
        expires=expires,
        stale_until=stale_until,
        parts=parts.call if parts else b"{}",
        manifest=parts.manifest if parts else "",
        model=usage.model if usage else None,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        seconds=own.seconds,
    )


def prepared(
    question: Question, value: Any, seconds: float, parts: KeptParts | None
) -> tuple[Entry | None, Answer]:
    """The entry for a result, or None with the reason told; and the answer either way."""
    usage = usage_by(value, value)
    question.plan.tally.count_run(seconds, usage, refresh=question.behind)
    own = Answer(value, usage=usage, seconds=seconds)
    if not worth_keeping(question, value):
        return None, own
    try:
        dumped = question.codec.dump(value)
        data = dumped.data
        if question.mark == AWAITABLE:
            data = AWAITABLE + data
        framed = question.plan.framing.pack(data, question.associated)
    except Unstorable as error:
        question.plan.tally.warn_unstored(question.plan.scope.function, str(error))
        return None, own
    restored = Answer(dumped.value, data, usage=usage, seconds=seconds)
    return entry_of(question, value, framed, own, parts), restored


def as_stored(items: Items, mark: bytes) -> bytes:
    """A stream as it is stored."""
    if items.ending is None:
        return mark + join(items.dumped)
    return RETURNING_STREAM + join([*items.dumped, items.ending])


def prepared_items(
    question: Question, items: Items, seconds: float, turn: Turn, mark: bytes
) -> Entry | None:
    """The entry for a stream that has ended, or None with the reason told, where there is one."""
    name = question.plan.scope.function
    usage = usage_by(items.plain, items.plain[-1] if items.plain else None)
    question.plan.tally.count_run(seconds, usage, refresh=question.behind)
    if turn.epoch is None:
        return None
    if items.unstorable is not None:
        question.plan.tally.warn_unstored(name, str(items.unstorable))
        return None
    if not worth_keeping(question, items.plain):
        return None
    try:
        framed = question.plan.framing.pack(as_stored(items, mark), question.associated)
    except Unstorable as error:
        question.plan.tally.warn_unstored(name, str(error))
        return None
    own = Answer(None, usage=usage, seconds=seconds)
    return entry_of(question, items.plain, framed, own, turn.parts)
