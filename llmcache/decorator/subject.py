"""A function that is cached: what was said of it at decoration, and its calls as questions.

A `Subject` is made once per decoration. A `Variant` of it is what is called: the function itself,
or one that `cache_with` made, with settings of its own.
"""

from __future__ import annotations

import enum
import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import BuiltinFunctionType, MappingProxyType, MethodType
from typing import Any

from llmcache.backends.base import Scope
from llmcache.backends.configured import backend_in_use
from llmcache.backends.workers import in_worker
from llmcache.codecs import Framing, ResultCodec, SeenTypes, result_codec
from llmcache.engine.forms import ASYNC_STREAM, AWAITABLE, STREAM
from llmcache.engine.question import Plan, Question
from llmcache.keys.key import Bound, CacheKey, FunctionKeys, Keying, ResultType
from llmcache.keys.secrets import digest_secret
from llmcache.keys.values.canonical import FileNeeded
from llmcache.ledger import account_of
from llmcache.listening import listened
from llmcache.modes import mode_in_context
from llmcache.settings import Mode, Settings, generation, resolve
from llmcache.store import store_of
from llmcache.tally import Tally

__all__ = ["Kind", "Subject", "Variant"]


@enum.unique
class Kind(enum.Enum):
    """What a function is, told once, at decoration; the last is a plain one that says it.

    Attributes:
        awaited: Whether what may have to wait in its handle is awaited.
        coroutine: Whether calling it gives a coroutine.
        mark: Put before what is stored, where that is no plain result.
    """

    SYNC = False, False, b""
    ASYNC = True, True, b""
    ITEMS = False, False, STREAM
    ASYNC_ITEMS = True, False, ASYNC_STREAM
    AWAITABLE = True, True, AWAITABLE

    def __init__(self, awaited: bool, coroutine: bool, mark: bytes) -> None:  # noqa: FBT001 - as above
        self.awaited = awaited
        self.coroutine = coroutine
        self.mark = mark


