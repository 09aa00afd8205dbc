"""Builtins: what nearly every argument is made of.

The writers take instances of subclasses too and read them through the builtin's own methods, so
that no method of a subclass runs.
"""

from __future__ import annotations

import math
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any

from llmcache.keys.secrets import SECRET_KEYWORDS
from llmcache.keys.values.stream import Stream, Writer, native, native_leaf, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["BUILTINS", "feed_str", "write_items", "write_pairs", "write_str"]

double: Callable[..., bytes] = Struct(">d").pack

ALL = slice(None)
NAN = b"f" + double(math.nan)


def write_none(out: Stream, _value: None) -> None:
    out.write(b"N")


def write_bool(out: Stream, value: bool) -> None:  # noqa: FBT001 - a writer takes its value
    out.write(b"T" if value else b"F")


def write_ellipsis(out: Stream, _value: object) -> None:
    out.write(b"E")


def write_not_implemented(out: Stream, _value: object) -> None:
    out.write(b"!")


def write_int(out: Stream, value: int) -> None:
    length = int.bit_length(value) // 8 + 1
    out.write(b"i" + size(length) + int.to_bytes(value, length, "big", signed=True))


def write_float(out: Stream, value: float) -> None:
    out.write(NAN if math.isnan(value) else b"f" + double(value))


def write_str(out: Stream, value: str) -> None:
    """The writer of text."""
    feed_str(out.write, value)


def feed_str(write: Callable[[bytes], object], value: str) -> None:
    """Text without a stream: it holds nothing and refers to nothing."""
    payload = str.encode(value, "utf-8", "surrogatepass")
    write(b"s" + size(len(payload)))
    write(payload)


def write_bytes(out: Stream, value: bytes) -> None:
    payload = bytes.__getitem__(value, ALL)
    out.write(b"b" + size(len(payload)))
    out.write(payload)


def write_list(out: Stream, value: list[object]) -> None:
    if out.enter(value):
        write_items(out, b"l", list.copy(value))
        out.leave(value)


def write_tuple(out: Stream, value: tuple[object, ...]) -> None:
    if out.enter(value):
        write_items(out, b"t", tuple.__getitem__(value, ALL))
        out.leave(value)


def write_items(out: Stream, tag: bytes, items: list[object] | tuple[object, ...]) -> None:
    """Count and children; the container itself is not entered."""
    out.write(tag + size(len(items)))
    writers = out.writers
    for item in items:
        kind = type(item)
        (writers.get(id(kind)) or out.resolve(kind))(out, item)  # as put, without its frame


def write_set(out: Stream, value: set[object]) -> None:
    if out.enter(value):
        write_sorted(out, b"S", list(set.__iter__(value)))
        out.leave(value)


def write_frozenset(out: Stream, value: frozenset[object]) -> None:
    if out.enter(value):
        write_sorted(out, b"Z", list(frozenset.__iter__(value)))
        out.leave(value)


def write_sorted(out: Stream, tag: bytes, items: Iterable[object]) -> None:
    children = []
    for item in items:
        children.append(out.encoded(item))  # noqa: PERF401 - a comprehension is one more frame a level
    children.sort()
    out.write(tag + size(len(children)) + b"".join(children))


def write_dict(out: Stream, value: dict[object, object]) -> None:
    if out.enter(value):
        write_pairs(out, value)
        out.leave(value)


def write_pairs(out: Stream, value: dict[Any, Any]) -> None:
    """The items in the order of their encoded keys; `value` itself is not entered."""
    items = list(dict.items(value))
    if out.references.withholds:
        items = [item for item in items if not withheld(out, item[0])]
    out.write(b"d" + size(len(items)))
    pairs = []
    for key, item in items:
        if type(key) is not str:
            return write_any_pairs(out, items)
        payload = key.encode("utf-8", "surrogatepass")
        pairs.append((b"s" + size(len(payload)) + payload, item))
    pairs.sort(key=itemgetter(0))
    writers = out.writers
    for encoded_key, item in pairs:
        out.write(encoded_key)
        kind = type(item)
        (writers.get(id(kind)) or out.resolve(kind))(out, item)  # as in write_items
    return None


def withheld(out: Stream, key: object) -> bool:
    """Whether an item or a field is a secret by its key."""
    secret = type(key) is str and key in SECRET_KEYWORDS
    if secret:
        out.references.met_secret(f"{out.root}: {key}")
    return secret


def write_any_pairs(out: Stream, items: list[tuple[Any, Any]]) -> None:
    """Unequal keys may be alike, such as two NaN: then the values decide the order."""
    pairs = []
    for key, item in items:
        pairs.append(out.encoded(key) + out.encoded(item))
    pairs.sort()
    out.write(b"".join(pairs))


def buffer_parts(value: memoryview) -> tuple[object, ...]:
    """Form, shape and content of a buffer."""
    return (value.format, value.shape, value.tobytes())


BUILTINS: dict[type, Writer] = {
    type(None): write_none,
    bool: write_bool,
    type(...): write_ellipsis,
    type(NotImplemented): write_not_implemented,
    int: write_int,
    float: write_float,
    str: write_str,
    bytes: write_bytes,
    list: write_list,
    tuple: write_tuple,
    set: write_set,
    frozenset: write_frozenset,
    dict: write_dict,
    complex: native_leaf("complex", lambda v: (v.real, v.imag)),
    bytearray: native_leaf("bytearray", lambda v: (bytes(v),)),
    memoryview: native_leaf("memoryview", buffer_parts),
    range: native_leaf("range", lambda v: (v.start, v.stop, v.step)),
    slice: native("slice", lambda v: (v.start, v.stop, v.step)),
}
