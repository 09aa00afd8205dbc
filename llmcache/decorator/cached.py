"""`cached_structured`: one line above a function, and its answers are kept."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, ParamSpec, TypeVar, overload

from llmcache.backends.base import Backend
from llmcache.decorator.signatures import CachedAsyncFunction, CachedFunction, Decorator
from llmcache.decorator.subject import Subject, Variant
from llmcache.decorator.wrappers import CachedCallable
from llmcache.durations import Duration
from llmcache.errors import ConfigurationError
from llmcache.settings import layer
from llmcache.spellings import check_options, refused

__all__ = ["cached_structured"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@overload  # a coroutine function is a function too; the first that fits counts
def cached_structured(  # type: ignore[overload-overlap]
    function: Callable[Parameters, Awaitable[Result]], /
) -> CachedAsyncFunction[Parameters, Result]: ...


@overload
def cached_structured(
    function: Callable[Parameters, Result], /
) -> CachedFunction[Parameters, Result]: ...


@overload
def cached_structured(
    *,
    ttl: Duration | Callable[[Any], Duration | None] | None = ...,
    backend: Backend | str | None = ...,
    namespace: str = ...,
    name: str | None = ...,
    version: str | int | None = ...,
    depends_on: Iterable[Any] = ...,
    key: Callable[..., Any] | None = ...,
    mode: Literal["on", "off", "refresh", "readonly", "offline"] = ...,
    ignore: Iterable[str] = ...,
    response_model: Any = ...,
    stale_if_error: Duration | None = ...,
    stale_while_revalidate: Duration | None = ...,
    cache_if: Callable[[Any], object] | None = ...,
    on_backend_error: Literal["warn", "raise"] = ...,
    max_wait: Duration | None = ...,
    on_uncacheable: Literal["raise", "bypass"] = ...,
) -> Decorator: ...


def cached_structured(function: Any = None, /, **options: Any) -> Any:
    """Answer equal calls of a function from a store instead of calling it again.

    Use it bare or with options. It takes functions, coroutine functions, generators and async
    generators; methods, classmethods and staticmethods, over or under those decorators; callable
    objects and partials. Everything about the function stays what it was, and a handle is added:
    `cache_key`, `cache_explain`, `cache_peek`, `cache_refresh`, `cache_invalidate`,
    `cache_clear`, `cache_with`, `cache_info`, `cache_backend`.

    What is left out comes from `configure`, the environment or the defaults, looked up at each
    call. Nothing is opened or read at decoration.

    Args:
        function: What to decorate, where no options are given.
        **options: As listed next.

    Keyword Args:
        ttl: Time to live: None (until evicted), seconds, a `timedelta`, text such as `"7d"`,
            or a callable of the result that returns one of these, asked once, when storing. A
            shorter one in the code counts for what is stored already; a longer one revives
            nothing.
        backend: A backend object, a URL, or None for the configured default.
        namespace: Part of every key: keeps tenants apart.
        name: Stands for `module.qualname`, so that a moved function keeps its entries.
        version: Pins the function: its code and the globals it reads no longer count.
        depends_on: More key parts: values, or functions without arguments asked at each call.
        key: A callable of the call's arguments; its result stands for them in the key.
        mode: See `llmcache.mode`.
        ignore: Names of parameters that do not count.
        response_model: The result type, where neither the return annotation nor an argument
            says it.
        stale_if_error: How long after expiry an answer is served when the call raises.
        stale_while_revalidate: How long after expiry an answer is served at once, while it is
            refreshed behind the caller.
        cache_if: Only results for which it is true are stored. Without it, those are not
            whose completion says it was truncated, refused or filtered.
        on_backend_error: `"warn"`: a failing store costs a call of the function and one
            warning; `"raise"`: it raises `BackendError`.
        max_wait: How long a caller follows another's running call before calling itself.
        on_uncacheable: What an argument without a stable form does: `"raise"` the error, or
            `"bypass"` the cache.

    Raises:
        ConfigurationError: For an unknown option or a value that one does not take.
        TypeError: When what is decorated cannot be called.
    """
    if function is None:
        return lambda decorated: decorate(decorated, options)
    if options:
        raise ConfigurationError("Options are given by name: @cached_structured(ttl='7d').")
    return decorate(function, options)


KEYING = ("name", "version", "depends_on", "key", "ignore", "response_model")
SETTINGS = (
    "ttl",
    "backend",
    "namespace",
    "mode",
    "stale_if_error",
    "stale_while_revalidate",
    "on_backend_error",
    "max_wait",
    "on_uncacheable",
)


def decorate(function: Any, options: Mapping[str, Any]) -> CachedCallable:
    """Wrap one function under checked options."""
    check_options("cached_structured", options, {*KEYING, *SETTINGS, "cache_if"})
    if isinstance(function, type):
        name = function.__name__
        raise TypeError(
            f"cached_structured decorates functions, not the class {name}: put it on a method, or "
            f"write @cached_structured(response_model={name}) where it is what a function returns."
        )
    if not callable(function) and not isinstance(function, classmethod | staticmethod):
        raise TypeError(
            f"cached_structured decorates functions, not {type(function).__name__}; "
            "options are given by name: @cached_structured(ttl='7d')."
        )
    keep_if = options.get("cache_if")
    if keep_if is not None and (not callable(keep_if) or inspect.iscoroutinefunction(keep_if)):
        raise refused("cache_if", keep_if, "a plain function of the result, which nobody awaits")
    settings = layer({name: options[name] for name in SETTINGS if name in options})
    keying = {name: options[name] for name in KEYING if options.get(name) is not None}
    return CachedCallable(function, Variant(Subject(function, settings, keep_if, keying)))
