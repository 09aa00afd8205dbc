"""Why the last misses missed: held against what was stored when they came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from llmcache.backends.base import Backend, Entry, Listed, Listing, Manifests, Scope, able
from llmcache.backends.counts import Missed
from llmcache.cli.amounts import moment
from llmcache.cli.ls import SHOWN_KEY
from llmcache.keys.explain import Near, decoded, nearest, without_beside
from llmcache.keys.key import KeyParts

__all__ = ["ExplainedMiss", "explained"]

LISTED = 5_000
"""Entries of a function, the newest, that a miss is held against."""


@dataclass(frozen=True, slots=True)
class ExplainedMiss:
    """One miss. `str()` of it is text for people.

    Attributes:
        at: When, ISO 8601, UTC.
        function: Whose call.
        key: Its digest.
        reason: As it was counted.
        nearest: The key of the entry that was there and differs least; None where none was, or
            where the answer was not stored or is gone.
        differences: What differs from that one.
    """

    at: str | None
    namespace: str
    function: str
    key: str
    reason: str
    nearest: str | None = None
    differences: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f"{self.namespace}: {self.function}" if self.namespace else self.function
        lines = [f"{self.at or '?'}  {name}  {self.key[:SHOWN_KEY]}  {self.reason}"]
        if self.nearest is not None:
            lines.append(f"  the nearest was {self.nearest[:SHOWN_KEY]}, from which it differs:")
        return "\n".join([*lines, *(f"  {difference}" for difference in self.differences)])


def explained(store: Backend, misses: list[Missed]) -> list[ExplainedMiss]:
    """The misses with what is known of each; only an absent key has a nearest entry."""
    lines: dict[Scope, list[Listed]] = {}
    return [explained_miss(store, miss, lines) for miss in misses]


def explained_miss(store: Backend, miss: Missed, lines: dict[Scope, list[Listed]]) -> ExplainedMiss:
    """One of them; `lines` holds what was listed for earlier ones."""
    plain = (moment(miss.at), miss.namespace, miss.function, miss.key, miss.reason)
    scope = Scope(miss.namespace, miss.function)
    listing = able(store, Listing)
    if miss.reason != "absent" or listing is None:
        return ExplainedMiss(*plain)
    if scope not in lines:
        lines[scope] = list(listing.entries(scope, limit=LISTED))
    near = near_of(store, miss, lines[scope])
    if near is None:
        return ExplainedMiss(*plain)
    return ExplainedMiss(*plain, near.key, near.differences)


def near_of(store: Backend, miss: Missed, lines: list[Listed]) -> Near | None:
    """The entry that was stored before the miss and differs least from what was stored for it."""
    manifests = able(store, Manifests)
    found = next((each for each in lines if each.key == miss.key), None)
    if found is None or manifests is None:
        return None
    return nearest(parts_of(found.entry, manifests), before(lines, found), manifests.get_manifest)


def parts_of(entry: Entry, manifests: Manifests) -> KeyParts:
    """What the key of a stored entry was made of."""
    shared = without_beside(decoded(manifests.get_manifest(entry.manifest) or b"{}") or {})
    call = without_beside(decoded(entry.parts) or {})
    return KeyParts(call=call, manifest=entry.manifest, shared=shared)


def before(lines: list[Listed], found: Listed) -> Iterator[tuple[str, bytes, str]]:
    """The entries that were there before this one."""
    for each in lines:
        if each.entry.created < found.entry.created:
            yield each.key, each.entry.parts, each.entry.manifest
