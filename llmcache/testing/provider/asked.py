"""What a request asks for, in no wire format: its words, and the shape the answer must have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Asked", "Tool", "chosen_tools", "is_fenced", "schema_within", "seed_of", "words_in"]

FENCE = "```json"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer: its name, and the JSON schema of its arguments."""

    name: str
    schema: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, understood.

    Attributes:
        text: Every text of the prompt, in order, joined by newlines.
        seed: A digest of the messages: the same question, the same answer.
        tools: The tools that the answer calls, in this order; empty: the answer is text.
        schema: The JSON schema of the answer's text; None: free text.
        fenced: The JSON text is wanted in a Markdown code block.
    """

    model: str
    text: str
    seed: str
    stream: bool = False
    tools: tuple[Tool, ...] = field(default=())
    schema: Any = None
    fenced: bool = False


def words_in(content: Any) -> Iterator[str]:
    """Every text in messages of any of the wire formats."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for name in ("text", "content", "output"):
            yield from words_in(content.get(name))
    elif isinstance(content, list | tuple):
        for part in content:
            yield from words_in(part)


def seed_of(*parts: Any) -> str:
    """A digest of JSON values; the order of members does not count."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def chosen_tools(tools: Iterable[Tool], name: str | None, *, single: bool) -> tuple[Tool, ...]:
    """The tools that a model would call: the one demanded, else each that is on offer once."""
    offered = tuple(tools)
    if name is not None:
        return tuple(tool for tool in offered if tool.name == name)[:1]
    return offered[:1] if single else offered


def schema_within(text: str) -> Any:
    """The first JSON schema written out in a prompt, as JSON modes do; None without one."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            if {"properties", "$ref", "$defs", "anyOf"} & found.keys():
                return found
        at = text.find("{", end)
    return None


def is_fenced(text: str) -> bool:
    """Whether the prompt asks for the JSON in a Markdown code block."""
    return FENCE in text
