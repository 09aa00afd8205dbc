"""What stands in the body of a class, looked at without running descriptors."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmcache.keys.code import layers, plain_function
from llmcache.keys.kinds import function_of
from llmcache.keys.pieces import MISSING
from llmcache.keys.shapes import fields_of

__all__ = [
    "below_descriptor",
    "defines",
    "found_in",
    "has_method",
    "methods_of",
    "plain_members",
]


def found_in(
    kind: type,
    name: str,
    watch: Callable[[Mapping[str, Any], str], object],
    *,
    after: type | None = None,
) -> tuple[Any, type | None]:
    """A member of a class and the base that has it; every place looked at is watched."""
    bases = kind.__mro__
    for base in bases[bases.index(after) + 1 :] if after else bases:
        found = watch(base.__dict__, name)
        if found is not MISSING:
            return found, base
    return MISSING, None


def methods_of(base: type) -> Iterator[tuple[str, types.FunctionType]]:
    """The functions written in the body of a class; those that a decorator generated are none."""
    for name, member in sorted(base.__dict__.items()):
        for inner in functions_below(member):
            if inner.__module__ == base.__module__ and not generated(inner, base):
                yield name, inner


def functions_below(member: Any) -> Iterator[types.FunctionType]:
    """The functions of a method, of a property's getter, setter and deleter, or none."""
    if isinstance(member, type):
        return
    for inner in (member, *(getattr(member, n, None) for n in ("fget", "fset", "fdel", "func"))):
        function = function_of(getattr(inner, "__func__", inner))
        if function is not None:
            yield function


def generated(function: types.FunctionType, base: type) -> bool:
    """Whether a class decorator made the function up: it says nothing that the fields do not."""
    made = dataclasses.is_dataclass(base) or hasattr(base, "__attrs_attrs__")
    made = made or issubclass(base, tuple)
    return made and function.__code__.co_filename.startswith("<")


def plain_members(base: type) -> Iterator[tuple[str, Any]]:
    """The constants in the body of a class that is not made of fields."""
    if fields_of(base) is not None or hasattr(base, "__members__"):
        return
    for name, member in sorted(base.__dict__.items()):
        ours = name.startswith("_abc_") or (name.startswith("__") and name.endswith("__"))
        if not ours and not hasattr(type(member), "__get__") and not isinstance(member, type):
            yield name, member


def below_descriptor(found: Any) -> types.FunctionType | None:
    """The function behind a method, a property or a cached property of a class."""
    if isinstance(found, type) or found is MISSING:
        return None
    for name in ("fget", "func", "__func__"):
        inner = getattr(found, name, None)
        if callable(inner):
            return function_of(inner)
    return function_of(found)


def has_method(kind: type, function: types.FunctionType) -> bool:
    """Whether instances of a class, or the class itself, are the first argument of a function."""
    for base in kind.__mro__:
        member = base.__dict__.get(function.__name__)
        if member is not None and plain_function(member) is function:
            return not any(isinstance(layer, staticmethod) for layer in layers(member))
    return False


def defines(base: type, function: types.FunctionType | None) -> bool:
    """Whether this is the class whose body the function was written in."""
    name = function.__name__ if function else ""
    return name in base.__dict__ and below_descriptor(base.__dict__[name]) is function
