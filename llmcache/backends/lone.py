"""Memory that can do all that a shared store can."""

from __future__ import annotations

from dataclasses import dataclass

from llmcache.backends.base import Claim, Entry, Held, Scope
from llmcache.backends.counts import MemoryLedger
from llmcache.backends.entries import is_live
from llmcache.backends.lru import LRUBackend
from llmcache.clock import SYSTEM, Clock

__all__ = ["LoneMemory"]

LONE_BYTES = 64 * 1024 * 1024
"""What it holds at most."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who computes, until when, and of what epoch."""

    token: str
    expires: float
    epoch: int

    def binds(self, token: str, now: float, epoch: int) -> bool:
        """Whether somebody else must wait for it."""
        return self.token != token and self.expires > now and self.epoch == epoch


class LoneMemory(MemoryLedger, LRUBackend):
    """Memory that stands in for a shared store, and so has leases too.

    Args:
        clock: Where the time comes from.
    """

    def __init__(self, clock: Clock = SYSTEM) -> None:
        MemoryLedger.__init__(self)
        LRUBackend.__init__(self, max_entries=None, max_bytes=LONE_BYTES, clock=clock)
        self.leases: dict[str, Lease] = {}

    def claim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `Leasing.claim`."""
        with self.lock:
            now, entry, epoch = self.now(), self.get(key), self.epoch(key, scope)
            if is_live(entry, now, max_age):
                return Claim(entry, epoch)
            lease = self.leases.get(key)
            if lease is not None and lease.binds(token, now, epoch):
                return Claim(entry, epoch, Held(lease.expires))
            self.leases[key] = Lease(token, now + seconds, epoch)
            return Claim(entry, epoch)

    def settle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `Leasing.settle`."""
        with self.lock:
            self.release(key, token)
            return self.put_if(key, entry, epoch)

    def renew(self, key: str, token: str, seconds: float) -> bool:
        """As `Leasing.renew`."""
        with self.lock:
            lease = self.leases.get(key)
            if lease is None or lease.token != token:
                return False
            self.leases[key] = Lease(token, self.now() + seconds, lease.epoch)
            return True

    def release(self, key: str, token: str) -> None:
        """As `Leasing.release`."""
        with self.lock:
            lease = self.leases.get(key)
            if lease is not None and lease.token == token:
                del self.leases[key]

    async def aclaim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `claim`, async."""
        return self.claim(key, scope, token, seconds, max_age=max_age)

    async def asettle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `settle`, async."""
        return self.settle(key, token, entry, epoch)

    async def arelease(self, key: str, token: str) -> None:
        """As `release`, async."""
        self.release(key, token)

    async def ainvalidate(self, key: str, scope: Scope) -> bool:
        """As `invalidate`, async."""
        return self.invalidate(key, scope)

    async def aadvance(self, key: str, scope: Scope) -> int:
        """As `advance`, async."""
        return self.advance(key, scope)

    async def aclear(self, scope: Scope) -> int:
        """As `clear`, async."""
        return self.clear(scope)
