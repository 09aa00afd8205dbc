"""One face for every backend, whatever it can do, with its failures as values.

The engine says what it wants (`Operation`); here it is decided which ability of the backend gives
it, and what stands in where there is none: a backend without leases grants every claim, one
without epochs has them kept in this process. This is the one place where an exception of a
backend ends; it comes out as `Failed`.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from llmcache.backends.base import (
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

__all__ = ["Failed", "ProcessEpochs", "Store", "store_of"]

logger: logging.Logger = logging.getLogger("llmcache")


class Failed(NamedTuple):
    """The backend failed in `operation`."""

    operation: str
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
        self.manifests: Manifests | None = able(backend, Manifests)
        native = able(backend, AsyncLeasing)
        self.native: tuple[str, ...] = () if native is None else NATIVE
        # The keys that were asked for here; None: a claim costs more than a look, as it writes,
        # or a look costs next to nothing.
        claims_cheaply = native is not None or (self.leasing is None and backend.blocking)
        self.asked: set[str] | None = set() if claims_cheaply else None
        self.heard_of: dict[type[BackendError], object] = {}
        self.operations: dict[str, Callable[..., Any]] = {
            "get": backend.get,
            "claim": self.leasing.claim if self.leasing else self.claim_unleased,
            "settle": self.leasing.settle if self.leasing else self.settle_unleased,
            "release": self.leasing.release if self.leasing else release_nothing,
            "epoch": self.epochs.epoch,
            "put_if": self.epochs.put_if,
            "advance": self.epochs.advance,
            "invalidate": self.epochs.invalidate,
            "clear": self.epochs.clear,
            "put_manifest": self.manifests.put_manifest if self.manifests else keep_nothing,
        }

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
            return self.failed("get", error)

    async def aget(self, key: str) -> Entry | Nothing | Failed:
        """As `get`, async."""
        try:
            return await self.backend.aget(key)
        except Exception as error:  # noqa: BLE001 - as in get
            return self.failed("get", error)

    def run(self, operation: str, *arguments: Any, **named: Any) -> Any:
        """Run one of `operations`."""
        try:
            return self.operations[operation](*arguments, **named)
        except Exception as error:  # noqa: BLE001 - as in get
            return self.failed(operation, error)

    async def arun(self, operation: str, *arguments: Any, **named: Any) -> Any:
        """As `run`, async: natively, at once, or in a worker thread, as the backend is."""
        try:
            if operation in self.native:
                return await getattr(self.backend, f"a{operation}")(*arguments, **named)
            if not self.backend.blocking:
                return self.operations[operation](*arguments, **named)
            return await in_worker(self.operations[operation], *arguments, **named)
        except Exception as error:  # noqa: BLE001 - as in get
            return self.failed(operation, error)

    def is_first(self, failed: Failed) -> bool:
        """Whether it is the first failure of its kind: the others need no warning."""
        this = object()
        return self.heard_of.setdefault(type(failed.error), this) is this

    def failed(self, operation: str, error: Exception) -> Failed:
        """Any failure as a `BackendError`."""
        if not isinstance(error, BackendError):
            logger.debug("%s failed in %s", self.description, operation, exc_info=error)
            known = BackendUnavailableError(
                f"{self.description}: {in_words(operation)} failed: "
                f"{type(error).__name__}: {error}",
                backend=self.description,
                operation=operation,
            )
            known.__cause__ = error
            error = known
        return Failed(operation, error)


NATIVE = ("claim", "settle", "release", "invalidate", "advance", "clear")


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
