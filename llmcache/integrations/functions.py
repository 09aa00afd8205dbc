"""The functions that send requests, cached: one for each type that is asked for.

The type of an answer stands beside a function's code in its keys: taken apart once and looked at
for changes, as that of a decorated function is. So each response model has a function of its own,
all under one name.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmcache.decorator.cached import decorate
from llmcache.decorator.wrappers import CachedCallable
from llmcache.engine.forms import ASYNC_STREAM, STREAM
from llmcache.integrations.spending import Meter
from llmcache.keys.options import checked_key
from llmcache.tally import Tally

__all__ = ["Functions", "aanswer", "answer"]

SENT = ("create", "request")
"""What is handed to the cached functions and is told by their other arguments."""
MODEL = 3
"""Where among the parts of a key the model stands."""
MOST = 256


def answer(  # noqa: PLR0913, PLR0917 - they are the parts of the key
    create: Callable[..., Any],
    request: dict[str, Any],
    service: Any,  # noqa: ARG001 - a part of the key, as all that follow
    provider: str,  # noqa: ARG001
    mode: str,  # noqa: ARG001
    model: str | None,  # noqa: ARG001
    messages: Any,  # noqa: ARG001
    form: str,  # noqa: ARG001
    stream: str,  # noqa: ARG001
    strict: Any,  # noqa: ARG001
    context: Any,  # noqa: ARG001
    /,
    **parameters: Any,  # noqa: ARG001
) -> Any:
    """Send a request; what is cached."""
    meter = Meter()
    result = create(**{**request, "hooks": meter.hooks(request.get("hooks"))})
    if inspect.isgenerator(result) and request.get("stream"):
        return meter.items(result)
    result = at_once(request, result)
    meter.tell(result)
    return result


async def aanswer(  # noqa: PLR0913, PLR0917 - they are the parts of the key
    create: Callable[..., Any],
    request: dict[str, Any],
    service: Any,  # noqa: ARG001 - a part of the key, as all that follow
    provider: str,  # noqa: ARG001
    mode: str,  # noqa: ARG001
    model: str | None,  # noqa: ARG001
    messages: Any,  # noqa: ARG001
    form: str,  # noqa: ARG001
    stream: str,  # noqa: ARG001
    strict: Any,  # noqa: ARG001
    context: Any,  # noqa: ARG001
    /,
    **parameters: Any,  # noqa: ARG001
) -> Any:
    """As `answer`, async."""
    meter = Meter()
    result = await create(**{**request, "hooks": meter.hooks(request.get("hooks"))})
    if inspect.isasyncgen(result):
        return meter.aitems(result)
    result = at_once(request, result)
    meter.tell(result)
    return result


def at_once(request: dict[str, Any], result: Any) -> Any:
    """The tools of a parallel call as a list: they came in one piece."""
    return list(result) if isinstance(result, Iterator) and not request.get("stream") else result


class Functions:
    """The cached functions of one client, under its options and under those of single calls.

    Args:
        function: `answer` or `aanswer`.
        options: For `cached_structured`.

    Raises:
        ConfigurationError: For a bad option, now and not at the first call.
    """

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self.function = function
        self.options: dict[str, Any] = {"ignore": SENT, **options}
        if options.get("key") is not None:
            self.options["key"] = of_request(options["key"])
        self.tally: Tally = Tally()
        self.lock: threading.Lock = threading.Lock()
        self.made: dict[Any, CachedCallable] = {}
        self.any: CachedCallable = self.decorated(Any)

    def of(
        self, response_model: Any, settings: Mapping[str, Any], *, stream: bool = False
    ) -> CachedCallable:
        """The function for a type, under the settings of one call; the last 256 are kept."""
        if response_model is None and not settings and not stream:
            return self.any
        try:
            place = place_of(response_model, settings), stream
            known = self.made.get(place)
        except TypeError:  # a type or a setting that cannot be hashed
            plain = self.decorated(response_model, stream=stream)
            return plain.cache_with(**settings) if settings else plain
        if known is None:
            known = self.keep(place, self.new(response_model, settings, stream=stream))
        return known

    def new(
        self, response_model: Any, settings: Mapping[str, Any], *, stream: bool
    ) -> CachedCallable:
        """As `of`, where there is none yet."""
        if settings:
            return self.of(response_model, {}, stream=stream).cache_with(**settings)
        return self.decorated(response_model, stream=stream)

    def keep(self, place: Any, function: CachedCallable) -> CachedCallable:
        """Remember a function; the older half goes when there are too many."""
        with self.lock:
            if len(self.made) >= MOST:
                for old in list(self.made)[: MOST // 2]:
                    del self.made[old]
            return self.made.setdefault(place, function)

    def decorated(self, response_model: Any, *, stream: bool = False) -> CachedCallable:
        """A function for one type, counted with all others.

        That of a stream is told the colour of its own, so that it can replay one of the other.
        """
        declared = Any if response_model is None else response_model
        made = decorate(self.function, {**self.options, "response_model": declared})
        subject = made._self_variant.subject  # noqa: SLF001 - so wrapt names a wrapper's own
        subject.tally = self.tally
        if stream:
            subject.mark = ASYNC_STREAM if subject.kind.awaited else STREAM
        return made


def of_request(key: Callable[..., Any]) -> Callable[..., Any]:
    """What makes a key, given the keyword arguments of a request, the client's model among them.

    Raises:
        ConfigurationError: When it cannot be called, or has to be awaited.
    """
    checked_key(key)

    def by_request(_: Any, request: dict[str, Any], *parts: Any, **__: Any) -> Any:
        return key(**{"response_model": None, **request, "model": parts[MODEL]})

    return by_request


def place_of(response_model: Any, settings: Mapping[str, Any]) -> Any:
    """What a function is found by. Two unions in another order are equal, and other prompts."""
    written = "" if isinstance(response_model, type) else repr(response_model)
    if not settings:
        return response_model, written
    chosen = tuple((name, type(value), value) for name, value in settings.items())
    return response_model, written, chosen
