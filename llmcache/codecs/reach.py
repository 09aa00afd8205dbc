"""All the classes that a declared type speaks of, however deep."""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

__all__ = ["reachable"]

MARKS = ("__dataclass_fields__", "__attrs_attrs__", "_fields", "__total__")
"""What dataclasses, attrs classes, named tuples and typed dicts are known by."""


def reachable(roots: Iterable[Any]) -> Iterator[type]:
    """The classes named by annotations, from those of `roots` on; each once, cycles included."""
    pending = list(roots)
    seen: dict[int, Any] = {}  # holds what it names, so that no address is used twice
    while pending:
        annotation = pending.pop()
        if id(annotation) in seen or annotation is None:
            continue
        seen[id(annotation)] = annotation
        pending.extend(parts(annotation))
        if isinstance(annotation, type) and get_origin(annotation) is None:
            yield annotation
            pending.extend(field_types(annotation))


def parts(annotation: Any) -> Iterable[Any]:
    """What an annotation is put together of; a choice of a Literal counts by its class."""
    inner = [arg if not isinstance(arg, list) else tuple(arg) for arg in get_args(annotation)]
    if get_origin(annotation) is typing.Literal:
        return [type(choice) for choice in inner]
    origin = get_origin(annotation)
    bound = getattr(annotation, "__bound__", None)
    choices = getattr(annotation, "__constraints__", ())
    alias = getattr(annotation, "__value__", None)
    below = getattr(annotation, "__supertype__", None)
    return [part for part in (*inner, origin, bound, *choices, alias, below) if part is not None]


def field_types(kind: type) -> list[Any]:
    """The annotations of a class's fields, resolved where they can be."""
    if kind.__module__.partition(".")[0] in {
        "abc",
        "builtins",
        "collections",
        "pydantic",
        "typing",
    }:
        return []
    if issubclass(kind, BaseModel):
        if not kind.__pydantic_complete__:
            kind.model_rebuild(raise_errors=False)
        found: list[Any] = [field.annotation for field in kind.model_fields.values()]
        extras = vars(kind).get("__annotations__", {}).get("__pydantic_extra__")
        return [*found, extras, *kind.__bases__]
    if not any(hasattr(kind, mark) for mark in MARKS):
        return []
    with contextlib.suppress(Exception):  # the user's annotations; one that fails names no class
        return [*typing.get_type_hints(kind).values()]
    return []
