"""Values into JSON: the writing half of the structural codec.

Text, numbers, bools and None stand for themselves, and so does a dict of those with text as keys.
Everything else is a list that begins with a tag. An object is `["@", shape, ...]`: what all
objects of one class and form have in common stands once, in a table of shapes. See
`docs/reference/stored-format.md`.
"""

from __future__ import annotations

import enum
import json
import math
from typing import Any

from pydantic import BaseModel

from llmcache.codecs.catalogue import Catalogue
from llmcache.codecs.leaves import LEAVES, TAGS
from llmcache.codecs.origin import name_of
from llmcache.codecs.outcomes import Unstorable, full_name
from llmcache.codecs.registry import Registered, registered_for
from llmcache.codecs.state import (
    EXTRA,
    FIELDS_SET,
    PRIVATE,
    Form,
    attributes,
    base_of,
    form_of,
    has_open_state,
    instance_dict,
    model_dict,
    model_slot,
    plain_value,
    slots_of,
)

__all__ = ["Writer", "encode", "json_text"]

MAX_DEPTH = 95  # a model takes two levels of JSON, and its reader stops at 200
ROW = 3  # the length of an object's node with nothing beside its state
SEQUENCES: dict[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "z"}


def encode(value: Any, catalogue: Catalogue) -> bytes:
    """The table of shapes and the value, two lines of JSON.

    Raises:
        Unstorable: Where a part has no stored form; it names the part.
    """
    writer = Writer(catalogue)
    body = json_text(writer.value(value, 0))
    return f"{json_text(writer.table())}\n{body}".encode()


