"""The identity of a client: its facts in 32 bytes, kept as long as they stay the same."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from llmcache.keys.clients import HEADER_SOURCES, PROXIES, RAW, client_facts

__all__ = ["Identity", "client_digest"]

CONTAINERS = ("kwargs", "_custom_headers", "_custom_query")
"""What of a client may change in place."""
MODULE_CLIENT = "ModuleClient"
"""How the classes of the client are called that reads the globals of the module `openai`."""


class Identity(bytes):
    """What counts of a client, in 32 bytes.

    Attributes:
        facts: The same as names and texts, for explanations.
    """

    facts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, facts: tuple[tuple[str, str], ...]) -> Identity:
        """Those facts, hashed."""
        found = cls(hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).digest())
        found.facts = facts
        return found


digests: dict[int, tuple[weakref.ref[Any], list[object], Identity]] = {}


def client_digest(value: object) -> Identity | None:
    """The facts but those of `held_facts` in 32 bytes; None: not a client.

    Kept as long as the client lives and holds the very same objects, so that a call costs a look
    at those.
    """
    known = digests.get(id(value))
    if known is not None:
        reference, held, found = known
        now = held_by(value)
        if reference() is value and len(now) == len(held) and all(map(same, now, held)):
            return found
    facts = client_facts(value)
    if facts is None:
        return None
    found = Identity.of(facts)
    with contextlib.suppress(TypeError):
        forget = functools.partial(forgotten, id(value))
        digests[id(value)] = (weakref.ref(value, forget), held_by(value), found)
    return found


def same(one: object, other: object) -> bool:
    """Whether it is the very object, or the same text."""
    return one is other or (type(one) is str and type(other) is str and one == other)


def forgotten(address: int, reference: object) -> None:
    """Drop what is known of a client that is gone, unless another one took its address."""
    known = digests.get(address)
    if known is not None and known[0] is reference:
        del digests[address]


def held_by(value: Any) -> list[object]:
    """All that a client holds, what changes in place and what lies below it included."""
    own = value.__dict__
    held = [*own.values()]
    for name in CONTAINERS:
        held += content(own.get(name))
    kind = type(value)
    if kind.__name__.endswith(MODULE_CLIENT) or kind.__module__.endswith(PROXIES):
        held.append(object())  # it holds nothing itself: never the same
    inner = own.get("client") or own.get("_client")
    if type(inner).__module__.partition(".")[0] in RAW:
        held += held_by(inner)
    return held


def content(container: object) -> Iterator[object]:
    """What a mapping holds, and the headers within it."""
    if isinstance(container, Mapping):
        for name, item in container.items():
            yield name
            yield item
            if name in HEADER_SOURCES:
                yield from content(item)
