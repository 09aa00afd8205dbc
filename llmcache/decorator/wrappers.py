"""What stands in the place of a decorated function: it looks like it, and has the handle."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable
from types import EllipsisType, MethodType
from typing import TYPE_CHECKING, Any, SupportsIndex

import wrapt

from llmcache.backends.base import Backend
from llmcache.decorator import handle
from llmcache.decorator.calls import CALLS
from llmcache.decorator.subject import Variant
from llmcache.keys.key import CacheKey
from llmcache.settings import Mode, layer
from llmcache.spellings import check_options, refused
from llmcache.tally import CacheInfo

__all__ = ["CachedCallable"]


def name_of(wrapped: Any) -> str:
    """What the user calls it."""
    return getattr(wrapped, "__qualname__", type(wrapped).__qualname__)


def called_by(name: str, coroutine: Any) -> Any:
    """The coroutine under the name that the user wrote, for the warning where it is not awaited."""
    coroutine.__qualname__ = name
    return coroutine


class CacheHandle:
    """The handle of `docs/reference/api.md`, on the function and on its bound forms.

    Where the function is a coroutine function or an async generator function, what may have to
    wait returns a coroutine.
    """

    def _self_target(self: Any) -> tuple[Variant, Any, Any]:
        """The variant, what is run, and the object or class that it is bound to."""
        wrapped = self.__wrapped__
        instance = wrapped.__self__ if isinstance(wrapped, MethodType) else None
        return self._self_variant, wrapped, instance

    def _self_ask(
        self,
        sync: Callable[..., Any],
        twin: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Ask about one call, in the colour of the function."""
        variant, wrapped, instance = self._self_target()
        call = variant.subject.arguments(wrapped, instance, args, kwargs)
        if not variant.subject.kind.awaited:
            return sync(variant, call)
        return called_by(f"{name_of(wrapped)}.cache_{sync.__name__}", twin(variant, call))

    def cache_key(self, /, *args: Any, **kwargs: Any) -> CacheKey:
        """See `CachedFunction.cache_key`."""
        variant, wrapped, instance = self._self_target()
        return variant.key(variant.subject.arguments(wrapped, instance, args, kwargs))

    def cache_explain(self, /, *args: Any, **kwargs: Any) -> Any:
        """See `CachedFunction.cache_explain`."""
        return self._self_ask(handle.explain, handle.aexplain, args, kwargs)

    def cache_peek(self, /, *args: Any, **kwargs: Any) -> Any:
        """See `CachedFunction.cache_peek`."""
        return self._self_ask(handle.peek, handle.apeek, args, kwargs)

    def cache_invalidate(self, /, *args: Any, **kwargs: Any) -> Any:
        """See `CachedFunction.cache_invalidate`."""
        return self._self_ask(handle.invalidate, handle.ainvalidate, args, kwargs)

    def cache_refresh(self, /, *args: Any, **kwargs: Any) -> Any:
        """See `CachedFunction.cache_refresh`."""
        variant, wrapped, instance = self._self_target()
        subject = variant.subject
        if variant.plan().settings.mode is Mode.ON:
            variant = variant.over(layer({"mode": Mode.REFRESH}), variant.sample)
        asked = CALLS[subject.kind](variant, subject.arguments(wrapped, instance, args, kwargs))
        if not subject.kind.coroutine:
            return asked
        return called_by(f"{name_of(wrapped)}.cache_refresh", asked)

    def cache_clear(self) -> Any:
        """See `CachedFunction.cache_clear`."""
        variant, wrapped, _ = self._self_target()
        if not variant.subject.kind.awaited:
            return handle.clear(variant)
        return called_by(f"{name_of(wrapped)}.cache_clear", handle.aclear(variant))

    def cache_info(self) -> CacheInfo:
        """See `CachedFunction.cache_info`."""
        return handle.info(self._self_target()[0])

    @property
    def cache_backend(self) -> Backend:
        """See `CachedFunction.cache_backend`."""
        return self._self_target()[0].plan().store.backend


if TYPE_CHECKING:
    BoundWrapper = wrapt.BoundFunctionWrapper[..., Any]
    Wrapper = wrapt.FunctionWrapper[..., Any]
else:
    BoundWrapper, Wrapper = wrapt.BoundFunctionWrapper, wrapt.FunctionWrapper


class BoundCachedFunction(CacheHandle, BoundWrapper):
    """A cached method, bound to its object or class; made per access, so it holds nothing."""

    @property
    def _self_variant(self) -> Variant:
        variant: Variant = self._self_parent._self_variant  # noqa: SLF001 - its own parent
        return variant

    def cache_with(self, **settings: Any) -> Any:
        """See `CachedFunction.cache_with`."""
        parent = self._self_parent.cache_with(**settings)
        return parent.__get__(self._self_instance, self._self_owner)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        bound_to = self._self_owner if self._self_instance is None else self._self_instance
        return sent(self._self_variant, getattr, bound_to, self.__wrapped__.__name__)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        instance = copy.deepcopy(self._self_instance, memo)
        return self._self_parent.__get__(instance, self._self_owner)


class CachedCallable(CacheHandle, Wrapper):
    """What `cached_structured` puts in the place of a function; it looks like the function."""

    def __init__(self, wrapped: Any, variant: Variant) -> None:
        call, subject = CALLS[variant.subject.kind], variant.subject

        def called(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
            return call(variant, subject.arguments(wrapped, instance, args, kwargs))

        def called_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
            return called_by(name, called(wrapped, instance, args, kwargs))

        name = name_of(wrapped)
        super().__init__(wrapped, called_async if subject.kind.coroutine else called)
        self._self_variant: Variant = variant

    def cache_with(self, *, sample: Any = ..., **settings: Any) -> CachedCallable:
        """See `CachedFunction.cache_with`."""
        check_options("cache_with", settings, ("ttl", "mode", "namespace", "sample"))
        if not isinstance(sample, int | str | EllipsisType | None) or isinstance(sample, bool):
            raise refused("sample", sample, "a number, text, or None")
        variant = self._self_variant
        kept = variant.sample if isinstance(sample, EllipsisType) else sample
        return CachedCallable(self.__wrapped__, variant.over(layer(settings), kept))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        wrapped = self.__wrapped__
        return sent(self._self_variant, by_name, wrapped.__module__, wrapped.__qualname__)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


# Not in the class, where checkers ask for an annotation: the function's own would be hidden by it.
CachedCallable.__bound_function_wrapper__ = BoundCachedFunction  # type: ignore[misc]  # one for all


def by_name(module: str, qualname: str) -> Any:
    """The decorated function of a name: how it crosses to another process."""
    found: Any = sys.modules.get(module) or importlib.import_module(module)  # noqa: TID251 - what pickle itself does for a function
    for step in qualname.split("."):
        found = getattr(found, step)
    return found


def sent(variant: Variant, find: Callable[..., Any], *where: Any) -> Any:
    """How a function crosses to another process: where it is found there, and its settings."""
    if not variant.overrides and variant.sample is None:
        return find, where
    return found_with, (dict(variant.overrides), variant.sample, find, *where)


def found_with(
    overrides: dict[str, Any], sample: int | str | None, find: Callable[..., Any], *where: Any
) -> Any:
    """A function that `cache_with` made, in another process."""
    return find(*where).cache_with(sample=sample, **overrides)
