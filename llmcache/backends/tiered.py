"""One backend in front of another: a near one that is fast, a far one that lasts or is shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, cast

from llmcache.backends.base import (
    Ability,
    AsyncLeasing,
    Backend,
    BackendBase,
    Bulk,
    Claim,
    Entry,
    Invalidations,
    Ledgers,
    Listed,
    Listing,
    Manifests,
    Nothing,
    Pruning,
    Scope,
    Sizing,
    able,
)
from llmcache.backends.copies import Copies, Near, checked, fit_for_near
from llmcache.backends.counts import Counts, KeepsCounts, Missed
from llmcache.clock import SYSTEM, Clock
from llmcache.durations import Duration, parse_duration

__all__ = ["TieredBackend"]


class Far(
    Backend,
    AsyncLeasing,
    Invalidations,
    Listing,
    Sizing,
    Pruning,
    Bulk,
    Manifests,
    Ledgers,
    Protocol,
):
    """All that a far side may be able to do."""


class TieredBackend(KeepsCounts, BackendBase):
    """A near backend that holds copies of what a far one holds.

    Writes go to the far side first. An answer found there is copied to the near side with its
    times unchanged. Copies are dropped when the far side says that they were invalidated, by any
    process: it is asked before each near hit, which must cost next to nothing (`Invalidations`).
    Where it cannot be asked that cheaply, as over a network, a copy counts for `near_ttl` only,
    which is then how long another machine may still see what was invalidated. A plain `put` or
    `delete` elsewhere is not announced: a copy made before counts until it expires.

    While the far side fails, fresh copies are still found; everything else raises `BackendError`.
    Closing the tier closes both sides. Nothing is opened before the first operation.

    Args:
        near: Holds the copies; an `LRUBackend` as a rule. Must be able to list, count and clear.
        far: Holds everything. What it can do beyond `Backend`, the tier can.
        near_ttl: See above; used only where `far` has no `Invalidations`.
        clock: Where the time comes from.

    Raises:
        ConfigurationError: For a near side that cannot do what is needed, or a bad `near_ttl`.
    """

    def __init__(
        self, near: Backend, far: Backend, *, near_ttl: Duration = 5.0, clock: Clock = SYSTEM
    ) -> None:
        life = parse_duration(near_ttl, name="near_ttl")
        self.near: Near = fit_for_near(near)
        # What the far side cannot do, `ability` denies, so that nobody asks for it here.
        self.far: Far = cast("Far", checked("far", far))
        self.copies: Copies = Copies(self.near, self.ability(Invalidations), life, clock)
        self.blocking: bool = far.blocking or near.blocking
        self.claims_cheaply: bool = getattr(far, "claims_cheaply", False)

    @property
    def description(self) -> str:
        """Both sides in words."""
        return f"{self.near.description} in front of {self.far.description}"

    def ability(self, kind: type[Ability]) -> Ability | None:
        """What the far side can do, the tier can."""
        return self if isinstance(self, kind) and able(self.far, kind) is not None else None

    async def afar(self) -> Far:
        """The far side, for the async methods."""
        return self.far

    # Backend

    def get(self, key: str) -> Entry | Nothing:
        """As `Backend.get`."""
        copy = self.copies.find(key)
        if copy is not None:
            return copy
        turn = self.copies.turn
        entry = self.far.get(key)
        self.copies.fill(key, entry, turn)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """As `Backend.put`."""
        with self.copies.write(key) as write:
            self.far.put(key, entry)
            write.stored = entry

    def delete(self, key: str) -> bool:
        """As `Backend.delete`."""
        with self.copies.write(key):
            return self.far.delete(key)

    def close(self) -> None:
        """Close both sides."""
        self.flush_counts()
        try:
            self.near.close()
        finally:
            self.far.close()

    async def aget(self, key: str) -> Entry | Nothing:
        """As `get`, async."""
        # Most often the answer is here, and a coroutine costs as much as finding it.
        copy = self.copies.glance(key) or await self.copies.afind(key)
        if copy is not None:
            return copy
        turn = self.copies.turn
        entry = await (await self.afar()).aget(key)
        await self.copies.afill(key, entry, turn)
        return entry

    async def aput(self, key: str, entry: Entry) -> None:
        """As `put`, async."""
        async with self.copies.write(key) as write:
            await (await self.afar()).aput(key, entry)
            write.stored = entry

    async def adelete(self, key: str) -> bool:
        """As `delete`, async."""
        async with self.copies.write(key):
            return await (await self.afar()).adelete(key)

    async def aclose(self) -> None:
        """As `close`, async."""
        await self.aflush_counts()
        try:
            await self.near.aclose()
        finally:
            await (await self.afar()).aclose()

    # Epochs, Invalidations

    def epoch(self, key: str, scope: Scope) -> int:
        """As `Epochs.epoch`."""
        return self.far.epoch(key, scope)

    def put_if(self, key: str, entry: Entry, epoch: int) -> bool:
        """As `Epochs.put_if`."""
        with self.copies.write(key) as write:
            stored = self.far.put_if(key, entry, epoch)
            write.stored = entry if stored else None
        return stored

    def invalidate(self, key: str, scope: Scope) -> bool:
        """As `Epochs.invalidate`."""
        with self.copies.write(key):
            return self.far.invalidate(key, scope)

    def advance(self, key: str, scope: Scope) -> int:
        """As `Epochs.advance`."""
        with self.copies.write(key):
            return self.far.advance(key, scope)

    def clear(self, scope: Scope) -> int:
        """As `Epochs.clear`."""
        with self.copies.write(scope):
            return self.far.clear(scope)

    def invalidations(self) -> int:
        """As `Invalidations.invalidations`."""
        return self.far.invalidations()

    def invalidated_since(self, number: int) -> list[str | Scope]:
        """As `Invalidations.invalidated_since`."""
        return self.far.invalidated_since(number)

    # Leasing, AsyncLeasing

    def claim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `Leasing.claim`; what it finds is copied."""
        turn = self.copies.turn
        claim = self.far.claim(key, scope, token, seconds, max_age=max_age)
        self.copies.fill(key, claim.entry, turn)
        return claim

    def settle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `Leasing.settle`."""
        with self.copies.write(key) as write:
            stored = self.far.settle(key, token, entry, epoch)
            write.stored = entry if stored else None
        return stored

    def renew(self, key: str, token: str, seconds: float) -> bool:
        """As `Leasing.renew`."""
        return self.far.renew(key, token, seconds)

    def release(self, key: str, token: str) -> None:
        """As `Leasing.release`."""
        self.far.release(key, token)

    async def aclaim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `claim`, async."""
        turn = self.copies.turn
        claim = await (await self.afar()).aclaim(key, scope, token, seconds, max_age=max_age)
        await self.copies.afill(key, claim.entry, turn)
        return claim

    async def asettle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `settle`, async."""
        async with self.copies.write(key) as write:
            stored = await (await self.afar()).asettle(key, token, entry, epoch)
            write.stored = entry if stored else None
        return stored

    async def arelease(self, key: str, token: str) -> None:
        """As `release`, async."""
        await (await self.afar()).arelease(key, token)

    async def ainvalidate(self, key: str, scope: Scope) -> bool:
        """As `invalidate`, async."""
        async with self.copies.write(key):
            return await (await self.afar()).ainvalidate(key, scope)

    async def aadvance(self, key: str, scope: Scope) -> int:
        """As `advance`, async."""
        async with self.copies.write(key):
            return await (await self.afar()).aadvance(key, scope)

    async def aclear(self, scope: Scope) -> int:
        """As `clear`, async."""
        async with self.copies.write(scope):
            return await (await self.afar()).aclear(scope)

    # Listing, Sizing, Pruning, Bulk, Manifests, Ledgers: the far side's

    def entries(self, scope: Scope | None = None, *, limit: int | None = None) -> Iterator[Listed]:
        """As `Listing.entries`."""
        return self.far.entries(scope, limit=limit)

    def count(self, scope: Scope | None = None) -> int:
        """As `Sizing.count`."""
        return self.far.count(scope)

    def size(self) -> int:
        """As `Sizing.size`."""
        return self.far.size()

    def prune(self) -> int:
        """As `Pruning.prune`."""
        return self.far.prune()

    def get_many(self, keys: Iterable[str]) -> Mapping[str, Entry]:
        """As `Bulk.get_many`: from the far side; copies are neither used nor made."""
        return self.far.get_many(keys)

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """As `Bulk.put_many`; copies are dropped, not made."""
        with self.copies.write(*entries):
            self.far.put_many(entries)

    def put_manifest(self, digest: str, parts: bytes) -> None:
        """As `Manifests.put_manifest`."""
        self.far.put_manifest(digest, parts)

    def get_manifest(self, digest: str) -> bytes | None:
        """As `Manifests.get_manifest`."""
        return self.far.get_manifest(digest)

    def add_counts(self, counts: Counts, missed: Iterable[Missed], batch: str = "") -> None:
        """As `Ledgers.add_counts`."""
        self.far.add_counts(counts, missed, batch)

    def counts(self, since: str = "") -> Counts:
        """As `Ledgers.counts`."""
        return self.far.counts(since)

    def misses(self, limit: int) -> list[Missed]:
        """As `Ledgers.misses`."""
        return self.far.misses(limit)
