"""What some backends can do beyond getting, putting and deleting: small protocols of their own.

Ask with `able(backend, Leasing)`, and do without where the answer is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from llmcache.backends.counts import Counts, Missed
from llmcache.backends.entries import Claim, Entry, Listed, Scope

__all__ = [
    "AsyncLeasing",
    "Bulk",
    "Epochs",
    "Invalidations",
    "Leasing",
    "Ledgers",
    "Listing",
    "Manifests",
    "Pruning",
    "Sizing",
]


@runtime_checkable
class Epochs(Protocol):
    """Invalidation that beats a running computation, in whatever process it runs."""

    def epoch(self, key: str, scope: Scope) -> int:
        """The number of the last invalidation that touched the key or its scope; 0: none known."""
        ...

    def put_if(self, key: str, entry: Entry, epoch: int) -> bool:
        """`put`, in one step with the test that the epoch is still `epoch`; whether stored."""
        ...

    def invalidate(self, key: str, scope: Scope) -> bool:
        """Remove the entry and begin a new epoch for the key; whether there was an entry."""
        ...

    def advance(self, key: str, scope: Scope) -> int:
        """Begin a new epoch for the key and keep its entry; the new epoch. What a refresh does."""
        ...

    def clear(self, scope: Scope) -> int:
        """Remove all entries of the scope and begin a new epoch for it; how many there were."""
        ...


@runtime_checkable
class Invalidations(Protocol):
    """What lets a nearer copy learn that it is outdated, whoever invalidated it."""

    def invalidations(self) -> int:
        """The number of the last invalidation of any key or scope; 0: none yet.

        A tier asks before every near hit, so it must cost a few microseconds at most when
        nothing was written.
        """
        ...

    def invalidated_since(self, number: int) -> list[str | Scope]:
        """The keys and scopes that were invalidated after `number`."""
        ...


@runtime_checkable
class Leasing(Epochs, Protocol):
    """Which process computes the answer for a key at the moment.

    A lease ends by `settle` or `release`, by expiry, or with its process: one whose process on
    this machine is known to be dead goes to the next who claims. So does one that was taken in an
    older epoch of its key: what its holder computes is outdated already.
    """

    def claim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """Read entry and epoch and, unless the entry is live, take the lease for `seconds`.

        Args:
            key: The key.
            scope: Its scope, for the epoch.
            token: Who asks; claiming again under the same token renews.
            seconds: Life of the lease, by the backend's clock.
            max_age: An entry older than this, in seconds, is not live, whatever its `expires`;
                0: none is; None: only `expires` counts.
        """
        ...

    def settle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """`put_if` and `release` in one step; a lease that was lost meanwhile is no obstacle."""
        ...

    def renew(self, key: str, token: str, seconds: float) -> bool:
        """Extend the lease; False where it is no longer ours."""
        ...

    def release(self, key: str, token: str) -> None:
        """Give it back without an answer; does nothing where it is no longer ours."""
        ...


@runtime_checkable
class AsyncLeasing(Leasing, Protocol):
    """Leasing with async twins of its own; a backend without them is driven in a worker thread."""

    async def aclaim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `claim`, async."""
        ...

    async def asettle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `settle`, async."""
        ...

    async def arelease(self, key: str, token: str) -> None:
        """As `release`, async."""
        ...

    async def ainvalidate(self, key: str, scope: Scope) -> bool:
        """As `invalidate`, async."""
        ...

    async def aadvance(self, key: str, scope: Scope) -> int:
        """As `advance`, async."""
        ...

    async def aclear(self, scope: Scope) -> int:
        """As `clear`, async."""
        ...


@runtime_checkable
class Listing(Protocol):
    """Walking over what is stored."""

    def entries(self, scope: Scope | None = None, *, limit: int | None = None) -> Iterator[Listed]:
        """The newest first, without values; bounded memory however many there are."""
        ...


@runtime_checkable
class Sizing(Protocol):
    """How much is stored."""

    def count(self, scope: Scope | None = None) -> int:
        """The number of entries, expired ones that are not yet removed included."""
        ...

    def size(self) -> int:
        """Bytes taken: on disk with all side files, or of keys and values in memory."""
        ...


@runtime_checkable
class Pruning(Protocol):
    """Cleaning up on demand."""

    def prune(self) -> int:
        """Remove what has expired, give space back to the system; the number removed."""
        ...


@runtime_checkable
class Bulk(Protocol):
    """Many at once, where that is cheaper than one by one."""

    def get_many(self, keys: Iterable[str]) -> Mapping[str, Entry]:
        """The entries that are there and whole."""
        ...

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Store all of them, or none when it fails."""
        ...


@runtime_checkable
class Manifests(Protocol):
    """The parts of a key that all calls of one function share, kept once and not per entry."""

    def put_manifest(self, digest: str, parts: bytes) -> None:
        """Keep `parts` (JSON) under its digest; one that is there already is left alone."""
        ...

    def get_manifest(self, digest: str) -> bytes | None:
        """What was kept, or None."""
        ...


@runtime_checkable
class Ledgers(Protocol):
    """What the calls of all processes came to, kept beside the entries."""

    def add_counts(self, counts: Counts, missed: Iterable[Missed], batch: str = "") -> None:
        """Add to what is kept, all of it or nothing; forgets what has become old.

        Args:
            counts: What was counted.
            missed: Single misses.
            batch: A name for this addition, under which it is tried again when it failed: where
                a failed one may have got through, as on a server, it counts once all the same.
        """
        ...

    def counts(self, since: str = "") -> Counts:
        """What is kept from a day on; empty: all."""
        ...

    def misses(self, limit: int) -> list[Missed]:
        """The last misses, the latest first."""
        ...

    def before_close(self, flush: Callable[[], None]) -> None:
        """Call `flush` before closing: it says what is left to say, such as counts."""
        ...
