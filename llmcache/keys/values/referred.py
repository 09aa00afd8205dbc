"""Values that stand for something else: types, functions, modules' proxies, clients."""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

from llmcache.keys.values.attributes import derives
from llmcache.keys.values.stream import Stream, Unkeyable, Writer, native, size

__all__ = ["referred_writer", "write_unknown"]

TYPE_MODULES = frozenset({"typing", "typing_extensions"})
SENTINELS = frozenset(
    {
        "NotGiven",  # openai, anthropic: the default of most parameters
        "Omit",
        "PydanticUndefinedType",
        "_MISSING_TYPE",  # dataclasses
    }
)
SENTINEL_PACKAGES = frozenset({"openai", "anthropic", "pydantic_core", "dataclasses"})


def write_reference(out: Stream, tag: bytes, content: bytes) -> None:
    out.write(tag + size(len(content)))
    out.write(content)


def write_type(out: Stream, value: Any) -> None:
    write_reference(out, b"y", out.references.of_type(value))


def write_function(out: Stream, value: Any) -> None:
    write_reference(out, b"u", out.references.of_function(value))


def write_builtin(out: Stream, value: Any) -> None:
    """A builtin function; one bound to an object counts with that object, as `[].append`."""
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        write_function(out, value)
    else:
        write_bound_builtin(out, value)


write_bound_builtin: Writer = native("builtin method", lambda v: (v.__self__, v.__name__))

write_descriptor: Writer = native("method of", lambda v: (v.__objclass__, v.__name__))


def write_unknown(out: Stream, value: object) -> None:
    """A client by its identity; all else has no stable form."""
    identity = out.references.of_client(value)
    if identity is None:
        raise Unkeyable(value)
    write_reference(out, b"x", identity)


def write_wrapped(out: Stream, value: Any) -> None:
    """A transparent proxy counts as what it stands for."""
    if out.enter(value):
        out.put(value.__wrapped__)
        out.leave(value)


BY_BASE: tuple[tuple[type | types.UnionType, Writer], ...] = (
    (type, write_type),
    (types.GenericAlias | types.UnionType, write_type),
    (types.FunctionType | type(functools.lru_cache(len)), write_function),
    (
        types.WrapperDescriptorType | types.MethodDescriptorType | types.ClassMethodDescriptorType,
        write_descriptor,
    ),
    (types.BuiltinFunctionType | types.MethodWrapperType, write_builtin),
)


def referred_writer(kind: type) -> Writer | None:
    """The writer for a kind whose values are types, functions, proxies or sentinels."""
    if kind.__module__ in TYPE_MODULES:
        return write_type
    for base, writer in BY_BASE:
        if issubclass(kind, base):
            return writer
    if kind.__name__ in SENTINELS and kind.__module__.partition(".")[0] in SENTINEL_PACKAGES:
        return native(kind.__name__, lambda _: ())
    wrapt = sys.modules.get("wrapt")
    if wrapt is not None and derives(kind, wrapt.FunctionWrapper.__mro__[-2]):
        return write_wrapped
    return None
