"""The wire format of OpenAI's responses, `/v1/responses`."""

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
from llmcache.testing.provider.wire_chat import broken as broken_chat

__all__ = ["asked", "broken", "pieces", "whole"]

Body = Mapping[str, Any]
Item = dict[str, Any]


def asked(body: Body) -> Asked:
    """What a request's body asks for."""
    instructions, given = body.get("instructions"), body.get("input") or []
    text = "\n".join((*words_in(instructions), *words_in(given)))
    form = (body.get("text") or {}).get("format") or {}
    return Asked(
        model=str(body.get("model", "")),
        text=text,
        seed=seed_of(instructions, given),
        stream=bool(body.get("stream")),
        tools=wanted_tools(body),
        schema=form.get("schema") or schema_within(text),
        fenced=is_fenced(text) and not form,
    )


def wanted_tools(body: Body) -> tuple[Tool, ...]:
    choice = body.get("tool_choice", "auto")
    if choice == "none":
        return ()
    functions = (tool for tool in body.get("tools") or () if tool.get("type") == "function")
    offered = [Tool(tool["name"], tool.get("parameters") or {}) for tool in functions]
    name = choice.get("name") if isinstance(choice, Mapping) else None
    single = choice == "required" or body.get("parallel_tool_calls") is False
    return chosen_tools(offered, name, single=single)


def whole(reply: Reply) -> Item:
    """The body of an answer that is not streamed."""
    reason = cut_short(reply)
    return {
        **envelope(reply, "incomplete" if reason else "completed"),
        "incomplete_details": {"reason": reason} if reason else None,
        "output": output(reply),
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
    }


def cut_short(reply: Reply) -> str | None:
    if reply.finish in {"length", "max_tokens", "max_output_tokens"}:
        return "max_output_tokens"
    return "content_filter" if reply.finish in {"content_filter", "refusal"} else None


def envelope(reply: Reply, status: str) -> Item:
    return {
        "id": f"resp_loopback_{reply.number}",
        "object": "response",
        "created_at": reply.created,
        "status": status,
        "model": reply.model,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }


def output(reply: Reply) -> list[Item]:
    items = [function_call(reply, place, call.arguments) for place, call in enumerate(reply.calls)]
    if reply.refusal is not None:
        items.append(message(reply, [{"type": "refusal", "refusal": reply.refusal}]))
    elif reply.text is not None:
        items.append(message(reply, [output_text(reply.text)]))
    return items


def function_call(reply: Reply, place: int, arguments: str, status: str = "completed") -> Item:
    return {
        "type": "function_call",
        "id": f"fc_loopback_{reply.number}_{place}",
        "call_id": f"call_loopback_{reply.number}_{place}",
        "name": reply.calls[place].name,
        "arguments": arguments,
        "status": status,
    }


def message(reply: Reply, content: list[Item], status: str = "completed") -> Item:
    named = {"type": "message", "id": f"msg_loopback_{reply.number}", "role": "assistant"}
    return {**named, "status": status, "content": content}


def output_text(text: str) -> Item:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def pieces(reply: Reply, _body: Body) -> Iterator[str]:
    """The server-sent events of a streamed answer, one piece a step."""
    for number, (kind, members) in enumerate(steps(reply)):
        yield event({"type": kind, "sequence_number": number, **members}, kind)


def steps(reply: Reply) -> Iterator[tuple[str, Item]]:
    yield "response.created", {"response": envelope(reply, "in_progress")}
    yield "response.in_progress", {"response": envelope(reply, "in_progress")}
    for place, item in enumerate(output(reply)):
        growing = call_steps if item["type"] == "function_call" else message_steps
        yield from growing(reply, place, item)
        yield "response.output_item.done", {"output_index": place, "item": item}
    ending = "response.incomplete" if cut_short(reply) else "response.completed"
    yield ending, {"response": whole(reply)}


def call_steps(reply: Reply, place: int, item: Item) -> Iterator[tuple[str, Item]]:
    started = function_call(reply, place, "", "in_progress")
    where = {"item_id": item["id"], "output_index": place}
    yield "response.output_item.added", {"output_index": place, "item": started}
    for part in sliced(item["arguments"]):
        yield "response.function_call_arguments.delta", {**where, "delta": part}
    given = {"name": item["name"], "arguments": item["arguments"]}
    yield "response.function_call_arguments.done", {**where, **given}


def message_steps(reply: Reply, place: int, item: Item) -> Iterator[tuple[str, Item]]:
    [content] = item["content"]
    refused = content["type"] == "refusal"
    name, empty = ("refusal", {**content, "refusal": ""}) if refused else ("text", output_text(""))
    kind = "response.refusal" if refused else "response.output_text"
    extra: Item = {} if refused else {"logprobs": []}
    where = {"item_id": item["id"], "output_index": place, "content_index": 0}
    started = message(reply, [], "in_progress")
    yield "response.output_item.added", {"output_index": place, "item": started}
    yield "response.content_part.added", {**where, "part": empty}
    for part in sliced(content[name]):
        yield f"{kind}.delta", {**where, **extra, "delta": part}
    yield f"{kind}.done", {**where, **extra, name: content[name]}
    yield "response.content_part.done", {**where, "part": content}


def broken(failure: Failure) -> Item:
    """The body of an error: as for chat completions."""
    return broken_chat(failure)
