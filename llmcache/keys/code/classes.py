"""What stands in the body of a class, looked at without running descriptors."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmcache.keys.code.function import layers, plain_function
from llmcache.keys.code.kinds import function_of
from llmcache.keys.code.pieces import MISSING
from llmcache.keys.shapes import fields_of, generated, is_said
from llmcache.keys.values.attributes import said_by

__all__ = [
    "below_descriptor",
    "defines",
    "found_in",
    "has_method",
    "inner_of",
    "is_replaceable",
    "methods_of",
    "plain_members",
]


NOT_CONSTANTS = frozenset(
    {
        "model_config", "model_fields", "model_computed_fields", "_fields", "_field_defaults",
        "_member_map_", "_member_names_", "_value2member_map_", "_value_repr_",
        "_unhashable_values_", "_unhashable_values_map_", "_hashable_values_", "_use_args_",
        "_new_member_", "_sort_order_", "_flag_mask_", "_singles_mask_", "_all_bits_",
        "_inverted_", "_boundary_", "_generate_next_value_",
    }
)  # fmt: skip
"""What metaclasses put into the body of a class."""


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


def methods_of(base: type) -> Iterator[tuple[str, Any]]:
    """The callables in the body of a class, with what decorates them; generated ones are none."""
    for name, member in sorted(base.__dict__.items()):
        for inner in callables_below(member):
            function = function_of(inner)
            if function is not None and not generated(function, base):
                yield name, inner


def callables_below(member: Any) -> Iterator[Any]:
    """A method, a property's getter, setter and deleter, or none."""
    if isinstance(member, type):
        return
    for inner in (member, *(getattr(member, n, None) for n in ("fget", "fset", "fdel", "func"))):
        yield getattr(inner, "__func__", inner)


def plain_members(base: type, owns: Callable[[str], bool]) -> Iterator[tuple[str, Any]]:
    """The constants in the body of a class, its fields, members and config aside.

    Of descriptors, which are what their classes do, those are constants whose class `owns` says is
    the project's.
    """
    known = {*(field.name for field in fields_of(base) or ()), *NOT_CONSTANTS}
    known.update(getattr(base, "__members__", ()))
    for name, member in sorted(base.__dict__.items()):
        ours = name.startswith("_abc_") or (name.startswith("__") and name.endswith("__"))
        kind = type(member)
        alien = said_by(kind, "__get__") is not None and not owns(kind.__module__)
        if ours or name in known or isinstance(member, type) or alien:
            continue
        yield name, member
    for name, private in sorted(private_attributes(base).items()):
        for said in ("default", "default_factory"):
            value = getattr(private, said, None)
            if is_said(value):
                yield name, value


def private_attributes(base: type) -> Mapping[str, Any]:
    """Those of a pydantic model."""
    found = base.__dict__.get("__private_attributes__")
    return found if isinstance(found, dict) else {}


def below_descriptor(found: Any) -> types.FunctionType | None:
    """The function behind a method, a property or a cached property of a class."""
    return None if isinstance(found, type) or found is MISSING else function_of(inner_of(found))


def inner_of(found: Any) -> Any:
    """What a method, a property or a cached property calls, with its decorators."""
    inner = (getattr(found, name, None) for name in ("fget", "func", "__func__"))
    return next(filter(callable, inner), found)


def is_replaceable(found: Any) -> bool:
    """Whether an object may hold something of its own in the place of this member of its class.

    What it holds in the place of a cached property is what that came to.
    """
    return said_by(type(found), "__set__") is None and type(found).__name__ != "cached_property"


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
