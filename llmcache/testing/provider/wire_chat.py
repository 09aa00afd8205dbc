"""The wire format of OpenAI's chat completions, `/v1/chat/completions`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmcache.testing.provider.answers import Failure, Reply
from llmcache.testing.provider.asked import (
    Asked,
    Tool,
    chosen_tools,
    is_fenced,
    schema_within,
    seed_of,
    words_in,
)
from llmcache.testing.provider.sse import event, sliced

__all__ = ["asked", "broken", "pieces", "whole"]

Body = Mapping[str, Any]


def asked(body: Body) -> Asked:
    """What a request's body asks for."""
    messages = body.get("messages") or []
    text = "\n".join(words_in(messages))
    form = body.get("response_format") or {}
    return Asked(
        model=str(body.get("model", "")),
        text=text,
        seed=seed_of(messages),
        stream=bool(body.get("stream")),
        tools=wanted_tools(body),
        schema=wanted_schema(form, text),
        fenced=is_fenced(text) and not form,
    )


def wanted_tools(body: Body) -> tuple[Tool, ...]:
    choice = body.get("tool_choice", "auto")
    if choice == "none":
        return ()
    functions = (tool["function"] for tool in body.get("tools") or () if "function" in tool)
    offered = [Tool(function["name"], function.get("parameters", {})) for function in functions]
    name = choice["function"]["name"] if isinstance(choice, Mapping) else None
    single = choice == "required" or body.get("parallel_tool_calls") is False
    return chosen_tools(offered, name, single=single)


def wanted_schema(form: Body, text: str) -> Any:
    if form.get("type") == "json_schema":
        return form["json_schema"].get("schema", {})
    written = schema_within(text)
    if written is None and form.get("type") == "json_object":
        return {"type": "object", "additionalProperties": {"type": "string"}}
    return written


def whole(reply: Reply) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    if reply.calls:
        message["tool_calls"] = [
            tool_call(reply, place, call.arguments) for place, call in enumerate(reply.calls)
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish(reply)}
    return {**envelope(reply, "chat.completion"), "choices": [choice], "usage": usage(reply)}


def envelope(reply: Reply, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-loopback-{reply.number}",
        "object": kind,
        "created": reply.created,
        "model": reply.model,
        "service_tier": "default",
        "system_fingerprint": "fp_loopback",
    }


def tool_call(reply: Reply, place: int, arguments: str) -> dict[str, Any]:
    return {
        "id": f"call_loopback_{reply.number}_{place}",
        "type": "function",
        "function": {"name": reply.calls[place].name, "arguments": arguments},
    }


def finish(reply: Reply) -> str:
    if reply.finish is not None:
        return {"max_tokens": "length", "refusal": "content_filter"}.get(reply.finish, reply.finish)
    return "tool_calls" if reply.calls else "stop"


def usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def pieces(reply: Reply, body: Body) -> Iterator[str]:
    """The server-sent events of a streamed answer, one piece a step."""
    opening: dict[str, Any] = {"role": "assistant", "content": None if reply.calls else ""}
    yield chunk(reply, delta=opening)
    for name in ("text", "refusal"):
        for part in sliced(getattr(reply, name) or ""):
            yield chunk(reply, delta={{"text": "content"}.get(name, name): part})
    for place, call in enumerate(reply.calls):
        named = {"index": place, **tool_call(reply, place, "")}
        yield chunk(reply, delta={"tool_calls": [named]})
        for part in sliced(call.arguments):
            growing = {"index": place, "function": {"arguments": part}}
            yield chunk(reply, delta={"tool_calls": [growing]})
    yield chunk(reply, delta={}, finish_reason=finish(reply))
    if (body.get("stream_options") or {}).get("include_usage"):
        totals = {"choices": [], "usage": usage(reply)}
        yield event({**envelope(reply, "chat.completion.chunk"), **totals})
    yield event("[DONE]")


def chunk(reply: Reply, *, delta: Body, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return event({**envelope(reply, "chat.completion.chunk"), "choices": [choice]})


def broken(failure: Failure) -> dict[str, Any]:
    """The body of an error."""
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(failure.status, "api_error")
    return {"error": {"message": failure.message, "type": kind, "param": None, "code": None}}
