"""What a backend is: entries of bytes by text key, and never a Python value.

`Backend` is all that is asked of one. What some can do beyond it is in `abilities`, the words
that all of them use are in `entries`; both can be had from here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, Self, TypeVar, runtime_checkable

from llmcache.backends.abilities import (
    AsyncLeasing,
    Bulk,
    Epochs,
    Invalidations,
    Leasing,
    Ledgers,
    Listing,
    Manifests,
    Pruning,
    Sizing,
)
from llmcache.backends.entries import Claim, Entry, Held, Listed, Nothing, Scope
from llmcache.backends.workers import in_worker

__all__ = [
    "READING",
    "Ability",
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
    "Ledgers",
    "Listed",
    "Listing",
    "Manifests",
    "Nothing",
    "Pruning",
    "Scope",
    "Sizing",
    "able",
    "in_words",
]


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

    Attributes:
        claims_cheaply: Whether `claim` takes no longer than `get`, as on a server, so that a miss
            is best asked for by the claim alone.
    """

    blocking = True
    claims_cheaply = False

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
        return await in_worker(self.get, key)

    async def aput(self, key: str, entry: Entry) -> None:
        """As `put`, async."""
        await in_worker(self.put, key, entry)

    async def adelete(self, key: str) -> bool:
        """As `delete`, async."""
        return await in_worker(self.delete, key)

    async def aclose(self) -> None:
        """As `close`, async."""
        await in_worker(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


READING = frozenset({"get", "claim", "epoch", "entries", "get_many", "get_manifest"})
WRITING = frozenset(
    {"put", "put_if", "settle", "advance", "renew", "release", "put_many", "put_manifest"}
)


def in_words(operation: str) -> str:
    """What was tried, for people: most operations are one of two things to them."""
    if operation in READING:
        return "reading"
    return "writing" if operation in WRITING else operation
