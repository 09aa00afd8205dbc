"""Entries in this process's memory, bounded, the least recently used first to go."""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf

from llmcache.backends.base import BackendBase, Entry, Listed, Nothing, Scope
from llmcache.backends.entries import end_of
from llmcache.backends.epochs import EpochLog
from llmcache.backends.forks import forkable
from llmcache.clock import SYSTEM, Clock
from llmcache.durations import parse_size
from llmcache.errors import ConfigurationError

__all__ = ["LRUBackend"]

ABSENT = Nothing.ABSENT

CLEANED_PER_WRITE = 2
"""More than one, so that clean-up outruns the writes that cause it."""


class Kept:
    """An entry and what is known of its use."""

    __slots__ = ("ends", "entry", "hits", "size", "used")

    def __init__(self, entry: Entry, size: int, ends: float, used: float) -> None:
        self.entry: Entry = entry
        self.size: int = size
        self.ends: float = ends
        self.used: float = used
        self.hits: int = 0


class LRUBackend(BackendBase):
    """An LRU in this process: a get takes about a microsecond, nothing is written anywhere.

    An entry is found until its time to live is over and it may no longer be served stale. What
    has ended makes room before anything live does. Safe in threads, and in a child forked at any
    moment, which begins with a copy of its own.

    Args:
        max_entries: The largest number of entries; None: no bound.
        max_bytes: The largest sum of keys, values and parts, as int or text such as `"64MB"`; what
            Python itself needs, about half a kilobyte an entry, comes on top. None: no bound. One
            entry that is larger is not kept.
        clock: Where the time comes from.

    Raises:
        ConfigurationError: For a bound that is not above 0.
    """

    blocking = False

    def __init__(
        self,
        max_entries: int | None = 1024,
        max_bytes: int | str | None = None,
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        self.max_entries: float = inf if max_entries is None else whole(max_entries, "max_entries")
        self.max_bytes: float = (
            inf if max_bytes is None else parse_size(max_bytes, name="max_bytes")
        )
        self.now: Callable[[], float] = clock.time
        # Reentrant: a finalizer or a signal handler may use the cache inside one of its methods.
        self.lock: threading.RLock = threading.RLock()
        self.kept: OrderedDict[str, Kept] = OrderedDict()
        self.endings: list[tuple[float, str]] = []
        self.bytes: int = 0
        self.epochs: EpochLog = EpochLog()
        self.manifests: dict[str, bytes] = {}
        forkable(self)

    @property
    def description(self) -> str:
        """The URL, without its options."""
        return "memory://"

    # Backend

    def get(self, key: str) -> Entry | Nothing:
        """As `Backend.get`; counts as a use."""
        with self.lock:
            kept = self.kept.get(key)
            if kept is None:
                return ABSENT
            now = self.now()
            if kept.ends <= now:
                return ABSENT
            self.kept.move_to_end(key)
            kept.used = now
            kept.hits += 1
            return kept.entry

    def put(self, key: str, entry: Entry) -> None:
        """As `Backend.put`; an entry larger than `max_bytes` is not kept."""
        with self.lock:
            self.keep(key, entry)

    def delete(self, key: str) -> bool:
        """As `Backend.delete`."""
        with self.lock:
            kept = self.drop(key)
            return kept is not None and kept.ends > self.now()

    def close(self) -> None:
        """Forget everything; what comes after is kept again."""
        with self.lock:
            self.kept.clear()
            self.endings.clear()
            self.manifests.clear()
            self.bytes = 0

    async def aget(self, key: str) -> Entry | Nothing:
        """As `get`, async."""
        return self.get(key)

    async def aput(self, key: str, entry: Entry) -> None:
        """As `put`, async."""
        self.put(key, entry)

    async def adelete(self, key: str) -> bool:
        """As `delete`, async."""
        return self.delete(key)

    async def aclose(self) -> None:
        """As `close`, async."""
        self.close()

    # Epochs, Invalidations

    def epoch(self, key: str, scope: Scope) -> int:
        """As `Epochs.epoch`."""
        with self.lock:
            return self.epochs.of(key, scope)

    def put_if(self, key: str, entry: Entry, epoch: int) -> bool:
        """As `Epochs.put_if`."""
        with self.lock:
            return self.epochs.of(key, entry.scope) == epoch and self.keep(key, entry)

    def invalidate(self, key: str, scope: Scope) -> bool:
        """As `Epochs.invalidate`."""
        with self.lock:
            self.epochs.add_key(key, scope)
            return self.delete(key)

    def advance(self, key: str, scope: Scope) -> int:
        """As `Epochs.advance`."""
        with self.lock:
            self.epochs.add_key(key, scope)
            return self.epochs.of(key, scope)

    def clear(self, scope: Scope) -> int:
        """As `Epochs.clear`."""
        with self.lock:
            self.epochs.add_scope(scope)
            keys = [key for key, kept in self.kept.items() if kept.entry.scope == scope]
            for key in keys:
                self.drop(key)
            return len(keys)

    def invalidations(self) -> int:
        """As `Invalidations.invalidations`."""
        return self.epochs.number

    def invalidated_since(self, number: int) -> list[str | Scope]:
        """As `Invalidations.invalidated_since`."""
        with self.lock:
            return self.epochs.since(number)

    # Listing, Sizing, Pruning, Bulk, Manifests

    def entries(self, scope: Scope | None = None, *, limit: int | None = None) -> Iterator[Listed]:
        """As `Listing.entries`: those that are there at the moment of the first step."""
        with self.lock:
            found = [
                (key, kept)
                for key, kept in self.kept.items()
                if scope is None or kept.entry.scope == scope
            ]
        found.sort(key=lambda item: item[1].entry.created, reverse=True)
        for key, kept in found[:limit]:
            bare = kept.entry._replace(value=b"")
            yield Listed(key, bare, size=kept.size, used=kept.used, hits=kept.hits)

    def count(self, scope: Scope | None = None) -> int:
        """As `Sizing.count`."""
        if scope is None:
            return len(self.kept)
        with self.lock:
            return sum(kept.entry.scope == scope for kept in self.kept.values())

    def size(self) -> int:
        """As `Sizing.size`."""
        return self.bytes

    def prune(self) -> int:
        """As `Pruning.prune`."""
        with self.lock:
            return self.drop_ended(self.now(), len(self.endings))

    def get_many(self, keys: Iterable[str]) -> Mapping[str, Entry]:
        """As `Bulk.get_many`."""
        found = ((key, self.get(key)) for key in keys)
        return {key: entry for key, entry in found if isinstance(entry, Entry)}

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """As `Bulk.put_many`; where they exceed the bounds, the last of them stay."""
        with self.lock:
            for key, entry in entries.items():
                self.keep(key, entry)

    def put_manifest(self, digest: str, parts: bytes) -> None:
        """As `Manifests.put_manifest`."""
        self.manifests.setdefault(digest, parts)

    def get_manifest(self, digest: str) -> bytes | None:
        """As `Manifests.get_manifest`."""
        return self.manifests.get(digest)

    # Under the lock

    def keep(self, key: str, entry: Entry) -> bool:
        """Put one entry in and make room for it; whether it stayed."""
        self.drop(key)
        size = len(key) + len(entry.value) + len(entry.parts)
        if size > self.max_bytes:
            return False
        now = self.now()
        ends = end_of(entry)
        self.kept[key] = Kept(entry, size, ends, now)
        self.bytes += size
        if ends < inf:
            heapq.heappush(self.endings, (ends, key))
        self.make_room(now)
        return True

    def drop(self, key: str) -> Kept | None:
        """Take one out, ended or not."""
        kept = self.kept.pop(key, None)
        if kept is not None:
            self.bytes -= kept.size
        return kept

    def make_room(self, now: float) -> None:
        """Remove a little of what has ended, and what exceeds the bounds, ended before live."""
        self.drop_ended(now, CLEANED_PER_WRITE)
        while len(self.kept) > self.max_entries or self.bytes > self.max_bytes:
            if not self.drop_ended(now, 1):
                self.drop(next(iter(self.kept)))
        if len(self.endings) > 2 * len(self.kept) + 64:
            self.order_endings()

    def drop_ended(self, now: float, limit: int) -> int:
        """Remove up to `limit` entries that have ended; `endings` also holds replaced ones."""
        dropped = 0
        while dropped < limit and self.endings and self.endings[0][0] <= now:
            ends, key = heapq.heappop(self.endings)
            kept = self.kept.get(key)
            if kept is not None and kept.ends == ends:
                self.drop(key)
                dropped += 1
        return dropped

    def order_endings(self) -> None:
        """Make `endings` anew, of what is there."""
        self.endings = [(kept.ends, key) for key, kept in self.kept.items() if kept.ends < inf]
        heapq.heapify(self.endings)

    def forked(self) -> None:
        """As `Forkable.forked`; what a thread left half done is counted anew."""
        if self.lock.acquire(blocking=False):
            self.lock.release()
            return
        self.lock = threading.RLock()
        self.bytes = sum(kept.size for kept in self.kept.values())
        self.order_endings()


def whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        allowed = "a whole number above 0, or None for no bound"
        raise ConfigurationError(
            f"{name}={value!r}: use {allowed}.", name=name, value=repr(value), allowed=allowed
        )
    return value
