"""What a call comes to, once it is known what was found, and what is told of it.

Pure but for the telling: each function counts the call under exactly one event.
"""

from __future__ import annotations

import contextlib
import copy
from typing import Any, NamedTuple

from llmcache.backends.base import Entry
from llmcache.codecs import Unreadable
from llmcache.engine.question import Answer, Found, Question, outcome_of, restore, revive
from llmcache.engine.telling import report, tell
from llmcache.errors import BackendError, CacheMissError
from llmcache.events import Hit, Miss, Stale, Wait
from llmcache.flight.streams import AsyncSharedStream, SharedStream
from llmcache.lookup import Expired, Fresh, reason_of, unreadable
from llmcache.lookup import Stale as StaleEntry
from llmcache.settings import Mode
from llmcache.store import Failed

__all__ = [
    "Call",
    "Serve",
    "for_caller",
    "for_waiter",
    "stale_after",
    "verdict",
]


class Serve(NamedTuple):
    """The value for the caller; `refresh`: it is to be computed anew behind his back."""

    value: Any
    refresh: bool = False


class Call(NamedTuple):
    """The function must run. `reserve`: what may be served if it raises."""

    reason: str
    reserve: Entry | None = None


def verdict(question: Question, found: Found) -> Serve | Call:
    """Decide on what was found.

    Raises:
        CacheMissError: In mode `offline`, when there is nothing to serve.
        BackendError: With `on_backend_error="raise"`.
    """
    offline = question.plan.offline
    if found is None:
        return Call("refresh" if question.anew else "absent")
    if isinstance(found, Failed):
        if not offline:
            report(question, found)
        return missed(question, "the backend failed", offline=offline)
    outcome = outcome_of(question, found)
    if isinstance(outcome, Fresh | StaleEntry) or (offline and isinstance(outcome, Expired)):
        return read(question, outcome, offline=offline)
    if isinstance(outcome, Expired):
        return Call("expired", outcome.entry if outcome.covers_errors else None)
    return missed(question, reason_of(outcome), offline=offline)


def read(
    question: Question, outcome: Fresh | StaleEntry | Expired, *, offline: bool
) -> Serve | Call:
    """Serve an entry, or miss when it cannot be restored."""
    try:
        value = revive(question, restore(question, outcome.entry))
    except Unreadable as error:
        return missed(question, unreadable(error.reason), offline=offline)
    return served(question, outcome, value)


def served(question: Question, outcome: Fresh | StaleEntry | Expired, value: Any) -> Serve:
    """Count a served entry."""
    if isinstance(outcome, Fresh):
        tell(question, Hit, outcome.entry, age=outcome.age)
        return Serve(value)
    offline = question.plan.offline
    reason = "offline" if offline else "revalidate"
    tell(question, Stale, outcome.entry, age=outcome.age, reason=reason)
    return Serve(value, refresh=not offline and question.plan.settings.mode is not Mode.READONLY)


def missed(question: Question, reason: str, *, offline: bool) -> Call:
    """A miss: a call, or in mode `offline` an error."""
    if not offline:
        return Call(reason)
    function = question.plan.scope.function
    tell(question, Miss, None, reason="offline")
    raise CacheMissError(
        f"Mode is offline and no answer to this call of {function} is stored ({reason}), "
        f"key {question.key[:12]}…. Call it once in mode 'on' to store one.",
        function=function,
        key=question.key,
        explanation=reason,
    )


def for_caller(question: Question, call: Call, answer: Answer) -> Any:
    """The value for a caller: his own call's, or his copy of another's."""
    if question.follows:
        return for_waiter(question, answer)
    return for_leader(question, call, answer)


def for_leader(question: Question, call: Call, answer: Answer) -> Any:
    """The value for the caller whose call it was."""
    if answer.found is None:
        reason = question.reason or call.reason
        tell(question, Miss, answer.usage, seconds=answer.seconds, reason=reason)
    elif answer.waited:
        tell(question, Wait, answer.found)
    else:
        age = question.plan.settings.clock.time() - answer.found.created
        tell(question, Hit, answer.found, age=max(0.0, age))
    return answer.value


def for_waiter(question: Question, answer: Answer) -> Any:
    """The value for a caller who waited: a copy of his own wherever one can be made."""
    tell(question, Wait, answer.usage, saved=answer.seconds)
    if isinstance(answer.value, SharedStream | AsyncSharedStream):
        return answer.value
    # Two functions under one `name` may declare different types: what the leader's codec wrote
    # may be nothing to this one.
    with contextlib.suppress(Unreadable):
        if answer.data is not None:
            return revive(question, answer.data)
    try:
        return copy.deepcopy(answer.value)
    except Exception:  # noqa: BLE001 - the class's own code; the same object is the best there is
        return answer.value


def stale_after(question: Question, call: Call, error: Exception) -> Any:
    """The reserve, when the function itself raised; else the exception goes on.

    Raises:
        Exception: `error`, where there is nothing to serve in its place.
    """
    if call.reserve is None or isinstance(error, BackendError):
        raise error
    with contextlib.suppress(Unreadable):
        value = revive(question, restore(question, call.reserve))
        age = question.plan.settings.clock.time() - call.reserve.created
        reason = f"error: {type(error).__name__}"
        tell(question, Stale, call.reserve, age=age, reason=reason)
        return value
    raise error
