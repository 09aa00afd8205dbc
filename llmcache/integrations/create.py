"""What stands in the place of an Instructor client's `create_fn`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from llmcache.decorator.wrappers import CachedCallable
from llmcache.engine.keeping import forget_usage
from llmcache.errors import ConfigurationError, UncacheableArgumentError
from llmcache.integrations.functions import Functions, aanswer, answer
from llmcache.integrations.prompt import refuse_iterators
from llmcache.integrations.request import STREAM, asked_type, described, streamed
from llmcache.spellings import SPELLINGS, hint_at, refused

__all__ = ["AsyncCachedCreate", "CachedCreate"]

PER_CALL = {
    "cache_ttl": "ttl",
    "cache_mode": "mode",
    "cache_namespace": "namespace",
    "cache_sample": "sample",
}

NAMED = re.compile(r"parameters\['(\w+)'\]")


def as_of_the_call(error: UncacheableArgumentError) -> UncacheableArgumentError:
    """The error with the keyword that the caller used, which is the one for `ignore`."""
    found = NAMED.match(error.path)
    if found is None:
        return error
    text = str(error).replace(found[0], found[1]).replace("'parameters'", repr(found[1]))
    path = error.path.replace(found[0], found[1])
    return UncacheableArgumentError(text, parameter=found[1], path=path, type_name=error.type_name)


def read_sample(value: object, name: str) -> int | None:
    """None and whole numbers from 0 on."""
    if value is None or (type(value) is int and value >= 0):
        return value
    raise refused(name, value, "a whole number from 0 on, or None")


READERS: Mapping[str, Callable[[Any, str], Any]] = {**SPELLINGS, "sample": read_sample}


def check_names(request: Mapping[str, Any]) -> None:
    """Refuse what is nearly the name of an option of ours; `cache_control` is a provider's.

    Raises:
        ConfigurationError: With the name that was meant.
    """
    for name in request:
        if name.startswith("cache_") and name not in PER_CALL:
            hint = hint_at(name, PER_CALL, alike=0.75)
            if hint:
                raise ConfigurationError(
                    f"A call of a cached client takes no {name!r}.{hint}",
                    name=name,
                    allowed=", ".join(PER_CALL),
                )


class CachedCreate:
    """The cached `create_fn` of one client, with the handle of a cached function.

    Args:
        client: The client that it belongs to.
        create: The client's own `create_fn`.
        ignored: Keyword arguments of calls that do not count.
        options: For `cached_structured`.
    """

    awaited = False

    def __init__(
        self,
        client: Any,
        create: Callable[..., Any],
        ignored: frozenset[str],
        options: Mapping[str, Any],
    ) -> None:
        self.client = client
        self.create = create
        self.ignored = ignored
        self.parallel: bool = "parallel" in str(getattr(client.mode, "value", client.mode))
        self.functions: Functions = Functions(aanswer if self.awaited else answer, options)

    def __call__(self, **request: Any) -> Any:
        """Answer one request."""
        variant, parts, parameters = self.taken_apart(request)
        try:
            return self.presented(variant(self.create, request, *parts, **parameters))
        except UncacheableArgumentError as error:
            raise as_of_the_call(error) from error.__cause__
        finally:
            forget_usage()

    def taken_apart(
        self, request: dict[str, Any]
    ) -> tuple[CachedCallable, tuple[Any, ...], dict[str, Any]]:
        """The cached function for a call, and what it takes; `request` loses what is ours.

        Raises:
            ConfigurationError: For a bad `cache_ttl`, `cache_mode`, `cache_namespace` or
                `cache_sample`, or a name that is nearly one of these.
        """
        request.pop("cache", None)
        check_names(request)
        settings = {
            ours: READERS[ours](request.pop(name), name)
            for name, ours in PER_CALL.items()
            if name in request
        }
        model, form = asked_type(request.get("response_model"))
        stream = streamed(request, form, awaited=self.awaited)
        parts, parameters = described(
            self.client,
            self.create,
            request,
            form=form,
            stream=stream,
            ignored=self.ignored,
        )
        function = self.functions.of(model, settings, stream=stream == STREAM)
        return function, parts, parameters

    def presented(self, value: Any) -> Any:
        """What Instructor returns: parallel tools come one by one."""
        return iter(value) if self.parallel and type(value) is list else value

    def asked(self, name: str, request: dict[str, Any]) -> Any:
        """One question of the handle about a request, its defaults added as the client does."""
        full = {**self.client.kwargs, **request}
        if name != "cache_refresh" and "context" not in self.ignored:
            refuse_iterators(full.get("context"))
        variant, parts, parameters = self.taken_apart(full)
        return getattr(variant, name)(self.create, full, *parts, **parameters)

    def cache_key(self, **request: Any) -> Any:
        """See `CachedFunction.cache_key`; takes what `create` takes, as all below."""
        return self.asked("cache_key", request)

    def cache_explain(self, **request: Any) -> Any:
        """See `CachedFunction.cache_explain`."""
        return self.asked("cache_explain", request)

    def cache_peek(self, **request: Any) -> Any:
        """See `CachedFunction.cache_peek`."""
        return self.asked("cache_peek", request)

    def cache_refresh(self, **request: Any) -> Any:
        """See `CachedFunction.cache_refresh`."""
        return self.asked("cache_refresh", request)

    def cache_invalidate(self, **request: Any) -> Any:
        """See `CachedFunction.cache_invalidate`."""
        return self.asked("cache_invalidate", request)

    def cache_clear(self) -> Any:
        """See `CachedFunction.cache_clear`; of all clients under this name and namespace."""
        return self.functions.any.cache_clear()

    def cache_info(self) -> Any:
        """See `CachedFunction.cache_info`; the counters are this client's."""
        return self.functions.any.cache_info()

    @property
    def cache_backend(self) -> Any:
        """See `CachedFunction.cache_backend`."""
        return self.functions.any.cache_backend


class AsyncCachedCreate(CachedCreate):
    """As `CachedCreate`, awaited."""

    awaited = True

    async def __call__(self, **request: Any) -> Any:
        """Answer one request."""
        variant, parts, parameters = self.taken_apart(request)
        try:
            return self.presented(await variant(self.create, request, *parts, **parameters))
        except UncacheableArgumentError as error:
            raise as_of_the_call(error) from error.__cause__
        finally:
            forget_usage()
