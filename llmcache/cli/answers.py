"""A stored answer as plain JSON, read without the classes that it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmcache.backends.base import Entry, Nothing
from llmcache.codecs import Framing, Unreadable
from llmcache.engine.forms import AWAITABLE, parts_of

__all__ = ["plain_answer"]

MASK = "**********"
HIDDEN = ("secret-str", "secret-bytes", "secret")
DAMAGE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)

Shapes = list[list[Any]]


def plain_answer(key: str, entry: Entry | Nothing, framing: Framing) -> Any:
    """What was answered, for JSON: fields by name; secrets masked; a stream as a list.

    Raises:
        Unreadable: Where it is damaged, or sealed with a key that is not at hand.
    """
    if isinstance(entry, Nothing):
        raise Unreadable(f"it is {entry.value}")
    try:
        data = framing.unpack(entry.value, bytes.fromhex(key))
        mark, dumped = parts_of(data)
        answers = [decoded(each) for each in dumped]
        return answers[0] if mark in {b"", AWAITABLE} else answers
    except DAMAGE as error:
        raise Unreadable("it is damaged") from error


def decoded(data: bytes) -> Any:
    """The two lines that the codec wrote."""
    table, _, body = data.partition(b"\n")
    return plain(json.loads(body), json.loads(table))


def plain(node: Any, shapes: Shapes) -> Any:
    """One node and what is in it; see the stored format."""
    if isinstance(node, dict):
        return {name: plain(part, shapes) for name, part in node.items()}
    if not isinstance(node, list):
        return node
    tag = node[0]
    if tag in NODES:
        return NODES[tag](node, shapes)
    if tag in HIDDEN:
        return MASK
    parts = [plain(part, shapes) for part in node[1:]]
    return parts[0] if parts and all(part in (None, 0) for part in parts[1:]) else parts


def plain_list(node: list[Any], shapes: Shapes) -> list[Any]:
    return [plain(part, shapes) for part in node[1:]]


def plain_rows(node: list[Any], shapes: Shapes) -> list[Any]:
    return [plain(part, shapes) for part in node[2:]]


def plain_pairs(node: list[Any], shapes: Shapes) -> Any:
    parts = plain_list(node, shapes)
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    if all(isinstance(name, str) for name, _ in pairs):
        return dict(pairs)
    return [list(pair) for pair in pairs]


def plain_object(node: list[Any], shapes: Shapes) -> Any:
    """An object: its state, with a model's extras; private attributes are left out."""
    kind, state = shapes[node[1]][0], plain(node[2], shapes)
    extras = node[3] if kind == "m" and len(node) > len(("@", "shape", "fields")) else None
    return state | plain(extras, shapes) if isinstance(extras, dict) else state


NODES: Mapping[str, Callable[[list[Any], Shapes], Any]] = MappingProxyType(
    {
        **dict.fromkeys(("L", "l", "t", "s", "z"), plain_list),
        "r": plain_rows,
        "d": lambda node, shapes: plain(node[1], shapes),
        "D": plain_pairs,
        "c": lambda node, shapes: plain(node[1], shapes),
        "@": plain_object,
    }
)
