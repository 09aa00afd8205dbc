"""Dialogues that walk over all entries of a prefix: to list, to count, to measure.

The server keeps no order of age and no list by function, so each of these looks at every key of
the prefix, a batch at a time. Keys that come or go meanwhile may be missed or found.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from typing import Any

from llmcache.backends.base import Listed, Scope
from llmcache.backends.redis.frame import HEAD_SIZE, read_head, scope_tag, unpack_facts
from llmcache.backends.redis.steps import BATCH, Batch, Dialogue, Names, Scan, Step

__all__ = ["WINDOW", "Place", "count", "details", "newest", "size"]

WINDOW = 50_000
"""Places held at once while listing; each further window is one more walk over the keys."""

FACTS_GUESS = 2_048
"""Bytes that hold head, facts and parts of most entries."""

Place = tuple[float, bytes]
"""When an entry was stored, and its name: the order of a listing, the newest last."""


def newest(names: Names, scope: Scope | None, limit: int, before: Place | None) -> Dialogue[Any]:
    """The newest places, the newest first; `before`: only what is older than that place."""
    found: list[Place] = []
    tag = None if scope is None else scope_tag(scope)
    position = None
    while True:
        position, batch = yield Scan(names.pattern("v"), position)
        replies = yield Batch([("GETRANGE", name, 0, HEAD_SIZE - 1) for name in batch])
        for name, head in zip(batch, map(read_head, replies), strict=True):
            if head is None or (tag is not None and head.scope != tag):
                continue
            if before is None or (head.created, name) < before:
                found.append((head.created, name))
        found = heapq.nlargest(limit, set(found))
        if position is None:
            return found


def details(names: Names, places: list[Place]) -> Dialogue[list[Listed]]:
    """What a listing tells of these places; those that are gone or unreadable are left out."""
    listed = []
    for start in range(0, len(places), BATCH):
        part = [name for _, name in places[start : start + BATCH]]
        begins = yield Batch([("GETRANGE", name, 0, FACTS_GUESS - 1) for name in part])
        sizes = yield Batch([("STRLEN", name) for name in part])
        for name, begin, length in zip(part, begins, sizes, strict=True):
            entry = unpack_facts((yield from whole_facts(name, begin)), with_value=False)
            if entry is not None:
                listed.append(Listed(names.key_of(name), entry, length, entry.created))
    return listed


def whole_facts(name: bytes, begin: bytes) -> Generator[Step, Any, bytes]:
    """The beginning of a value, up to where the entry's own value begins."""
    head = read_head(begin)
    needed = 0 if head is None else HEAD_SIZE + head.facts
    if needed <= len(begin):
        return begin
    (longer,) = yield Batch([("GETRANGE", name, 0, needed - 1)])
    return bytes(longer)


def count(names: Names, scope: Scope | None) -> Dialogue[int]:
    """How many entries there are."""
    tag = None if scope is None else scope_tag(scope)
    counted, position = 0, None
    while True:
        position, batch = yield Scan(names.pattern("v"), position)
        if tag is None:
            counted += len(batch)
        elif batch:
            replies = yield Batch([("GETRANGE", name, 0, HEAD_SIZE - 1) for name in batch])
            heads = map(read_head, replies)
            counted += sum(head is not None and head.scope == tag for head in heads)
        if position is None:
            return counted


def size(names: Names) -> Dialogue[int]:
    """Bytes of names and values of all keys of the prefix, without what the server adds."""
    total, position = 0, None
    while True:
        position, batch = yield Scan(names.pattern("*"), position)
        lengths = yield Batch([("STRLEN", name) for name in batch])
        total += sum(length or 0 for length in lengths) + sum(map(len, batch))
        if position is None:
            return total
