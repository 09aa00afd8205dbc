"""How values of other people's types become storable: `register_codec`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Registered", "find_registered", "register_codec", "registered_for"]


class Registered(NamedTuple):
    """One type with its way there and back."""

    kind: type
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


lock: threading.Lock = threading.Lock()
by_type: dict[type, Registered] = {}
by_name: dict[str, Registered] = {}

BUILT_IN = frozenset({bool, dict, frozenset, int, list, set, tuple, type(None)})


def register_codec(kind: type, encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> None:
    """Make values of one type storable, wherever they stand in a result.

    It holds for exactly this type, not for its subclasses, in the whole process, and must be
    registered before the first call that meets the type, in every process that reads the entries.
    At store time the value is decoded again and encoded once more; only if both codes are equal
    is it stored, so a lossy pair is found out at the first call.

    Args:
        kind: The type. Registering it again replaces the pair.
        encode: Called with the value when it is stored; returns anything that can be stored, such
            as a dict of numbers and text.
        decode: Called with what `encode` returned, on every hit; what it raises is a miss.

    Raises:
        TypeError: Where `kind` is no class, or one of the built-in types that llmcache itself
            stores; the pair would never be asked.
    """
    if not isinstance(kind, type):
        raise TypeError(f"register_codec takes a class, not {kind!r}.")
    from llmcache.codecs.leaves import TAGS  # noqa: PLC0415 - its many types, needed only here

    if kind in BUILT_IN or kind in TAGS:
        raise TypeError(
            f"{kind.__name__} is stored by llmcache itself; register a class of your own."
        )
    pair = Registered(kind, encode, decode)
    with lock:
        by_type[kind] = pair
        by_name[f"{kind.__module__}:{kind.__qualname__}"] = pair


def registered_for(kind: type) -> Registered | None:
    """What was registered for exactly this type."""
    return by_type.get(kind)


def find_registered(name: str) -> Registered | None:
    """What was registered under `module:qualname`."""
    return by_name.get(name)
