"""JSON into values: the reading half of the structural codec.

What the JSON reader gives is used as it is wherever a field holds only text, numbers, bools and
None, so restoring costs little more than reading. No code of the restored classes runs.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json

from llmcache.codecs.catalogue import Catalogue
from llmcache.codecs.leaves import LEAVES, Leaf
from llmcache.codecs.outcomes import Unreadable
from llmcache.codecs.registry import Registered, find_registered, registered_for
from llmcache.codecs.sdk import is_sdk_class, sdk_defaults
from llmcache.codecs.state import (
    BASES,
    EXTRA,
    FIELDS_SET,
    MODEL_DICT,
    PRIVATE,
    Form,
    fill,
    instance_dict,
)

__all__ = ["Builders", "builders_for", "decode"]

Build = Callable[..., Any]
Builders = list[Build]
"""What builds the objects of an entry, by the number of their shape."""

ROW = 3  # the length of an object's node with nothing beside its state

bare: Callable[[type], Any] = object.__new__
set_dict = MODEL_DICT.__set__
set_names = FIELDS_SET.__set__
set_extra = EXTRA.__set__
set_private = PRIVATE.__set__


def decode(body: bytes, builders: Builders) -> Any:
    """The value of one entry's second line."""
    node = from_json(body, allow_inf_nan=False)
    return READERS[node[0]](node, builders) if type(node) is list else node  # as value


def builders_for(shapes: list[list[Any]], catalogue: Catalogue) -> Builders:
    """What an entry's first line, read, says about its objects.

    Raises:
        Unreadable: Where a class is not to be had.
    """
    builders: Builders = []
    for kind, name, digest, *rest in shapes:
        builders.append(BUILDERS[kind](found(catalogue, kind, name, digest), builders, *rest))
    return builders


def found(catalogue: Catalogue, kind: str, name: str, digest: str) -> Any:
    """The class of a shape, or the user's decoder."""
    place = find_registered(name) if kind == "x" else catalogue.find(name, digest)
    if place is None:
        raise Unreadable(f"{name} is not a class that this call can return")
    return place


def value(node: Any, builders: Builders) -> Any:
    """The value of any JSON node."""
    return READERS[node[0]](node, builders) if type(node) is list else node


def values(nodes: list[Any], builders: Builders) -> list[Any]:
    return [READERS[node[0]](node, builders) if type(node) is list else node for node in nodes]


def read_object(node: list[Any], builders: Builders) -> Any:
    if len(node) == ROW:
        return builders[node[1]](node[2])
    return builders[node[1]](*node[2:])


def read_rows(node: list[Any], builders: Builders) -> list[Any]:
    return list(map(builders[node[1]], node[2:]))


def read_pairs(node: list[Any], builders: Builders) -> dict[Any, Any]:
    items = values(node[1:], builders)
    return dict(zip(items[::2], items[1::2], strict=True))


def read_mapping(node: list[Any], builders: Builders) -> dict[str, Any]:
    return {name: value(item, builders) for name, item in node[1].items()}


def read_with_completion(node: list[Any], builders: Builders) -> tuple[Any, Any]:
    result = value(node[1], builders)
    return result, instance_dict(result)["_raw_response"]


def reader(leaf: Leaf) -> Callable[[list[Any], Builders], Any]:
    """How one tag of the literal table is read."""
    build = leaf.build
    if leaf.holds:
        return lambda node, builders: build(*values(node[1:], builders))
    return lambda node, _: build(*node[1:])


READERS: dict[str, Callable[[list[Any], Builders], Any]] = {
    "@": read_object,
    "r": read_rows,
    "L": lambda node, _: node[1:],
    "l": lambda node, builders: values(node[1:], builders),
    "t": lambda node, builders: tuple(values(node[1:], builders)),
    "s": lambda node, builders: set(values(node[1:], builders)),
    "z": lambda node, builders: frozenset(values(node[1:], builders)),
    "d": read_mapping,
    "D": read_pairs,
    "c": read_with_completion,
    **{tag: reader(leaf) for tag, leaf in LEAVES.items()},
}
"""Tag to reader; the whole of what bytes can ask for."""


def same_method(one: Any, other: Any) -> bool:
    return one.__func__ is other.__func__


