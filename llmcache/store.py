"""One face for every backend, whatever it can do, with its failures as values.

The engine says what it wants (`Operation`); here it is decided which ability of the backend gives
it, and what stands in where there is none: a backend without leases grants every claim, one
without epochs has them kept in this process. This is the one place where an exception of a
backend ends; it comes out as `Failed`.
"""

from __future__ import annotations

import enum
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from llmcache.backends.base import (
    READING,
    AsyncLeasing,
    Backend,
    Claim,
    Entry,
    Epochs,
    Leasing,
    Manifests,
    Nothing,
    Scope,
    able,
    in_words,
)
from llmcache.backends.forks import forkable
from llmcache.backends.workers import in_worker
from llmcache.errors import BackendError, BackendUnavailableError

__all__ = ["Failed", "Operation", "ProcessEpochs", "Store", "store_of"]

logger: logging.Logger = logging.getLogger("llmcache")


class Operation(enum.StrEnum):
    """What the engine may want of a store, by the name that the backend's method has."""

    GET = "get"
    CLAIM = "claim"
    SETTLE = "settle"
    RELEASE = "release"
    EPOCH = "epoch"
    PUT_IF = "put_if"
    ADVANCE = "advance"
    INVALIDATE = "invalidate"
    CLEAR = "clear"
    PUT_MANIFEST = "put_manifest"

    @property
    def reads(self) -> bool:
        """Whether it leaves all entries as they are."""
        return self in READING


class Failed(NamedTuple):
    """The backend failed in `operation`."""

    operation: Operation
    error: BackendError


