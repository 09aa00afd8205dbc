"""What may stand in one place of a plain JSON body: how it is written, and what reads it.

A layout follows an annotation. What it has no word for may hold what JSON itself gives and nothing
else; a value that departs from its layout is left to the structural codec.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pydantic_core import TzInfo

from llmcache.codecs.origin import name_of

__all__ = [
    "PLAIN",
    "SEQUENCES",
    "Field",
    "Irregular",
    "Layout",
    "Schema",
    "mapping",
    "members",
    "nullable",
    "row",
    "scalar",
    "sequence",
    "unset_value",
]

Schema = dict[str, Any]


class Irregular(Exception):  # noqa: N818 - an outcome that the codec handles, not an error
    """A class or a value that plain JSON does not say all about."""


class Layout(NamedTuple):
    """What may stand in one place.

    Attributes:
        text: What tells it from other layouts, the same on every Python and pydantic.
        schema: What pydantic-core compiles the reader from.
        write: The JSON of a value; raises `Irregular` where the value is something else.
    """

    text: str
    schema: Schema
    write: Callable[[Any], Any]


def write_plain(value: Any) -> Any:
    """What JSON itself gives back."""
    kind = type(value)
    if kind is str:
        return encodable(value)
    if kind is int or kind is bool or value is None or (kind is float and math.isfinite(value)):
        return value
    if kind is list:
        return [write_plain(item) for item in value]
    if kind is dict:
        return {text_key(key): write_plain(item) for key, item in value.items()}
    raise Irregular


def encodable(text: str) -> str:
    """Text without lone surrogates."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Irregular from None
    return text


def text_key(key: Any) -> str:
    if type(key) is not str:
        raise Irregular
    return encodable(key)


def exactly(kind: type, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A writer for one type and none of its subclasses."""

    def write_exactly(value: Any) -> Any:
        if type(value) is not kind:
            raise Irregular
        return write(value)

    return write_exactly


PLAIN = Layout("*", {"type": "any"}, write_plain)
"""Whatever JSON itself gives: text, numbers, bools, None, and lists and dicts of those."""


def moment(value: Any) -> str:
    """A datetime or time, where the reader would make the same class of time zone."""
    if value.fold or not (value.tzinfo is None or type(value.tzinfo) is TzInfo):
        raise Irregular
    text: str = value.isoformat()
    return text


PRECISE = {"microseconds_precision": "error"}
SCALARS: dict[str, tuple[Schema, Callable[[Any], Any]]] = {
    "datetime:date": ({"type": "date"}, dt.date.isoformat),
    "datetime:datetime": ({"type": "datetime", **PRECISE}, moment),
    "datetime:time": ({"type": "time", **PRECISE}, moment),
    "decimal:Decimal": ({"type": "decimal", "allow_inf_nan": True}, str),
    "uuid:UUID": ({"type": "uuid"}, str),
}
"""By name: few programs need all of their modules."""


def scalar(kind: type) -> Layout:
    """One of the listed types; all else is plain."""
    name = name_of(kind)
    if name not in SCALARS:
        return PLAIN
    schema, write = SCALARS[name]
    return Layout(kind.__name__, schema, exactly(kind, write))


def members(kind: type[enum.Enum]) -> Layout:
    """An Enum by value, where values are text or whole numbers and no class of theirs says else."""
    found = [member for name, member in kind.__members__.items() if member._name_ == name]
    own = any("value" in vars(base) for base in kind.__mro__ if base.__module__ != "enum")
    if own or issubclass(kind, enum.Flag) or not found:
        return PLAIN
    if any(type(member._value_) not in (int, str) for member in found):
        return PLAIN
    values = ",".join(f"{member._name_}={member._value_!r}" for member in found)
    schema = {"type": "enum", "cls": kind, "members": found}
    write = exactly(kind, lambda member: member._value_)
    return Layout(f"{kind.__qualname__}({values})", schema, write)


def nullable(layout: Layout) -> Layout:
    """The layout or None."""
    if layout is PLAIN:
        return PLAIN

    def write(value: Any) -> Any:
        return None if value is None else layout.write(value)

    return Layout(f"{layout.text}?", {"type": "nullable", "schema": layout.schema}, write)


SEQUENCES: dict[Any, type] = {
    list: list,
    Sequence: list,
    set: set,
    frozenset: frozenset,
    tuple: tuple,
}
"""By what they are declared as; of those of any length."""


def sequence(kind: type, layout: Layout) -> Layout:
    """Lists, sets and tuples of any length."""
    if kind is list and layout is PLAIN:
        return PLAIN

    def write(items: Any) -> list[Any]:
        return [layout.write(item) for item in items]

    name = kind.__name__
    schema: Schema = {"type": name, "items_schema": layout.schema}
    if kind is tuple:
        schema = {"type": name, "items_schema": [layout.schema], "variadic_item_index": 0}
    return Layout(f"{name}[{layout.text}]", schema, exactly(kind, write))


def row(layouts: list[Layout]) -> Layout:
    """Tuples of one length."""

    def write(items: Any) -> list[Any]:
        if len(items) != len(layouts):
            raise Irregular
        return [layout.write(item) for layout, item in zip(layouts, items, strict=True)]

    text = ",".join(layout.text for layout in layouts)
    schema = {"type": "tuple", "items_schema": [layout.schema for layout in layouts]}
    return Layout(f"row[{text}]", schema, exactly(tuple, write))


def mapping(layout: Layout) -> Layout:
    """Dicts with text as keys."""
    if layout is PLAIN:
        return PLAIN

    def write(items: Any) -> dict[str, Any]:
        return {text_key(key): layout.write(item) for key, item in items.items()}

    schema = {"type": "dict", "keys_schema": {"type": "str"}, "values_schema": layout.schema}
    return Layout(f"dict[{layout.text}]", schema, exactly(dict, write))


NEVER: Any = object()
"""Stands for the unset value of a field that must have been set."""


def unset_value(default: Any, factory: Any, layout: Layout) -> Any:
    """What a field holds where it was not set: a scalar, a member, or something empty."""
    if factory in (list, dict):
        return factory()
    kind = type(default)
    if kind in (list, dict):
        return NEVER if default else kind()
    member = isinstance(default, enum.Enum) and layout is not PLAIN
    return default if member or kind in (str, int, bool, float, type(None)) else NEVER


class Field(NamedTuple):
    """One field of a model.

    Attributes:
        unset: What it holds where it was not set; it is then left out of the JSON.
    """

    name: str
    layout: Layout
    unset: Any = NEVER

    @property
    def text(self) -> str:
        """As that of a layout."""
        text = f"{self.name}:{self.layout.text}"
        if self.unset is NEVER:
            return text
        return f"{text}={getattr(self.unset, '_name_', None) or repr(self.unset)}"

    @property
    def schema(self) -> Schema:
        """As that of a layout."""
        schema = self.layout.schema
        if type(self.unset) in (list, dict):
            schema = {"type": "default", "schema": schema, "default_factory": type(self.unset)}
        elif self.unset is not NEVER:
            schema = {"type": "default", "schema": schema, "default": self.unset}
        return {"type": "model-field", "schema": schema}

    def is_unset(self, value: Any) -> bool:
        """Whether the reader gives this value to a field that was left out."""
        kind = type(value)
        if kind is not type(self.unset):
            return False
        if kind in (list, dict):
            return not value
        if kind in (str, int, float):
            return repr(value) == repr(self.unset)
        return value is self.unset
