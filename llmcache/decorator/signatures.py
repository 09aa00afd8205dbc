"""What a type checker sees of a decorated function: its own parameters and result, and the handle.

The overloads of `__get__` say, in this order: a classmethod takes its class away, a function looked
up on a class stays as it is, a method takes its object away, and a staticmethod nothing. mypy picks
overloads without looking at the type of `self`, so it misreads a method called through its class
and a staticmethod called through an object; pyright reads all of them.

At run time they are `wrappers.CachedCallable`, and `wrappers.BoundCachedFunction` where they are
bound; these classes are never instantiated.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Literal,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    overload,
)

from llmcache.backends.base import Backend
from llmcache.keys.key import CacheKey
from llmcache.tally import CacheInfo

if TYPE_CHECKING:
    from llmcache.keys.explain import Explanation

__all__ = [
    "MISSING",
    "Cached",
    "CachedAsyncFunction",
    "CachedFunction",
    "Decorator",
    "Missing",
    "TtlOption",
]

Parameters = ParamSpec("Parameters")
Rest = ParamSpec("Rest")
Result = TypeVar("Result")
First = TypeVar("First")
TtlOption = int | float | str | timedelta | None


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "missing"

    def __str__(self) -> str:
        return "llmcache.MISSING"

    __repr__ = __str__


MISSING: Final = Missing.MISSING
"""What `cache_peek` returns where no fresh answer is stored; `None` may be an answer."""


class Cached(Protocol[Parameters]):
    """The part of the handle that is the same for functions of every kind."""

    def cache_key(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> CacheKey:
        """The key of a call, without making it.

        Raises:
            UncacheableArgumentError: When an argument has no stable form.
        """
        ...

    def cache_info(self) -> CacheInfo:
        """The counters of this function in this process, and how many entries it has."""
        ...

    def cache_with(
        self,
        *,
        ttl: TtlOption = ...,
        mode: Literal["on", "off", "refresh", "readonly", "offline"] = ...,
        namespace: str = ...,
        sample: int | str | None = ...,
    ) -> Self:
        """The same function, under these settings for the calls made through what is returned.

        Args:
            ttl: Stands over the decorator's; None: until evicted.
            mode: Stands over the decorator's and the context's.
            namespace: Stands over the decorator's.
            sample: Which of several answers to one question, for temperatures above 0; each is
                stored under a key of its own. None: the one without a number.

        Raises:
            ConfigurationError: For a value that the setting does not take.
        """
        ...

    @property
    def cache_backend(self) -> Backend:
        """The backend that a call made now would use."""
        ...


class CachedFunction(Cached[Parameters], Protocol[Parameters, Result]):
    """A cached function, generator or async generator."""

    @property
    def __wrapped__(self) -> Callable[Parameters, Result]:
        """The function itself, uncached."""
        ...

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Answer from the store, or call."""
        ...

    @overload
    def __get__(
        self: CachedFunction[Concatenate[First, Rest], Result], instance: object, owner: First, /
    ) -> CachedFunction[Rest, Result]: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...

    @overload
    def __get__(
        self: CachedFunction[Concatenate[First, Rest], Result],
        instance: First,
        owner: type | None = None,
        /,
    ) -> CachedFunction[Rest, Result]: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> Self: ...

    def cache_explain(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Explanation:
        """Why this call would hit or miss; printable. Nothing is called or counted."""
        ...

    def cache_peek(
        self, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result | Literal[Missing.MISSING]:
        """The fresh answer, or `MISSING`; never calls, waits or counts."""
        ...

    def cache_refresh(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Call now, and store over what is there; what is being computed already is outdated.

        In the modes `off`, `readonly` and `offline` it is an ordinary call: they do not store, and
        `offline` does not call.
        """
        ...

    def cache_invalidate(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> bool:
        """Forget the answer to this call; whether there was one.

        What is being computed at the moment, in any process, will not be stored.

        Raises:
            BackendError: When the store fails, whatever `on_backend_error` says.
        """
        ...

    def cache_clear(self) -> int:
        """Forget all answers of this function in its namespace; how many there were.

        Raises:
            BackendError: As `cache_invalidate`.
        """
        ...


class CachedAsyncFunction(Cached[Parameters], Protocol[Parameters, Result]):
    """A cached coroutine function; its handle is awaited where it may have to wait."""

    @property
    def __wrapped__(self) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
        """The function itself, uncached."""
        ...

    def __call__(
        self, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Coroutine[Any, Any, Result]:
        """Answer from the store, or call."""
        ...

    @overload
    def __get__(
        self: CachedAsyncFunction[Concatenate[First, Rest], Result],
        instance: object,
        owner: First,
        /,
    ) -> CachedAsyncFunction[Rest, Result]: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...

    @overload
    def __get__(
        self: CachedAsyncFunction[Concatenate[First, Rest], Result],
        instance: First,
        owner: type | None = None,
        /,
    ) -> CachedAsyncFunction[Rest, Result]: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> Self: ...

    async def cache_explain(
        self, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Explanation:
        """As `CachedFunction.cache_explain`, async."""
        ...

    async def cache_peek(
        self, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result | Literal[Missing.MISSING]:
        """As `CachedFunction.cache_peek`, async."""
        ...

    async def cache_refresh(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """As `CachedFunction.cache_refresh`, async."""
        ...

    async def cache_invalidate(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> bool:
        """As `CachedFunction.cache_invalidate`, async."""
        ...

    async def cache_clear(self) -> int:
        """As `CachedFunction.cache_clear`, async."""
        ...


class Decorator(Protocol):
    """What `cached_structured` with options returns."""

    @overload  # a coroutine function is a function too; the first that fits counts
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Parameters, Awaitable[Result]], /
    ) -> CachedAsyncFunction[Parameters, Result]: ...

    @overload
    def __call__(
        self, function: Callable[Parameters, Result], /
    ) -> CachedFunction[Parameters, Result]: ...
