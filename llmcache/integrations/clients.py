"""`cached_client`: an Instructor client whose every request is answered from the cache."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack

from llmcache.backends.base import Backend
from llmcache.durations import Duration
from llmcache.errors import ConfigurationWarning
from llmcache.integrations.create import AsyncCachedCreate, CachedCreate
from llmcache.integrations.request import OF_THEIR_OWN, model_of
from llmcache.keys.clients import PASSED_BY
from llmcache.spellings import check_options, hint_at, refused

if TYPE_CHECKING:
    from instructor import Instructor
else:
    Instructor = Any

__all__ = ["cached_client"]

Client = TypeVar("Client", bound="Instructor")
HANDLE = (
    "cache_key",
    "cache_explain",
    "cache_peek",
    "cache_refresh",
    "cache_invalidate",
    "cache_clear",
    "cache_info",
)


OF_INSTRUCTOR = frozenset({"service", "autodetect_images", "max_tokens", "headers"})
"""What may be ignored besides the parameters of the SDK."""


class Options(TypedDict, total=False):
    """Those options of `cached_structured` that make sense of a client."""

    ttl: Duration | Callable[[Any], Duration | None] | None
    backend: Backend | str | None
    namespace: str
    name: str | None
    version: str | int | None
    depends_on: Iterable[Any]
    key: Callable[..., Any] | None
    mode: Literal["on", "off", "refresh", "readonly", "offline"]
    stale_if_error: Duration | None
    stale_while_revalidate: Duration | None
    cache_if: Callable[[Any], object] | None
    on_backend_error: Literal["warn", "raise"]
    max_wait: Duration | None
    on_uncacheable: Literal["raise", "bypass"]


def cached_client(
    client: Client, *, ignore: Iterable[str] = (), **options: Unpack[Options]
) -> Client:
    """The same kind of client, whose requests are answered from the cache where they can be.

    It is a copy of `client`: its class, hooks, mode, defaults and attributes are those of the
    original, which stays uncached. All ways to ask go through the cache: `create`,
    `chat.completions.create`, `messages.create`, `create_with_completion`, `create_iterable`,
    `create_partial`, and `responses` where the client has it.

    The key is the request: service, model, mode, messages as rendered with `context`, schema of
    `response_model`, and every parameter that can change the answer. Not in it: credentials,
    time-outs, retries, hooks, `user`, `metadata`, `token_budget`, and headers other than versions,
    betas, organisation and project.

    Each call takes `cache_ttl`, `cache_mode`, `cache_namespace` and `cache_sample` besides, which
    do not reach the provider. The handle of a cached function is on the client and its methods
    take what `create` takes, by name: `client.cache_explain(...)`, `cache_peek`, `cache_refresh`,
    `cache_invalidate`, `cache_key`; `client.cache_clear()`, `client.cache_info()`.

    On a hit nothing is sent, so no hook of Instructor fires; hits are told by `llmcache.on_event`.
    An Instructor cache that the client was made with (`cache=`) is left out: one cache answers.

    Args:
        client: From any `instructor.from_*`, sync or async.
        ignore: Names of keyword arguments of a call that do not count besides; `"service"` for
            where requests go.
        **options: As of `cached_structured`. `name` is by default the provider's with
            `instructor.` in front: clients of one name and namespace share their answers.
            `version` is there to outdate all of them. `key` is given the keyword arguments of a
            request, `messages`, `model`, `response_model` and what else it has, and its result
            stands for all of them but the type of the answer.

    Raises:
        TypeError: Where `client` is no Instructor client.
        ConfigurationError: For an unknown option or a value that one does not take.

    Warns:
        ConfigurationWarning: Where `ignore` names what the client's requests do not have.
    """
    check_options("cached_client", options, {"ignore", *Options.__optional_keys__})
    made = create_fn_of(client)
    if isinstance(made, CachedCreate):
        made = made.create
    provider = getattr(client.provider, "value", client.provider)
    chosen: dict[str, Any] = {"name": f"instructor.{provider}", "version": 1, **options}
    kind = AsyncCachedCreate if is_async(client, made) else CachedCreate
    if not isinstance(ignore, Iterable):
        raise refused("ignore", ignore, "names of keyword arguments")
    names = frozenset([ignore] if isinstance(ignore, str) else ignore)
    warn_of_unknown(names, made)
    # Not copy.copy: an Instructor without attributes cannot even be asked for one.
    copied = object.__new__(type(client))
    copied.__dict__.update(client.__dict__)
    cached = kind(copied, made, names, chosen)
    copied.create_fn = cached
    copied.default_model = model_of(client, made)
    copied.__dict__.update({name: getattr(cached, name) for name in HANDLE})
    if "responses" in client.__dict__:
        responses: Any = client.__dict__["responses"]
        copied.__dict__["responses"] = type(responses)(client=copied)
    return copied


def create_fn_of(client: Any) -> Any:
    """What the client's methods call.

    Raises:
        TypeError: Where it is no Instructor client.
    """
    held = getattr(client, "__dict__", {})
    if not {"client", "create_fn", "mode", "provider"} <= set(held):
        raise TypeError(
            f"cached_client takes an Instructor client, not {type(client).__qualname__}: "
            "make one with instructor.from_openai(client) or another instructor.from_*."
        )
    return held["create_fn"]


def warn_of_unknown(names: frozenset[str], create: Any) -> None:
    """Say which names to ignore are no parameters, where the SDK says what its parameters are."""
    try:
        parameters = inspect.signature(create).parameters
    except (TypeError, ValueError):
        return
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    known = {*parameters, *OF_THEIR_OWN, *PASSED_BY, *OF_INSTRUCTOR}
    for name in sorted(names - known):
        warnings.warn(
            f"ignore={name!r}: this client's requests have no parameter of that name."
            f"{hint_at(name, known)}",
            ConfigurationWarning,
            stacklevel=3,
        )


def is_async(client: Any, create: Any) -> bool:
    """Whether what the client's methods call is awaited."""
    if any(kind.__name__ == "AsyncInstructor" for kind in type(client).__mro__):
        return True
    return inspect.iscoroutinefunction(create)
