"""Entries on a Redis or Valkey server, for any number of machines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from llmcache.backends.base import BackendBase, Claim, Entry, Listed, Nothing, Scope
from llmcache.backends.redis.address import (
    Client,
    is_async,
    is_cluster,
    read_url,
    where_is,
)
from llmcache.backends.redis.breaker import Breaker
from llmcache.backends.redis.clients import Clients, GivenClients, OwnClients
from llmcache.backends.redis.dialogues import Dialogues
from llmcache.backends.redis.failures import failures_of
from llmcache.backends.redis.health import ServerHealth, ask_health
from llmcache.backends.redis.ledger import ServerLedger
from llmcache.backends.redis.steps import Names
from llmcache.backends.redis.walk import WINDOW, Place, count, details, newest, size
from llmcache.backends.redis.wire import Wire
from llmcache.clock import SYSTEM, Clock
from llmcache.errors import BackendError, ConfigurationError

__all__ = ["RedisBackend"]


class RedisBackend(ServerLedger, BackendBase):
    """Entries, leases and epochs on a Redis (6.2 or newer) or Valkey server.

    A hit takes one round trip, a miss one to claim and one to store. Entries are removed by the
    server when they can no longer be served. Safe in threads, in any number of event loops, and
    in a child forked at any moment. Nothing connects before the first use.

    When the server does not answer within `timeout`, nobody asks it for a second, then single
    callers do, at pauses that grow to three seconds: meanwhile every method fails at once.

    Args:
        url_or_client: `redis://`, `rediss://` or `unix://`, whose query may hold `prefix`,
            `timeout` and redis-py's own options; or an open client of redis-py or valkey-py, sync
            or async, single, Sentinel or cluster. A client is never closed here, its time-outs and
            retries are its owner's. With a sync one, async methods run in a worker thread; with an
            async one, sync methods raise `ConfigurationError`.
        prefix: What all keys begin with; keeps caches on one server apart.
        timeout: Seconds that one exchange with the server may take.
        clock: Where the time comes from; leases are timed by the server unless it is injected.
        async_client: The asyncio client to go with a sync one that is passed in.

    Raises:
        ConfigurationError: For a URL, a client or a prefix that cannot be used, and where the
            extra `redis` is not installed.
    """

    claims_cheaply = True

    def __init__(
        self,
        url_or_client: str | Client,
        prefix: str = "llmcache",
        *,
        timeout: float = 0.5,
        clock: Clock = SYSTEM,
        async_client: Client | None = None,
    ) -> None:
        clients: Clients
        if isinstance(url_or_client, str):
            address = read_url(url_or_client)
            prefix, timeout = address.prefix or prefix, address.timeout or timeout
            own = OwnClients(address)
            clients, shown, known = own, address.shown, own.lines.make()
        else:
            known, shown = url_or_client, where_is(url_or_client)
            sync, asyncio = sorted_by_colour(url_or_client, async_client)
            clients = GivenClients(sync, asyncio)
        check_prefix(prefix)
        self.shown: str = f"{shown}?prefix={prefix}"
        self.wire: Wire = Wire(
            clients, failures_of(type(known)), Breaker(clock), timeout, self.shown
        )
        self.names: Names = Names(prefix)
        self.say: Dialogues = Dialogues(self.names, clock, cluster=is_cluster(known))

    @property
    def description(self) -> str:
        """As `Backend.description`: the URL without user and password."""
        return self.shown

    def health(self) -> ServerHealth:
        """What the server says of itself; asked now, in two round trips."""
        return self.wire.run("health", ask_health(self.say.clock))

    # Backend

    def get(self, key: str) -> Entry | Nothing:
        """As `Backend.get`."""
        return self.wire.run("get", self.say.get(key))

    def put(self, key: str, entry: Entry) -> None:
        """As `Backend.put`."""
        self.wire.run("put", self.say.put(key, entry))

    def delete(self, key: str) -> bool:
        """As `Backend.delete`."""
        return self.wire.run("delete", self.say.delete(key))

    def close(self) -> None:
        """Close the connections that were opened here; a later use opens one for each exchange."""
        try:
            self.flush_counts()
        finally:
            self.wire.clients.close()

    async def aget(self, key: str) -> Entry | Nothing:
        """As `get`, async."""
        return await self.wire.arun("get", self.say.get(key))

    async def aput(self, key: str, entry: Entry) -> None:
        """As `put`, async."""
        await self.wire.arun("put", self.say.put(key, entry))

    async def adelete(self, key: str) -> bool:
        """As `delete`, async."""
        return await self.wire.arun("delete", self.say.delete(key))

    async def aclose(self) -> None:
        """As `close`, async."""
        try:
            await self.aflush_counts()
        finally:
            await self.wire.clients.aclose()

    # Epochs

    def epoch(self, key: str, scope: Scope) -> int:
        """As `Epochs.epoch`; an invalidation is remembered for a day."""
        return self.wire.run("epoch", self.say.epoch(key, scope))

    def put_if(self, key: str, entry: Entry, epoch: int) -> bool:
        """As `Epochs.put_if`."""
        return self.wire.run("put_if", self.say.put_if(key, entry, epoch))

    def invalidate(self, key: str, scope: Scope) -> bool:
        """As `Epochs.invalidate`."""
        return self.wire.run("invalidate", self.say.invalidate(key, scope))

    def advance(self, key: str, scope: Scope) -> int:
        """As `Epochs.advance`."""
        return self.wire.run("advance", self.say.advance(key, scope))

    def clear(self, scope: Scope) -> int:
        """As `Epochs.clear`; walks over all keys of the prefix, some 20,000 a second."""
        return self.wire.run("clear", self.say.clear(scope))

    async def ainvalidate(self, key: str, scope: Scope) -> bool:
        """As `invalidate`, async."""
        return await self.wire.arun("invalidate", self.say.invalidate(key, scope))

    async def aadvance(self, key: str, scope: Scope) -> int:
        """As `advance`, async."""
        return await self.wire.arun("advance", self.say.advance(key, scope))

    async def aclear(self, scope: Scope) -> int:
        """As `clear`, async."""
        return await self.wire.arun("clear", self.say.clear(scope))

    # Leasing

    def claim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `Leasing.claim`."""
        return self.wire.run("claim", self.say.claim(key, scope, token, seconds, max_age))

    def settle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `Leasing.settle`."""
        return self.wire.run("settle", self.say.settle(key, token, entry, epoch))

    def renew(self, key: str, token: str, seconds: float) -> bool:
        """As `Leasing.renew`."""
        return self.wire.run("renew", self.say.renew(key, token, seconds))

    def release(self, key: str, token: str) -> None:
        """As `Leasing.release`."""
        self.wire.run("release", self.say.release(key, token))

    async def aclaim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `claim`, async."""
        return await self.wire.arun("claim", self.say.claim(key, scope, token, seconds, max_age))

    async def asettle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `settle`, async."""
        return await self.wire.arun("settle", self.say.settle(key, token, entry, epoch))

    async def arelease(self, key: str, token: str) -> None:
        """As `release`, async."""
        await self.wire.arun("release", self.say.release(key, token))

    # Listing, Sizing, Bulk, Manifests

    def entries(self, scope: Scope | None = None, *, limit: int | None = None) -> Iterator[Listed]:
        """As `Listing.entries`; walks over all keys once for 50,000 entries. Hits are not known."""
        last: Place | None = None
        left = math.inf if limit is None else limit
        while left > 0:
            window = int(min(left, WINDOW))
            places = self.wire.run("entries", newest(self.names, scope, window, last))
            yield from self.wire.run("entries", details(self.names, places))
            if len(places) < window:
                return
            left, last = left - window, places[-1]

    def count(self, scope: Scope | None = None) -> int:
        """As `Sizing.count`; walks over all keys of the prefix."""
        return self.wire.run("count", count(self.names, scope))

    def size(self) -> int:
        """As `Sizing.size`: names and values, without what the server adds, some 100 bytes each."""
        return self.wire.run("size", size(self.names))

    def get_many(self, keys: Iterable[str]) -> Mapping[str, Entry]:
        """As `Bulk.get_many`."""
        return self.wire.run("get_many", self.say.get_many(keys))

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """As `Bulk.put_many`; in a cluster, what was stored before the failure is removed."""
        try:
            self.wire.run("put_many", self.say.put_many(entries))
        except BackendError:
            if self.say.cluster:
                self.wire.run("put_many", self.say.withdraw(entries))
            raise

    def put_manifest(self, digest: str, parts: bytes) -> None:
        """As `Manifests.put_manifest`; kept for 90 days after it was last put."""
        self.wire.run("put_manifest", self.say.put_manifest(digest, parts))

    def get_manifest(self, digest: str) -> bytes | None:
        """As `Manifests.get_manifest`."""
        return self.wire.run("get_manifest", self.say.get_manifest(digest))


def sorted_by_colour(
    client: Client, async_client: Client | None
) -> tuple[Client | None, Client | None]:
    """The sync client and the asyncio client, of what was passed in."""
    if not is_async(client):
        return client, async_client
    if async_client is not None:
        raise ConfigurationError("Both clients are asyncio ones: pass one.", name="async_client")
    return None, client


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that would decide the slot of every key, or is not there."""
    if not prefix or "{" in prefix or "}" in prefix:
        allowed = "text without braces, as they decide where a cluster keeps a key"
        raise ConfigurationError(
            f"prefix={prefix!r}: use {allowed}.",
            name="prefix",
            value=repr(prefix),
            allowed=allowed,
        )
