"""The wire format of Anthropic's messages, `/v1/messages`."""

from __future__ import annotations

import json
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

STOP_REASONS = {"length": "max_tokens", "content_filter": "refusal"}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def asked(body: Body) -> Asked:
    """What a request's body asks for."""
    system, messages = body.get("system"), body.get("messages") or []
    text = "\n".join((*words_in(system), *words_in(messages)))
    form = body.get("output_format") or (body.get("output_config") or {}).get("format") or {}
    return Asked(
        model=str(body.get("model", "")),
        text=text,
        seed=seed_of(system, messages),
        stream=bool(body.get("stream")),
        tools=wanted_tools(body),
        schema=form.get("schema") or schema_within(text),
        fenced=is_fenced(text) and not form,
    )


def wanted_tools(body: Body) -> tuple[Tool, ...]:
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "none":
        return ()
    offered = [
        Tool(tool["name"], tool["input_schema"])
        for tool in body.get("tools") or ()
        if "input_schema" in tool
    ]
    single = choice["type"] == "any" or bool(choice.get("disable_parallel_tool_use"))
    return chosen_tools(offered, choice.get("name"), single=single)


def whole(reply: Reply) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    said = reply.text if reply.text is not None else reply.refusal
    content: list[dict[str, Any]] = [] if said is None else [{"type": "text", "text": said}]
    content += [
        {**tool_use(reply, place), "input": parsed(call.arguments)}
        for place, call in enumerate(reply.calls)
    ]
    return {**envelope(reply), "content": content, "stop_reason": stop_reason(reply)}


def envelope(reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_loopback_{reply.number}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def tool_use(reply: Reply, place: int) -> dict[str, Any]:
    name = reply.calls[place].name
    return {"type": "tool_use", "id": f"toolu_loopback_{reply.number}_{place}", "name": name}


def parsed(arguments: str) -> Any:
    """The arguments as the object that this format wants; broken JSON is said to be so."""
    try:
        return json.loads(arguments)
    except ValueError:
        return {"INVALID_JSON": arguments}


def stop_reason(reply: Reply) -> str:
    if reply.finish is not None:
        return STOP_REASONS.get(reply.finish, reply.finish)
    if reply.refusal is not None:
        return "refusal"
    return "tool_use" if reply.calls else "end_turn"


def pieces(reply: Reply, _body: Body) -> Iterator[str]:
    """The server-sent events of a streamed answer, one piece a step."""
    opening = envelope(reply)
    opening["usage"] = {**opening["usage"], "output_tokens": 1}
    yield typed("message_start", message=opening)
    index = 0
    said = reply.text if reply.text is not None else reply.refusal
    if said is not None:
        yield from block(index, {"type": "text", "text": ""}, "text_delta", "text", said)
        index += 1
    for place, call in enumerate(reply.calls):
        started = {**tool_use(reply, place), "input": {}}
        given = call.arguments
        yield from block(index + place, started, "input_json_delta", "partial_json", given)
    ending = {"stop_reason": stop_reason(reply), "stop_sequence": None}
    spent = {"output_tokens": reply.output_tokens}
    yield typed("message_delta", delta=ending, usage=spent)
    yield typed("message_stop")


def block(index: int, started: Body, delta: str, member: str, text: str) -> Iterator[str]:
    yield typed("content_block_start", index=index, content_block=started)
    for part in sliced(text):
        yield typed("content_block_delta", index=index, delta={"type": delta, member: part})
    yield typed("content_block_stop", index=index)


def typed(kind: str, **members: Any) -> str:
    return event({"type": kind, **members}, kind)


def broken(failure: Failure) -> dict[str, Any]:
    """The body of an error."""
    kind = ERROR_TYPES.get(failure.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": failure.message}}