class ProcessEpochs:
    """Epochs for a backend that has none: they hold in this process only."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.last: int = 0
        self.begun: dict[str | Scope, int] = {}
        self.forked()
        forkable(self)

    def forked(self) -> None:
        """See `Forkable.forked`."""
        self.lock: threading.RLock = threading.RLock()

    def epoch(self, key: str, scope: Scope) -> int:
        """See `Epochs.epoch`."""
        return max(self.begun.get(key, 0), self.begun.get(scope, 0))

    def put_if(self, key: str, entry: Entry, epoch: int) -> bool:
        """See `Epochs.put_if`."""
        with self.lock:
            if self.epoch(key, entry.scope) != epoch:
                return False
            self.backend.put(key, entry)
            return True

    def begin(self, what: str | Scope) -> int:
        """A new epoch for a key or a scope."""
        with self.lock:
            self.last += 1
            self.begun[what] = self.last
            return self.last

    def advance(self, key: str, scope: Scope) -> int:  # noqa: ARG002 - the protocol's signature
        """See `Epochs.advance`."""
        return self.begin(key)

    def invalidate(self, key: str, scope: Scope) -> bool:  # noqa: ARG002 - the protocol's signature
        """See `Epochs.invalidate`."""
        self.begin(key)
        return self.backend.delete(key)

    def clear(self, scope: Scope) -> int:
        """A new epoch; the entries cannot be found by their scope here, so none is removed."""
        self.begin(scope)
        raise BackendUnavailableError(
            f"{self.backend.description} cannot remove the entries of one function: "
            "it has no `clear`. Invalidate them one by one.",
            backend=self.backend.description,
            operation="clear",
        )


class Store:
    """A backend as the engine uses it: sync operations, and the same in asyncio.

    Every operation returns what the backend's method returns, or `Failed`.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.description: str = backend.description
        self.leasing: Leasing | None = able(backend, Leasing)
        self.epochs: Epochs = able(backend, Epochs) or ProcessEpochs(backend)
        manifests = able(backend, Manifests)
        # The keys that were asked for here; None: a claim costs more than a look, or a look next to
        # nothing. Without leases a claim is a look.
        claims_cheaply = self.leasing is None and backend.blocking
        claims_cheaply = claims_cheaply or getattr(backend, "claims_cheaply", False)
        self.asked: set[str] | None = set() if claims_cheaply else None
        self.heard_of: dict[type[BackendError], object] = {}
        self.operations: dict[Operation, Callable[..., Any]] = {
            Operation.GET: backend.get,
            Operation.CLAIM: self.leasing.claim if self.leasing else self.claim_unleased,
            Operation.SETTLE: self.leasing.settle if self.leasing else self.settle_unleased,
            Operation.RELEASE: self.leasing.release if self.leasing else release_nothing,
            Operation.EPOCH: self.epochs.epoch,
            Operation.PUT_IF: self.epochs.put_if,
            Operation.ADVANCE: self.epochs.advance,
            Operation.INVALIDATE: self.epochs.invalidate,
            Operation.CLEAR: self.epochs.clear,
            Operation.PUT_MANIFEST: manifests.put_manifest if manifests else keep_nothing,
        }
        native = able(backend, AsyncLeasing)
        self.native: dict[Operation, Callable[..., Awaitable[Any]]] = native_of(native)

    def claim_unleased(
        self,
        key: str,
        scope: Scope,
        token: str,  # noqa: ARG002 - the protocol's signature
        seconds: float,  # noqa: ARG002 - as above
        *,
        max_age: float | None,  # noqa: ARG002 - as above
    ) -> Claim:
        """`Leasing.claim` without leases; the epoch first, so that no change is missed."""
        epoch = self.epochs.epoch(key, scope)
        return Claim(self.backend.get(key), epoch)

    def settle_unleased(self, key: str, token: str, entry: Entry, epoch: int) -> bool:  # noqa: ARG002 - the protocol's signature
        """`Leasing.settle` for a backend without leases."""
        return self.epochs.put_if(key, entry, epoch)

    def get(self, key: str) -> Entry | Nothing | Failed:
        """`Backend.get`; the hot path, so that it is spelled out."""
        try:
            return self.backend.get(key)
        except Exception as error:  # noqa: BLE001 - whatever a backend raises must not fail the call
            return self.failed(Operation.GET, error)

    async def aget(self, key: str) -> Entry | Nothing | Failed:
        """As `get`, async."""
        try:
            return await self.backend.aget(key)
        except Exception as error:  # noqa: BLE001 - as in get
            return self.failed(Operation.GET, error)

    def run(self, operation: Operation, *arguments: Any, **named: Any) -> Any:
        """Do an operation."""
        work = self.operations[operation]
        try:
            return work(*arguments, **named)
        except Exception as error:  # noqa: BLE001 - as in get
            return self.failed(operation, error)

    async def arun(self, operation: Operation, *arguments: Any, **named: Any) -> Any:
        """As `run`, async: natively, at once, or in a worker thread, as the backend is."""
        work, native = self.operations[operation], self.native.get(operation)
        try:
            if native is not None:
                return await native(*arguments, **named)
            if not self.backend.blocking:
                return work(*arguments, **named)
            return await in_worker(work, *arguments, **named)
        except Exception as error:  # noqa: BLE001 - as in get
            return self.failed(operation, error)

    def is_first(self, failed: Failed) -> bool:
        """Whether it is the first failure of its kind: the others need no warning."""
        this = object()
        return self.heard_of.setdefault(type(failed.error), this) is this

    def failed(self, operation: Operation, error: Exception) -> Failed:
        """Any failure as a `BackendError`."""
        if not isinstance(error, BackendError):
            logger.debug("%s failed in %s", self.description, operation, exc_info=error)
            known = BackendUnavailableError(
                f"{self.description}: {in_words(operation)} failed: "
                f"{type(error).__name__}: {error}",
                backend=self.description,
                operation=operation.value,
            )
            known.__cause__ = error
            error = known
        return Failed(operation, error)


def native_of(leasing: AsyncLeasing | None) -> dict[Operation, Callable[..., Awaitable[Any]]]:
    """What is done without a thread of ours."""
    if leasing is None:
        return {}
    return {
        Operation.CLAIM: leasing.aclaim,
        Operation.SETTLE: leasing.asettle,
        Operation.RELEASE: leasing.arelease,
        Operation.INVALIDATE: leasing.ainvalidate,
        Operation.ADVANCE: leasing.aadvance,
        Operation.CLEAR: leasing.aclear,
    }


def release_nothing(key: str, token: str) -> None:
    """`Leasing.release` where there are no leases."""


def keep_nothing(digest: str, parts: bytes) -> None:
    """`Manifests.put_manifest` where they cannot be kept."""


class Stores:
    """The one store of each backend, so that all its functions see the same epochs."""

    def __init__(self) -> None:
        self.known: weakref.WeakValueDictionary[int, Store] = weakref.WeakValueDictionary()
        self.forked()
        forkable(self)

    def forked(self) -> None:
        """See `Forkable.forked`."""
        self.lock: threading.RLock = threading.RLock()

    def of(self, backend: Backend) -> Store:
        """The store of a backend, made at its first use."""
        with self.lock:
            known = self.known.get(id(backend))
            if known is None or known.backend is not backend:
                known = self.known[id(backend)] = Store(backend)
            return known


stores: Stores = Stores()
store_of: Callable[[Backend], Store] = stores.of
