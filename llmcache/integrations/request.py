"""A request to a provider as the parts of a key: all that can change the answer, nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from llmcache.integrations.prompt import prompt_of
from llmcache.keys.clients import (
    HEADER_SOURCES,
    PASSED_BY,
    counted_headers,
    default_model,
    is_client,
    plain_url,
)

__all__ = ["OF_THEIR_OWN", "STREAM", "asked_type", "described", "model_of", "streamed"]

OF_THEIR_OWN = frozenset({"model", "messages", "response_model", "context", "strict", "stream"})
"""What of a request is a part of its own."""

LEFT_OUT = OF_THEIR_OWN.union(PASSED_BY, HEADER_SOURCES)
PARTIAL, STREAM = "partial", "stream"
SDKS = frozenset({"openai", "anthropic", "litellm"})
ADDED = frozenset({"extra_body", "extra_query"})
"""What is added to a request: where it is empty, the request is the plain one."""

UNSET = frozenset({"NotGiven", "Omit"})


def described(  # noqa: PLR0913 - they are what there is to a request
    client: Any,
    create: Callable[..., Any],
    request: dict[str, Any],
    *,
    form: str = "",
    stream: str = "",
    ignored: frozenset[str] = frozenset(),
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What `functions.answer` takes of a request, by position and by name; all of it is key.

    The messages in the request become those that were rendered for it.

    Args:
        client: The Instructor client.
        create: Its own `create_fn`.
        request: The keyword arguments for that.
        form: Which form of the response model is asked for, as `asked_type` says.
        stream: Whether it comes bit by bit, as `streamed` says.
        ignored: Names among those that do not count.
    """
    whole = request
    if ignored:
        request = {name: value for name, value in request.items() if name not in ignored}
    provider = text_of(client.provider)
    messages, context, sent = prompt_of(request, provider)
    if sent is not None:
        whole["messages"] = sent
    if type(messages) is tuple:
        messages = [*messages]
    parts = (
        None if "service" in ignored else service_of(client, create),
        provider,
        text_of(client.mode),
        request.get("model") or model_of(client, create),
        messages if are_texts(messages) else in_order(messages),
        form,
        stream,
        request.get("strict", True),
        context,
    )
    return parts, parameters_of(request)


def text_of(value: Any) -> str:
    """The text of an enum's member, or of anything else."""
    return str(getattr(value, "value", value))


def model_of(client: Any, create: Callable[..., Any]) -> str | None:
    """The model that the client asks where a call names none."""
    return getattr(client, "default_model", None) or default_model(create)


def service_of(client: Any, create: Callable[..., Any]) -> Any:
    """Where requests go: base URL, organisation, project and the like, without credentials."""
    inner = client.client
    if inner is None:
        return completion_function(getattr(create, "__wrapped__", create))
    if is_client(inner):
        return inner
    return (type(inner).__qualname__, plain_url(getattr(inner, "base_url", None)))


def completion_function(function: Any) -> Any:
    """A function such as `litellm.completion`; what a partial adds counts as in a call."""
    if not isinstance(function, functools.partial):
        return function
    added = parameters_of({**function.keywords})
    added["model"] = function.keywords.get("model")
    return completion_function(function.func), function.args, added


def asked_type(response_model: Any) -> tuple[Any, str]:
    """The type that was asked for; `Partial[X]` is another class each time, so it is told as X."""
    if isinstance(response_model, type):
        original = vars(response_model).get("_original_model")
        if original is not None:
            return original, PARTIAL
    return response_model, ""


def streamed(request: Mapping[str, Any], form: str, *, awaited: bool) -> str:
    """Whether the answer is a stream; Instructor reads one of partial answers whole if it can."""
    if not request.get("stream"):
        return ""
    return STREAM if awaited or form != PARTIAL else "read"


def parameters_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """Everything else that is sent, headers among it as far as they count."""
    found = {
        name: in_order(value)
        for name, value in request.items()
        if name not in LEFT_OUT
        and type(value).__name__ not in UNSET
        and (value or name not in ADDED)
    }
    headers = counted_headers(request)
    return {**found, "headers": headers} if headers else found


def are_texts(messages: Any) -> bool:
    """Whether the messages are dicts with a text each, as most are, and count as they stand."""
    return type(messages) is list and all(
        type(message) is dict and type(message.get("content")) is str for message in messages
    )


def in_order(value: Any) -> Any:
    """The value as it is sent, with a JSON schema's properties as pairs: their order is prompt.

    Messages, blocks and tools that are objects of an SDK become what they hold, so that a field
    that a later release adds changes no key.
    """
    if isinstance(value, dict):
        return {
            name: [(inner, in_order(part)) for inner, part in item.items()]
            if name == "properties" and isinstance(item, dict)
            else in_order(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple) and type(value) in {list, tuple}:
        return type(value)([in_order(item) for item in value])
    if isinstance(value, BaseModel) and type(value).__module__.partition(".")[0] in SDKS:
        return in_order(value.model_dump(exclude_unset=True))
    return value
