"""What a decorated function can be asked beside being called, each in two colours.

The functions here take a variant and a call; `wrappers.CacheHandle` hangs them on the function.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from llmcache.backends.base import Entry, Nothing, Sizing, able
from llmcache.backends.workers import in_worker
from llmcache.codecs import Unreadable
from llmcache.decorator.signatures import MISSING
from llmcache.decorator.subject import Arguments, Variant
from llmcache.engine.looking import afound, every_key, found
from llmcache.engine.question import Plan, Question, outcome_of, restore, revive
from llmcache.lookup import Fresh
from llmcache.store import Failed, Operation
from llmcache.tally import CacheInfo

if TYPE_CHECKING:
    from llmcache.keys.explain import Explanation

__all__ = [
    "aclear",
    "aexplain",
    "ainvalidate",
    "apeek",
    "clear",
    "explain",
    "info",
    "invalidate",
    "peek",
]

Done = TypeVar("Done")


def fresh_value(question: Question, stored: Entry | Nothing | Failed) -> Any:
    """A fresh entry's value, or `MISSING`."""
    if isinstance(stored, Failed):
        return MISSING
    outcome = outcome_of(question, stored)
    if not isinstance(outcome, Fresh):
        return MISSING
    try:
        return revive(question, restore(question, outcome.entry))
    except Unreadable:
        return MISSING


def peek(variant: Variant, call: Arguments) -> Any:
    """The fresh value or `MISSING`; nothing is called, waited for or counted."""
    question = variant.question(variant.plan(), call)
    return fresh_value(question, found(question))


async def apeek(variant: Variant, call: Arguments) -> Any:
    """As `peek`, async."""
    question = await variant.aquestion(variant.plan(), call)
    return fresh_value(question, await afound(question))


def explain(variant: Variant, call: Arguments) -> Explanation:
    """As `explaining.explain`."""
    from llmcache.decorator import explaining  # noqa: PLC0415 - only for who asks

    return explaining.explain(variant, call)


async def aexplain(variant: Variant, call: Arguments) -> Explanation:
    """As `explain`, async; it reads much, so it does it in a worker thread."""
    return await in_worker(explain, variant, call)


def invalidate(variant: Variant, call: Arguments) -> bool:
    """Forget the answer to a call; whether there was one."""
    plan = variant.plan()
    question = variant.question(plan, call)
    forget_running(question)
    run = plan.store.run
    gone = [done(run(Operation.INVALIDATE, key, plan.scope)) for key in every_key(question)]
    forget_running(question)
    return any(gone)


async def ainvalidate(variant: Variant, call: Arguments) -> bool:
    """As `invalidate`, async."""
    plan = variant.plan()
    question = await variant.aquestion(plan, call)
    forget_running(question)
    run = plan.store.arun
    gone = [done(await run(Operation.INVALIDATE, key, plan.scope)) for key in every_key(question)]
    forget_running(question)
    return any(gone)


def clear(variant: Variant) -> int:
    """Forget all answers of the function in its namespace; how many there were."""
    plan = variant.plan()
    forget_all_running(plan)
    cleared = int(done(plan.store.run(Operation.CLEAR, plan.scope)))
    forget_all_running(plan)
    return cleared


async def aclear(variant: Variant) -> int:
    """As `clear`, async."""
    plan = variant.plan()
    forget_all_running(plan)
    cleared = int(done(await plan.store.arun(Operation.CLEAR, plan.scope)))
    forget_all_running(plan)
    return cleared


def info(variant: Variant) -> CacheInfo:
    """The counters; the entries are counted now, where the backend can."""
    plan = variant.plan()
    sizing = able(plan.store.backend, Sizing)
    if sizing is None:
        return plan.tally.info(None)
    try:
        return plan.tally.info(sizing.count(plan.scope))
    except Exception:  # noqa: BLE001 - whatever a backend raises, the counters are there
        return plan.tally.info(None)


def forget_running(question: Question) -> None:
    """Let nobody join what is being computed for this question.

    Done before the store is told and after: before, for what nobody will store; after, for what
    was begun in between.
    """
    seat = question.seat[:3]
    forget(lambda other: isinstance(other, tuple) and other[:3] == seat)


def forget_all_running(plan: Plan) -> None:
    """Let nobody join what is being computed for this function."""
    backend = id(plan.store.backend)

    def ours(seat: Hashable) -> bool:
        return isinstance(seat, tuple) and seat[:2] == (backend, plan.scope)

    forget(ours)
    plan.kept_manifests.clear()


def forget(outdated: Callable[[Hashable], bool]) -> None:
    """As `answering.drop`."""
    from llmcache.engine.answering import drop  # noqa: PLC0415 - a process of hits loads none of it

    drop(outdated)


def done(result: Done | Failed) -> Done:
    """The result of an operation that the caller asked for itself.

    Raises:
        BackendError: When it failed; what one asked for and did not get is not hidden.
    """
    if isinstance(result, Failed):
        raise result.error
    return result
