"""Instances of classes: their class by name, and their fields.

Class names are `module:qualname`; the text of the class is no part of a value. What a
`cached_property` computed is left out, as it appears by mere use.
"""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any

from llmcache.keys.values.attributes import (
    attributes,
    class_name,
    computed_names,
    declared_names,
    derives,
    said_by,
)
from llmcache.keys.values.natives import write_items, write_pairs
from llmcache.keys.values.stream import Stream, Writer, framed_text, native, native_leaf, size

__all__ = ["declared_writer", "header_of", "is_url", "record_writer", "subclass_writer"]

RAW_RESPONSE = frozenset({"_raw_response"})
"""Instructor's note of where a result came from: no part of what the result says."""

HOLDERS = frozenset({"types:SimpleNamespace", "argparse:Namespace"})

PYDANTIC = ("pydantic.", "pydantic_core")

RENAMED = {"Url": "AnyUrl"}
"""What pydantic called them before it gave its URLs classes of their own."""

URL_BASES = frozenset({"_BaseUrl", "_BaseMultiHostUrl", "Url", "MultiHostUrl"})


def header_of(kind: type, children: int) -> bytes:
    """How an instance with so many parts begins."""
    return b"c" + framed_text(class_name(kind)) + size(children)


def enum_writer(kind: type) -> Writer:
    """Class, member and value; a bare `object()` as value says nothing beyond the name."""
    header = header_of(kind, 2)

    def write_enum(out: Stream, value: Any) -> None:
        if out.enter(value):
            out.write(header)
            out.put(value._name_)
            out.put(None if type(value._value_) is object else value._value_)
            out.leave(value)

    return write_enum


def fields_writer(kind: type) -> Writer:
    """Dataclasses, attrs classes, namespaces: all that the instance holds, by name."""
    header = header_of(kind, 1)
    declared, left_out = declared_names(kind), computed_names(kind)

    def write_fields(out: Stream, value: object) -> None:
        if out.enter(value):
            out.write(header)
            write_pairs(out, attributes(value, declared, left_out))
            out.leave(value)

    return write_fields


def named_tuple_writer(kind: type) -> Writer:
    header = header_of(kind, 2)
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]

    def write_named_tuple(out: Stream, value: tuple[object, ...]) -> None:
        if out.enter(value):
            out.write(header)
            out.put(fields)
            write_items(out, b"t", tuple.__getitem__(value, slice(None)))
            out.leave(value)

    return write_named_tuple


def model_writer(kind: Any) -> Writer:
    """Pydantic models: type arguments, fields, extra, private; where asked for, the fields set."""
    generic = kind.__pydantic_generic_metadata__
    header = header_of(generic["origin"] or kind, 4)
    left_out = computed_names(kind) | RAW_RESPONSE

    def write_model(out: Stream, value: Any) -> None:
        if out.enter(value):
            out.write(header)
            write_items(out, b"t", type(value).__pydantic_generic_metadata__["args"])
            write_pairs(out, attributes(value, (), left_out))
            write_pairs(out, value.__pydantic_extra__ or {})
            write_pairs(out, value.__pydantic_private__ or {})
            if "fields set" in getattr(out.references, "asking", ()):
                out.put(frozenset(value.__pydantic_fields_set__))
            out.leave(value)

    return write_model


def subclass_writer(kind: type, base: Writer) -> Writer:
    """A subclass of a kind with a writer: the class, the base's form, and the own attributes."""
    header = header_of(kind, 2)
    declared, left_out = declared_names(kind), computed_names(kind)

    def write_subclass(out: Stream, value: object) -> None:
        out.write(header)
        base(out, value)
        held = attributes(value, declared, left_out)
        if held and not out.enter(value):
            return
        write_pairs(out, held)
        if held:
            out.leave(value)

    return write_subclass


def exception_parts(value: Any) -> tuple[object, ...]:
    """The arguments, and what system and import errors keep beside them."""
    beside = [getattr(value, name, None) for name in ("filename", "filename2", "name", "path")]
    return (value.args, *beside)


write_arguments: Writer = native("exception", exception_parts)


def record_writer(kind: type) -> Writer | None:
    """The writer for instances of a class that is a record by its base."""
    if issubclass(kind, Enum):
        return enum_writer(kind)
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and derives(kind, pydantic.BaseModel):
        return model_writer(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return named_tuple_writer(kind)
    if issubclass(kind, BaseException):
        return subclass_writer(kind, write_arguments)
    if any(class_name(base) in HOLDERS for base in kind.__mro__):
        return fields_writer(kind)
    return pydantic_value_writer(kind)


def secret_writer(name: str) -> Writer:
    """The writer of a secret, which is hashed like all else unless secrets stay out."""
    write_secret = native(name, lambda v: (v.get_secret_value(),))
    header = b"n" + framed_text(name) + size(0)

    def write(out: Stream, value: object) -> None:
        if out.references.withholds:
            out.write(header)
            out.references.met_secret(f"{out.root}: {name.removeprefix('pydantic.')}")
        else:
            write_secret(out, value)

    return write


def is_url(kind: type) -> bool:
    """Whether it is a class of pydantic's URLs."""
    return any(base.__name__ in URL_BASES for base in bases_of_pydantic(kind))


def bases_of_pydantic(kind: type) -> list[type]:
    """The classes of pydantic's that a class is one of, itself first."""
    return [each for each in kind.__mro__ if each.__module__.startswith(PYDANTIC)]


def pydantic_value_writer(kind: type) -> Writer | None:
    """Pydantic's secrets and URLs."""
    bases = bases_of_pydantic(kind)
    if not bases:
        return None
    name = f"pydantic.{RENAMED.get(bases[0].__name__, bases[0].__name__)}"
    if hasattr(bases[0], "get_secret_value"):
        writer = secret_writer(name)
    elif is_url(kind):
        writer = native_leaf(name, lambda v: (str(v),))
    else:
        return None
    return writer if kind is bases[0] else subclass_writer(kind, writer)


def declared_writer(kind: type) -> Writer | None:
    """The writer for a dataclass or attrs class that is no record by its base."""
    made = ("__dataclass_fields__", "__attrs_attrs__")
    return fields_writer(kind) if any(said_by(kind, name) is not None for name in made) else None
