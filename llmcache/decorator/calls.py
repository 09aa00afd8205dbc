"""A call of a decorated function of each kind, from its arguments to the engine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any

from llmcache.backends.workers import in_worker
from llmcache.decorator.subject import Arguments, Kind, Variant
from llmcache.engine.question import Plan
from llmcache.engine.serving import aanswer, answer
from llmcache.errors import CacheMissError, LLMCacheError, UncacheableArgumentError
from llmcache.flight.items import refuse

__all__ = ["CALLS"]


def bypassed(plan: Plan, call: Arguments) -> Any:
    """The function's own answer, as the mode keeps the cache out of the call; counted."""
    from llmcache.events import Bypass  # noqa: PLC0415 - a hit that nobody listens to makes no record

    plan.tally.tell(Bypass(function=plan.scope.function, reason="mode"))
    return call.run()


def refused(plan: Plan, error: UncacheableArgumentError) -> None:
    """An argument that cannot be keyed: a bypass where that was chosen, else the error.

    Raises:
        UncacheableArgumentError: With `on_uncacheable="raise"`.
        CacheMissError: In mode `offline`.
    """
    from llmcache.events import Bypass, Miss  # noqa: PLC0415 - as above

    function = plan.scope.function
    if plan.offline:
        plan.tally.tell(Miss(function=function, reason="offline"))
        raise CacheMissError(
            f"Mode is offline and this call of {function} has no key: {error}", function=function
        ) from error
    if plan.settings.on_uncacheable == "raise":
        raise error
    plan.tally.warn_uncacheable(function, error)
    plan.tally.tell(Bypass(function=function, reason="uncacheable"))


def explained(variant: Variant, call: Arguments, miss: CacheMissError) -> CacheMissError:
    """A miss in mode `offline` with what `cache_explain` says of it, where that can be had."""
    from llmcache.decorator.explaining import explain  # noqa: PLC0415 - only for who is about to get an error

    with contextlib.suppress(LLMCacheError):
        explanation = str(explain(variant, call))
        return CacheMissError(
            f"{miss}\n{explanation}",
            function=miss.function,
            key=miss.key,
            explanation=explanation,
        )
    return miss


def call_sync(variant: Variant, call: Arguments) -> Any:
    """Call a plain function."""
    plan = variant.plan()
    if plan.off:
        return bypassed(plan, call)
    try:
        question = variant.question(plan, call)
    except UncacheableArgumentError as error:
        refused(plan, error)
        return call.run()
    try:
        return answer(question)
    except CacheMissError as miss:
        if miss.key != question.key:
            raise
        raise explained(variant, call, miss) from None


async def call_async(variant: Variant, call: Arguments) -> Any:
    """Call a coroutine function, or a plain one that says it returns an awaitable."""
    plan = variant.plan()
    if plan.off:
        return await bypassed(plan, call)
    try:
        question = await variant.aquestion(plan, call)
    except UncacheableArgumentError as error:
        refused(plan, error)
        return await call.run()
    try:
        return await aanswer(question)
    except CacheMissError as miss:
        if miss.key != question.key:
            raise
        raise await in_worker(explained, variant, call, miss) from None


def call_items(variant: Variant, call: Arguments) -> Generator[Any, Any, Any]:
    """Call a generator function: nothing happens before the first item is asked for."""
    return (yield from call_sync(variant, call))


async def call_async_items(variant: Variant, call: Arguments) -> AsyncGenerator[Any, None]:
    """Call an async generator function."""
    items = await call_async(variant, Arguments(awaitable(call.run), call.args, call.kwargs))
    async with aclosing(items):
        async for item in items:
            refuse((yield item))


def awaitable(run: Callable[[], Any]) -> Callable[[], Coroutine[Any, Any, Any]]:
    """An async generator function as the engine runs it: awaited for the generator."""

    async def generator() -> Any:
        return run()

    return generator


CALLS: Mapping[Kind, Callable[[Variant, Arguments], Any]] = MappingProxyType(
    {
        Kind.SYNC: call_sync,
        Kind.ASYNC: call_async,
        Kind.ITEMS: call_items,
        Kind.ASYNC_ITEMS: call_async_items,
        Kind.AWAITABLE: call_async,
    }
)
"""How a function of each kind is called; chosen once, at decoration."""