class Arguments:
    """One call: what is run, and its arguments with the instance or class in front."""

    def __init__(
        self, run: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.run = run
        self.args = args
        self.kwargs = kwargs


def kind_of(function: Any) -> Kind:
    """What calling the function gives; for a callable object, what its `__call__` gives."""
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004 - the method is inspected, not called
    for candidate in (function, called):
        if inspect.isasyncgenfunction(candidate):
            return Kind.ASYNC_ITEMS
        if inspect.isgeneratorfunction(candidate):
            return Kind.ITEMS
        if inspect.iscoroutinefunction(candidate):
            return Kind.ASYNC
        if says_awaitable(getattr(candidate, "__annotations__", {}).get("return")):
            return Kind.AWAITABLE
    return Kind.SYNC


def says_awaitable(annotation: Any) -> bool:
    """Whether a return annotation is `Awaitable[...]` or `Coroutine[...]`, as an object or text."""
    if isinstance(annotation, str):
        named = annotation.partition("[")[0].rpartition(".")[2]
        return named in {"Awaitable", "Coroutine"}
    return typing.get_origin(annotation) in {Awaitable, Coroutine}


class Subject:
    """What was said of a function at decoration.

    Attributes:
        layer: Its settings, as `settings.layer` checked them.
        keys: Makes the keys of its calls.
        kind: What calling it gives.
        mark: As of the kind; another one where it is known that it returns a stream.
        takes_instance: Whether the object or class that it is bound to is its first argument.
    """

    def __init__(
        self,
        wrapped: Any,
        layer: Mapping[str, Any],
        keep_if: Callable[[Any], object] | None,
        keying: Mapping[str, Any],
    ) -> None:
        self.layer = layer
        self.keep_if = keep_if
        self.takes_instance: bool = not isinstance(wrapped, staticmethod | BuiltinFunctionType)
        function = wrapped.__func__ if isinstance(wrapped, UNBOUND) else wrapped
        self.kind: Kind = kind_of(function)
        self.mark: bytes = self.kind.mark
        self.keys: FunctionKeys = FunctionKeys(function, **keying)
        self.tally: Tally = Tally()
        self.seen: SeenTypes = SeenTypes()
        self.latest: tuple[ResultType | None, ResultCodec] = None, result_codec(Any)

    def arguments(
        self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Arguments:
        """One call, as wrapt hands it over."""
        full = (instance, *args) if self.takes_instance and instance is not None else args
        return Arguments(lambda: wrapped(*args, **kwargs), full, kwargs)

    def codec(self, result: ResultType) -> ResultCodec:
        """The codec for a type of result; that of the call before is at hand."""
        known, codec = self.latest
        if known is not result:
            codec = result_codec(result.declared, result.candidates, self.seen)
            self.latest = result, codec
        return codec


UNBOUND = (classmethod, staticmethod, MethodType)


class Variant:
    """A subject under the settings of `cache_with`, or under none.

    Args:
        subject: What is called.
        overrides: A checked layer over all others but `LLMCACHE_DISABLE`.
        sample: Which of several answers to one question; None: the only one.
    """

    def __init__(
        self,
        subject: Subject,
        overrides: Mapping[str, Any] = MappingProxyType({}),
        sample: int | str | None = None,
    ) -> None:
        self.subject = subject
        self.overrides = overrides
        self.sample = sample
        self.plans: dict[Mode | None, tuple[int, Plan]] = {}

    def over(self, overrides: Mapping[str, Any], sample: int | str | None) -> Variant:
        """This variant with further settings over its own."""
        return Variant(self.subject, {**self.overrides, **overrides}, sample)

    def key(self, call: Arguments) -> CacheKey:
        """The key of a call, with its parts."""
        return self.bound(self.plan(), call).key()

    def plan(self) -> Plan:
        """What this call goes by; made anew only after the configuration changed."""
        selected = mode_in_context()
        known = self.plans.get(selected)
        now = generation()
        if known is not None and known[0] == now:
            return known[1]
        chosen = {} if selected is None else {"mode": selected}
        # The context's mode stands over the decorator's, and `cache_with` over both.
        settings = resolve(self.subject.layer, chosen, self.overrides)
        plan = self.plan_of(settings)
        self.plans[selected] = now, plan
        return plan

    def plan_of(self, settings: Settings) -> Plan:
        """The plan for some settings."""
        keys = settings.sealing_keys
        scope = Scope(settings.namespace, self.subject.keys.name)
        backend = backend_in_use(settings)
        return Plan(
            settings=settings,
            scope=scope,
            store=store_of(backend),
            framing=Framing(keys=keys),
            tally=self.subject.tally.at(account_of(backend, scope, settings.clock)),
            keep_if=self.subject.keep_if,
            keying=Keying(
                settings.namespace,
                self.sample,
                settings.project,
                tuple(digest_secret(key) for key in keys),
            ),
        )

    def bound(self, plan: Plan, call: Arguments, *, files: bool = True) -> Bound:
        """One call, taken apart.

        Raises:
            UncacheableArgumentError: When an argument has no stable form.
            FileNeeded: `files` is false and the key needs one.
            TypeError: The function's own, when it cannot be called like that.
        """
        return self.subject.keys.bound(call.args, call.kwargs, plan.keying, files=files)

    def question(self, plan: Plan, call: Arguments, bound: Bound | None = None) -> Question:
        """One call as a question; errors as of `bound`."""
        subject = self.subject
        if bound is None:
            bound = subject.keys.bound(call.args, call.kwargs, plan.keying)
        return Question(  # by position, as each hit makes one: names would double what that takes
            plan,
            bound.digest(),
            subject.codec(bound.result),
            call.run,
            bound,
            subject.mark,
            plan.settings.backend_timeout,
            plan.settings.clock.monotonic() if listened() else None,
        )

    async def aquestion(self, plan: Plan, call: Arguments) -> Question:
        """As `question`, async: a key that needs a file is made in a worker thread."""
        try:
            return self.question(plan, call, self.bound(plan, call, files=False))
        except FileNeeded:
            return await in_worker(self.described, plan, call)

    def described(self, plan: Plan, call: Arguments) -> Question:
        """A question whose parts are known already, so that nothing is read later."""
        question = self.question(plan, call)
        from llmcache.engine.keeping import kept_parts  # noqa: PLC0415 - only where a file is read

        question.parts = kept_parts(question)
        return question
