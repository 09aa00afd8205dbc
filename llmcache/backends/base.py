"""What a backend is: entries of bytes by text key, and never a Python value.

`Backend` is all that is asked of one. What some can do beyond it are small protocols of their
own: ask with `isinstance`, do without where the answer is no.

Words: a *key* is text, 64 hex digits. A *scope* is a function in a namespace, what `clear` works
on. An *epoch* counts the invalidations that a key has seen: whoever computes an answer reads it
first and stores under the condition that it is still the same. A *lease* says which process
computes the answer for a key at the moment.
"""

from __future__ import annotations

import asyncio
import enum
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar, runtime_checkable

__all__ = [
    "AsyncLeasing",
    "Backend",
    "BackendBase",
    "Bulk",
    "Claim",
    "Entry",
    "Epochs",
    "Held",
    "Invalidations",
    "Leasing",
    "Listed",
    "Listing",
    "Manifests",
    "Nothing",
    "Pruning",
    "Scope",
    "Sizing",
    "able",
]


class Nothing(enum.Enum):
    """The typed "nothing there", so that no value has to stand for it."""

    ABSENT = "absent"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Scope:
    """A function in a namespace."""

    namespace: str
    function: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored answer. Times are seconds since 1970 UTC.

    Attributes:
        value: The answer as the codec framed it.
        scope: Whose answer it is.
        created: When it was stored.
        expires: End of its time to live; None: until evicted.
        stale_until: Until when it may be served expired; None: not at all. Never below `expires`.
        parts: The parts of the key that differ by call, as JSON of name to short digest.
        manifest: The digest under which the parts that all calls share are kept (`Manifests`).
        model: The model that answered, where known.
        input_tokens: Tokens of the prompt, where known.
        output_tokens: Tokens of the answer, where known.
        seconds: What the call took that made the answer.
    """

    value: bytes
    scope: Scope
    created: float
    expires: float | None = None
    stale_until: float | None = None
    parts: bytes = b"{}"
    manifest: str = ""
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a listing: an entry without its value, with its size in bytes and its hits."""

    key: str
    entry: Entry
    size: int
    used: float
    hits: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody else holds the lease: until when; it may end earlier, with its process."""

    expires: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim, taken in one step.

    Attributes:
        entry: What is stored under the key, fresh or not.
        epoch: The epoch of the key at that moment; what `settle` and `put_if` compare with.
        held: Who else computes it; None: the lease is ours, or none was needed as `entry` is live.
    """

    entry: Entry | Nothing
    epoch: int
    held: Held | None = None


@runtime_checkable
class Backend(Protocol):
    """All that is asked of a store. Safe to use from any thread; equal keys, last put wins.

    Every method raises `BackendError` kinds and nothing else when the store fails. The async
    twins never block the event loop on a lock, a write or the network.
    """

    @property
    def description(self) -> str:
        """The backend in words, such as its URL; never a password."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether a call may wait (for a file, a lock, the network); False: fit for the loop."""
        ...

    def get(self, key: str) -> Entry | Nothing:
        """The entry, also when expired but not yet removed; `DAMAGED` where its checksum fails."""
        ...

    def put(self, key: str, entry: Entry) -> None:
        """Store or replace one entry; when it returns, the entry is what `get` finds."""
        ...

    def delete(self, key: str) -> bool:
        """Remove one entry; whether there was one."""
        ...

    def close(self) -> None:
        """Let go of all resources; twice is once."""
        ...

    async def aget(self, key: str) -> Entry | Nothing:
        """As `get`, async."""
        ...

    async def aput(self, key: str, entry: Entry) -> None:
        """As `put`, async."""
        ...

    async def adelete(self, key: str) -> bool:
        """As `delete`, async."""
        ...

    async def aclose(self) -> None:
        """As `close`, async."""
        ...


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
    """Leasing by a native asyncio client; a backend without it is driven in a worker thread."""

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


Ability = TypeVar("Ability")


def able(backend: Backend, kind: type[Ability]) -> Ability | None:
    """The backend as `kind`, an ability protocol, or None where it cannot do that.

    A tier implements all of them but can do only what its far side can, so it is asked; any
    other backend can do what it has the methods for.
    """
    if isinstance(backend, BackendBase):
        return backend.ability(kind)
    return backend if isinstance(backend, kind) else None


class BackendBase(ABC):
    """What the backends here share: async twins in a worker thread, and context managers.

    A subclass gives `get`, `put`, `delete` and `close`, and replaces the twins where it has
    something better than a thread.
    """

    blocking = True

    @property
    @abstractmethod
    def description(self) -> str:
        """See `Backend.description`."""

    def ability(self, kind: type[Ability]) -> Ability | None:
        """This backend as one of the ability protocols, or None; see `able`."""
        return self if isinstance(self, kind) else None

    @abstractmethod
    def get(self, key: str) -> Entry | Nothing:
        """See `Backend.get`."""

    @abstractmethod
    def put(self, key: str, entry: Entry) -> None:
        """See `Backend.put`."""

    @abstractmethod
    def delete(self, key: str) -> bool:
        """See `Backend.delete`."""

    @abstractmethod
    def close(self) -> None:
        """See `Backend.close`."""

    async def aget(self, key: str) -> Entry | Nothing:
        """As `get`, async."""
        return await asyncio.to_thread(self.get, key)

    async def aput(self, key: str, entry: Entry) -> None:
        """As `put`, async."""
        await asyncio.to_thread(self.put, key, entry)

    async def adelete(self, key: str) -> bool:
        """As `delete`, async."""
        return await asyncio.to_thread(self.delete, key)

    async def aclose(self) -> None:
        """As `close`, async."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
