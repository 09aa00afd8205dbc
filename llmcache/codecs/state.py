"""The state of an object, read and put back without running any code of its class.

No `__init__`, `__setattr__`, property or hook of the class is called: instances are made bare, and
their dictionary and slots are filled directly.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pydantic
from pydantic import BaseModel

__all__ = [
    "ABSENT",
    "BASES",
    "EXTRA",
    "FIELDS_SET",
    "MODEL_DICT",
    "PRIVATE",
    "Form",
    "attributes",
    "base_of",
    "fill",
    "form_of",
    "has_open_state",
    "instance_dict",
    "model_dict",
    "model_slot",
    "plain_value",
    "slots_of",
]

MODEL_DICT: Any = vars(BaseModel)["__dict__"]
FIELDS_SET: Any = vars(BaseModel)["__pydantic_fields_set__"]
EXTRA: Any = vars(BaseModel)["__pydantic_extra__"]
PRIVATE: Any = vars(BaseModel)["__pydantic_private__"]

ABSENT: Any = object()
"""What `model_slot` gives for a slot that was never filled, as in a RootModel."""


class Form(enum.IntEnum):
    """What a model's slot for extras or private attributes holds. The numbers are stored."""

    NOTHING = 0
    EMPTY = 1
    FULL = 2
    UNFILLED = 3


BASES: dict[str, type] = {
    kind.__name__: kind
    for kind in (bytes, bytearray, dict, float, frozenset, int, list, set, str, tuple)
}
"""The built-in types whose subclasses are kept as their plain value and their attributes."""

PLAIN: dict[type, Callable[[Any], Any]] = {
    bytearray: bytearray.copy,
    bytes: lambda data: bytes.__getitem__(data, slice(None)),
    dict: dict.copy,
    float: float.__float__,
    frozenset: lambda items: frozenset(frozenset.__iter__(items)),
    int: int.__int__,
    list: list.copy,
    set: lambda items: set(set.__iter__(items)),
    str: str.__str__,
    tuple: lambda items: tuple(tuple.__iter__(items)),
}
"""From an instance of a subclass to its plain value, past all that the subclass overrides."""

HEAP_TYPE = 1 << 9
"""CPython's mark of a class made by a class statement; built-in types keep state of their own."""


def model_slot(slot: Any, model: BaseModel) -> Any:
    """What is in one of a model's own slots, or `ABSENT`."""
    try:
        return slot.__get__(model)
    except AttributeError:
        return ABSENT


def form_of(slot: Any) -> Form:
    """What is in a slot for extras or private attributes, as the table of shapes says it."""
    if slot is ABSENT:
        return Form.UNFILLED
    if slot is None:
        return Form.NOTHING
    return Form.FULL if slot else Form.EMPTY


def instance_dict(value: object) -> dict[str, Any]:
    """The dictionary of an instance; empty where it has none."""
    try:
        found: dict[str, Any] = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found


def model_dict(model: BaseModel) -> dict[str, Any]:
    """The values of a model's fields, and what else was put beside them."""
    return without_stream(MODEL_DICT.__get__(model))


def without_stream(found: dict[str, Any]) -> dict[str, Any]:
    """Attributes without the connection that Instructor leaves where it has read a stream.

    It is read to its end and closed, and no completion.
    """
    if isinstance(found.get("_raw_response"), Iterator | AsyncIterator):
        return {**found, "_raw_response": None}
    return found


def plain_value(value: Any, base: type) -> Any:
    """An instance of a built-in type's subclass as that type, past all that it overrides."""
    return PLAIN[base](value)


def slots_of(kind: type) -> dict[str, Any]:
    """The slots that a class and its bases declare, by name; pydantic's own left out."""
    return {
        name: slot
        for owner in reversed(kind.__mro__)
        if owner is not BaseModel
        for name, slot in vars(owner).items()
        if isinstance(slot, types.MemberDescriptorType) and owner.__flags__ & HEAP_TYPE
    }


def base_of(kind: type) -> type | None:
    """The built-in type that a class adds nothing but Python to, or None."""
    for owner in kind.__mro__:
        if owner in BASES.values():
            return owner
        if not owner.__flags__ & HEAP_TYPE:
            return None
    return None


def has_open_state(kind: type) -> bool:
    """Whether all that an instance is stands in its attributes, by the promise of its maker."""
    return (
        dataclasses.is_dataclass(kind)
        or hasattr(kind, "__attrs_attrs__")
        or issubclass(kind, pydantic.Secret | pydantic.AnyUrl)
    )


def attributes(value: object) -> dict[str, Any]:
    """Dictionary and slots of an instance as one mapping; unfilled slots left out."""
    found = dict(without_stream(instance_dict(value)))
    for name, slot in slots_of(type(value)).items():
        with contextlib.suppress(AttributeError):
            found[name] = slot.__get__(value)
    return found


def fill(value: object, found: dict[str, Any]) -> None:
    """Put `attributes` back into a bare instance."""
    slots = slots_of(type(value))
    rest = {}
    for name, content in found.items():
        if name in slots:
            slots[name].__set__(value, content)
        else:
            rest[name] = content
    if rest:
        object.__setattr__(value, "__dict__", rest)