def json_text(node: Any) -> str:
    """Compact JSON, one line."""
    return json.dumps(node, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def storable_text(text: str) -> Any:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return ["text", *LEAVES["text"].parts(text)]
    return text


def storable_key(key: Any) -> bool:
    return type(key) is str and storable_text(key) is key


def is_result_with_completion(items: tuple[Any, ...]) -> bool:
    """Whether a pair is an answer and the completion that it holds, so that one copy will do."""
    pair = 2
    if len(items) != pair or items[1] is None:
        return False
    return instance_dict(items[0]).get("_raw_response") is items[1]


def is_row(node: Any) -> bool:
    """Whether a node is an object whose state is one JSON object, with nothing beside it."""
    return type(node) is list and node[0] == "@" and len(node) == ROW and type(node[2]) is dict


class Writer:
    """One value on its way into JSON, and the table of shapes that fills meanwhile."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.places: dict[type, tuple[type, str, str]] = {}
        self.shapes: dict[tuple[Any, ...], int] = {}
        self.deep: list[dict[str, None]] = []

    def table(self) -> list[list[Any]]:
        """The shapes in the order of their numbers; models with their deep fields."""
        return [
            [*shape, list(deep)] if shape[0] == "m" else list(shape)
            for shape, deep in zip(self.shapes, self.deep, strict=True)
        ]

    def shape(self, *shape: Any) -> int:
        """The number of a shape, a new one where it was not met yet."""
        number = self.shapes.setdefault(shape, len(self.shapes))
        if number == len(self.deep):
            self.deep.append({})
        return number

    def place(self, kind: type) -> tuple[type, str, str]:
        """As the catalogue's, asked once per class."""
        found = self.places.get(kind)
        if found is None:
            found = self.places[kind] = self.catalogue.place(kind)
        return found

    def value(self, value: Any, depth: int) -> Any:
        """The JSON form of any value."""
        kind = type(value)
        if kind is str:
            return storable_text(value)
        if kind is int or kind is bool or value is None:
            return value
        if kind is float:
            return value if math.isfinite(value) else ["float", repr(value)]
        if depth > MAX_DEPTH:
            raise Unstorable("it is nested too deep, or in itself", type_name=full_name(kind))
        if kind is dict:
            return self.mapping(value, depth)
        if kind in SEQUENCES:
            return self.sequence(value, kind, depth)
        return self.other(value, kind, depth)

    def other(self, value: Any, kind: type, depth: int) -> list[Any]:
        """The JSON form of what is no scalar and no plain container."""
        if (pair := registered_for(kind)) is not None:
            return self.registered(value, pair, depth)
        if (tag := TAGS.get(kind)) is not None:
            return self.leaf(value, tag, depth)
        if isinstance(value, BaseModel):
            return self.model(value, kind, depth)
        if isinstance(value, enum.Enum):
            return self.member(value, kind)
        if (base := base_of(kind)) is not None:
            return self.extended(value, kind, base, depth)
        if has_open_state(kind):
            number = self.shape("o", *self.place(kind)[1:])
            return ["@", number, self.mapping(attributes(value), depth + 1, named=True)]
        raise Unstorable(
            "values of this type cannot be rebuilt; register_codec is the way to store them",
            type_name=full_name(kind),
        )

    def sequence(self, items: Any, kind: type, depth: int) -> list[Any]:
        """A list, tuple or set; a list of objects of one shape as rows."""
        if kind is tuple and is_result_with_completion(items):
            return ["c", self.value(items[0], depth + 1)]
        nodes: list[Any] = []
        for index, item in enumerate(items):
            try:
                nodes.append(self.value(item, depth + 1))
            except Unstorable as refusal:
                raise refusal.inside(f"[{index}]") from None
        if kind is not list:
            return [SEQUENCES[kind], *nodes]
        if all(type(node) is not list for node in nodes):
            return ["L", *nodes]
        if all(map(is_row, nodes)) and len({node[1] for node in nodes}) == 1:
            return ["r", nodes[0][1], *(node[2] for node in nodes)]
        return ["l", *nodes]

    def mapping(self, items: dict[Any, Any], depth: int, *, named: bool = False) -> Any:
        """A dict; with other keys than text as pairs in their order.

        Keys are the user's data and so never in a path, unless they are names of attributes.
        """
        nodes: dict[str, Any] = {}
        pairs: list[Any] = []
        text_only = all(map(storable_key, items))
        for index, (key, item) in enumerate(items.items()):
            try:
                node = self.value(item, depth + 1)
                if text_only:
                    nodes[key] = node
                else:
                    pairs += (self.value(key, depth + 1), node)
            except Unstorable as refusal:
                raise refusal.inside(str(key) if named else f"[{index}]") from None
        if not text_only:
            return ["D", *pairs]
        return ["d", nodes] if any(type(node) is list for node in nodes.values()) else nodes

    def leaf(self, value: Any, tag: str, depth: int) -> list[Any]:
        """A value of the literal table by its parts."""
        leaf = LEAVES[tag]
        parts = leaf.parts(value)
        if leaf.holds:
            return [tag, *(self.value(part, depth + 1) for part in parts)]
        return [tag, *parts]

    def registered(self, value: Any, pair: Registered, depth: int) -> list[Any]:
        """A value of a registered type, by what the user's function makes of it."""
        try:
            plain = pair.encode(value)
        except Exception as error:
            reason = f"its registered encoder raised {type(error).__name__}"
            raise Unstorable(reason, type_name=full_name(pair.kind)) from error
        return ["@", self.shape("x", name_of(pair.kind), ""), self.value(plain, depth + 1)]

    def member(self, value: enum.Enum, kind: type[enum.Enum]) -> list[Any]:
        """A member of an Enum by its name, a combination of flags by its number."""
        number = self.shape("e", *self.place(kind)[1:])
        named = value._name_ in kind.__members__
        return ["@", number, value._name_ if named else self.value(value._value_, 0)]

    def extended(self, value: Any, kind: type, base: type, depth: int) -> list[Any]:
        """An instance of a subclass of a built-in type: its plain value and its attributes."""
        number = self.shape("b", *self.place(kind)[1:], base.__name__)
        plain = self.value(plain_value(value, base), depth + 1)
        found = attributes(value)
        return ["@", number, plain, *([self.mapping(found, depth, named=True)] if found else [])]

    def model(self, value: BaseModel, kind: type, depth: int) -> list[Any]:
        """A pydantic model by its state."""
        if slots_of(kind):
            raise Unstorable("it has slots of its own", type_name=full_name(kind))
        fields_set = model_slot(FIELDS_SET, value)
        names = tuple(sorted(fields_set)) if form_of(fields_set) != Form.UNFILLED else None
        besides = model_slot(EXTRA, value), model_slot(PRIVATE, value)
        forms = [form_of(found) for found in besides]
        number = self.shape("m", *self.place(kind)[1:], names, *forms)
        nodes: dict[str, Any] = {}
        for field, item in model_dict(value).items():
            try:
                node = nodes[field] = self.value(item, depth + 1)
            except Unstorable as refusal:
                raise refusal.inside(field) from None
            if type(node) is list:
                self.deep[number][field] = None
        more = [
            self.mapping(found, depth, named=True)
            for found, form in zip(besides, forms, strict=True)
            if form == Form.FULL
        ]
        return ["@", number, nodes, *more]