def build_members(kind: type[enum.Enum], _: Builders) -> Build:
    """Members of an Enum by name; of a Flag by number, unless its class has a say in that."""
    members = kind.__members__
    own = issubclass(kind, enum.Flag) and same_method(kind._missing_, enum.Flag._missing_)

    def build(label: Any) -> Any:
        return kind(label) if own and type(label) is int else members[label]

    return build


def build_objects(kind: type, builders: Builders) -> Build:
    """Dataclasses and their like."""

    def build(found: Any) -> Any:
        made: Any = bare(kind)
        fill(made, value(found, builders))
        return made

    return build


def build_extended(kind: type, builders: Builders, base: str) -> Build:
    """Instances of subclasses of a built-in type."""
    plain: Any = BASES[base]
    new, put = plain.__new__, PUT.get(plain)

    def build(content: Any, found: Any = None) -> Any:
        made = new(kind) if put else new(kind, value(content, builders))
        if put:
            put(made, value(content, builders))
        if found is not None:
            fill(made, value(found, builders))
        return made

    return build


PUT: dict[type, Callable[[Any, Any], Any]] = {
    bytearray: bytearray.extend,
    dict: dict.update,
    list: list.extend,
    set: set.update,
}
"""How the mutable built-in types are filled, past what a subclass overrides."""


def build_registered(pair: Registered, builders: Builders) -> Build:
    """Values of registered types; the user's decoder may raise what it likes."""

    def build(content: Any) -> Any:
        plain = value(content, builders)
        try:
            return (registered_for(pair.kind) or pair).decode(plain)
        except Exception as error:
            raise Unreadable(f"its registered decoder raised {type(error).__name__}") from error

    return build


def build_models(kind: type[BaseModel], builders: Builders, *shape: Any) -> Build:
    """Pydantic models."""
    names, extra, private, _ = shape
    plain = names is not None and {extra, private} <= {Form.NOTHING, Form.EMPTY}
    build = (build_plain_models if plain else build_full_models)(kind, builders, *shape)
    return as_installed(kind, build) if is_sdk_class(kind) else build


def build_plain_models(kind: type[BaseModel], builders: Builders, *shape: Any) -> Build:
    """Models without extras or private attributes; `deep` are the fields that need reading."""
    names, extra, private, deep = shape
    new_names = set(names).copy

    def build(state: dict[str, Any]) -> Any:
        for name in deep:
            node = state.get(name)
            if type(node) is list:
                state[name] = READERS[node[0]](node, builders)
        made = bare(kind)
        set_dict(made, state)
        set_names(made, new_names())
        set_extra(made, {} if extra else None)
        set_private(made, {} if private else None)
        return made

    return build


def build_full_models(kind: type[BaseModel], builders: Builders, *shape: Any) -> Build:
    """Models with extras, private attributes or unfilled slots."""
    names, extra, private, deep = shape

    def build(state: dict[str, Any], *besides: Any) -> Any:
        for name in deep:
            if name in state:
                state[name] = value(state[name], builders)
        rest = list(besides)
        made = bare(kind)
        set_dict(made, state)
        if names is not None:
            set_names(made, set(names))
        for form, put in ((extra, set_extra), (private, set_private)):
            if form == Form.FULL:
                put(made, value(rest.pop(0), builders))
            elif form != Form.UNFILLED:
                put(made, None if form == Form.NOTHING else {})
        return made

    return build


def as_installed(kind: type[BaseModel], build_stored: Build) -> Build:
    """Models of an SDK, as the installed release has them.

    As the SDK itself does with an answer of another release: what is new in the class gets its
    default, and what the class no longer has becomes an extra.
    """
    defaults, fields = sdk_defaults(kind), frozenset(kind.model_fields)

    def build(state: dict[str, Any], *besides: Any) -> Any:
        made = build_stored(state, *besides)
        if state.keys() != fields:
            for name in [name for name in state if name not in fields and name[:1] != "_"]:
                EXTRA.__get__(made)[name] = state.pop(name)
            for name, default in defaults.items():
                state.setdefault(name, default)
        return made

    return build


BUILDERS: dict[str, Callable[..., Build]] = {
    "m": build_models,
    "o": build_objects,
    "b": build_extended,
    "e": build_members,
    "x": build_registered,
}
"""Kind of shape to what builds it."""
