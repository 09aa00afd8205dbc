"""`SQLiteBackend`: entries in one file, shared by threads and processes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVarTuple

from llmcache.backends.base import BackendBase, Claim, Entry, Listed, Nothing, Scope
from llmcache.backends.patience import patience
from llmcache.backends.sqlite.arguments import check_size, checked_count, checked_path
from llmcache.backends.sqlite.connection import Connection
from llmcache.backends.sqlite.file import StoreFile
from llmcache.backends.sqlite.ledger import FileLedger
from llmcache.backends.sqlite.operations import Operations
from llmcache.backends.sqlite.removal import START
from llmcache.backends.sqlite.sessions import Sessions
from llmcache.backends.sqlite.space import Bounds
from llmcache.backends.sqlite.undone import UNDONE
from llmcache.backends.sqlite.upkeep import LINES_AT_ONCE, Upkeep
from llmcache.backends.workers import in_worker
from llmcache.clock import SYSTEM, Clock
from llmcache.durations import parse_size
from llmcache.errors import BackendError

__all__ = ["SQLiteBackend"]

Given = TypeVarTuple("Given")


class SQLiteBackend(FileLedger, BackendBase):
    """Entries in one SQLite file; safe in threads, processes, and children forked at any moment.

    The file is made at the first operation, 0600 in a directory 0700. What an operation has
    acknowledged survives the death of the process, but not for certain a loss of power. A file
    that is damaged is renamed to `<name>.corrupt-<time>` with one `BackendWarning`, and a new one
    begun; a file of another program, or of a newer llmcache, is left alone and every operation
    raises `BackendCorruptError`. Where the file cannot be written, what is in it is still served.

    Args:
        path: Where the file is or shall be; its directory is made where it is missing. Not in a
            directory that other users may write to, and not a symlink: every operation then
            raises `BackendUnavailableError`.
        max_bytes: Bound of the file with its side files, as int or text such as `"500MB"`; held
            to within a fifth. One that was lowered is reached over several writes, or by `prune`.
            Below about 240 kB only the content is bounded: an empty file takes as much.
        max_entries: Bound of the number of entries; None: as many as fit.
        timeout: Seconds that one operation may wait for locks of other processes; 0: not at all.
        clock: Where the time comes from.

    Raises:
        ConfigurationError: For a path or a bound that cannot be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int | str = 1 << 30,
        max_entries: int | None = None,
        timeout: float = 1.0,
        clock: Clock = SYSTEM,
    ) -> None:
        store = StoreFile(checked_path(path))
        self.store: StoreFile = store
        bounds = Bounds(
            parse_size(max_bytes, name="max_bytes"), checked_count(max_entries, "max_entries")
        )
        self.path: Path = store.path
        self.clock = clock
        self.bounds = bounds
        self.steps: Operations = Operations(bounds, clock)
        self.upkeep: Upkeep = Upkeep(bounds, clock, self.steps.usage, self.steps.evictions)
        self.sessions: Sessions = Sessions(store, bounds, timeout, clock)

    @property
    def description(self) -> str:
        """The URL of the file."""
        return self.sessions.description

    # Backend

    def get(self, key: str) -> Entry | Nothing:
        """As `Backend.get`; counts as a use, which is written down within about a minute."""
        found = self.sessions.attempt(self.steps.get, key)
        if found is UNDONE:
            found = self.sessions.perform("get", self.steps.get, key)
        if self.steps.usage.overdue:
            self.write_usage(0.0)
        return found

    def put(self, key: str, entry: Entry) -> None:
        """As `Backend.put`.

        Raises:
            BackendUnavailableError: Also for an entry that is larger than the store may be.
        """
        check_size(entry, self.bounds, self.description)
        self.sessions.perform("put", self.steps.put, key, entry)

    def delete(self, key: str) -> bool:
        """As `Backend.delete`."""
        return self.sessions.perform("delete", self.steps.delete, key)

    def close(self) -> None:
        """Write down what was used and close all connections; later operations are refused."""
        self.flush_counts()
        if self.sessions.is_open():
            while self.steps.usage.uses and self.write_usage(self.sessions.timeout):
                pass
        self.sessions.close()

    async def aget(self, key: str) -> Entry | Nothing:
        """As `get`, async: one read on the loop where nothing has to be waited for."""
        connection = await self.sessions.on_loop()
        at_once = connection is not None and connection.log
        found = self.sessions.attempt(self.steps.get_small, key) if at_once else UNDONE
        if found is UNDONE:
            return await in_worker(self.get, key)
        if self.steps.usage.overdue:
            await in_worker(self.write_usage, 0.0)
        return found

    async def aput(self, key: str, entry: Entry) -> None:
        """As `put`, async."""
        await in_worker(self.put, key, entry)

    async def adelete(self, key: str) -> bool:
        """As `delete`, async."""
        return await in_worker(self.delete, key)

    async def aclose(self) -> None:
        """As `close`, async."""
        await in_worker(self.close)

    # Epochs, Invalidations

    def epoch(self, key: str, scope: Scope) -> int:
        """As `Epochs.epoch`."""
        return self.sessions.read("epoch", self.steps.epoch, key, scope)

    def put_if(self, key: str, entry: Entry, epoch: int) -> bool:
        """As `Epochs.put_if`; raises as `put`."""
        check_size(entry, self.bounds, self.description)
        return self.sessions.perform("put_if", self.steps.put_if, key, entry, epoch)

    def invalidate(self, key: str, scope: Scope) -> bool:
        """As `Epochs.invalidate`."""
        return self.sessions.perform("invalidate", self.steps.invalidate, key, scope)

    def advance(self, key: str, scope: Scope) -> int:
        """As `Epochs.advance`."""
        return self.sessions.perform("advance", self.steps.advance, key, scope)

    def clear(self, scope: Scope) -> int:
        """As `Epochs.clear`; removes in steps, so that other writers get in between."""
        self.sessions.perform("clear", self.steps.advance_scope, scope)
        return self.walk("clear", self.upkeep.clear_some, scope)

    def invalidations(self) -> int:
        """As `Invalidations.invalidations`; costs one `PRAGMA` when nobody wrote."""
        return self.sessions.read("invalidations", self.steps.invalidations)

    def invalidated_since(self, number: int) -> list[str | Scope]:
        """As `Invalidations.invalidated_since`."""
        return self.sessions.read("invalidations", self.steps.invalidated_since, number)

    async def ainvalidate(self, key: str, scope: Scope) -> bool:
        """As `invalidate`, async."""
        return await in_worker(self.invalidate, key, scope)

    async def aadvance(self, key: str, scope: Scope) -> int:
        """As `advance`, async."""
        return await in_worker(self.advance, key, scope)

    async def aclear(self, scope: Scope) -> int:
        """As `clear`, async."""
        return await in_worker(self.clear, scope)

    # Leasing

    def claim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `Leasing.claim`; writes only where a lease can be had.

        A store that cannot be written gives no leases: the answer is that none is held.
        """
        return self.sessions.perform("claim", self.steps.claim, key, scope, token, seconds, max_age)

    def settle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `Leasing.settle`; raises as `put`."""
        check_size(entry, self.bounds, self.description)
        return self.sessions.perform("settle", self.steps.settle, key, token, entry, epoch)

    def renew(self, key: str, token: str, seconds: float) -> bool:
        """As `Leasing.renew`."""
        return self.sessions.perform("renew", self.steps.renew, key, token, seconds)

    def release(self, key: str, token: str) -> None:
        """As `Leasing.release`."""
        self.sessions.perform("release", self.steps.release, key, token)

    async def aclaim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        """As `claim`, async."""
        return await in_worker(self.claim, key, scope, token, seconds, max_age=max_age)

    async def asettle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """As `settle`, async."""
        return await in_worker(self.settle, key, token, entry, epoch)

    async def arelease(self, key: str, token: str) -> None:
        """As `release`, async."""
        await in_worker(self.release, key, token)

    # Listing, Sizing, Pruning, Bulk, Manifests

    def entries(self, scope: Scope | None = None, *, limit: int | None = None) -> Iterator[Listed]:
        """As `Listing.entries`; what is stored or removed meanwhile may be in it or not."""
        most = -1 if limit is None else limit
        rows = self.sessions.read("list", self.upkeep.list_rows, scope, most)
        for start in range(0, len(rows), LINES_AT_ONCE):
            yield from self.sessions.read(
                "list", self.upkeep.list_lines, rows[start : start + LINES_AT_ONCE]
            )

    def count(self, scope: Scope | None = None) -> int:
        """As `Sizing.count`."""
        return self.sessions.read("count", self.upkeep.count, scope)

    def size(self) -> int:
        """As `Sizing.size`: of the file with its side files."""
        return self.store.size()

    def prune(self) -> int:
        """As `Pruning.prune`; also brings the store within its bounds."""
        upkeep, perform = self.upkeep, self.sessions.perform
        removed = self.walk("prune", upkeep.prune_some) + self.walk("prune", upkeep.evict_some)
        perform("prune", upkeep.sweep)
        self.walk("prune", upkeep.shrink_some)
        perform("prune", upkeep.write_back)
        return removed

    def get_many(self, keys: Iterable[str]) -> Mapping[str, Entry]:
        """As `Bulk.get_many`; all as of one moment."""
        return self.sessions.read("get_many", self.steps.get_many, list(keys))

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """As `Bulk.put_many`; raises as `put`."""
        for entry in entries.values():
            check_size(entry, self.bounds, self.description)
        self.sessions.perform("put_many", self.steps.put_many, entries)

    def put_manifest(self, digest: str, parts: bytes) -> None:
        """As `Manifests.put_manifest`."""
        self.sessions.perform("put_manifest", self.upkeep.put_manifest, digest, parts)

    def get_manifest(self, digest: str) -> bytes | None:
        """As `Manifests.get_manifest`."""
        return self.sessions.read("get_manifest", self.upkeep.get_manifest, digest)

    # What the above share

    def walk(
        self,
        operation: str,
        step: Callable[[Connection, int, *Given], tuple[int, int | None]],
        *given: *Given,
    ) -> int:
        """Take steps until there is nothing to go on with; the sum."""
        total = 0
        after: int | None = START
        while after is not None:
            done, after = self.sessions.perform(operation, step, after, *given)
            total += done
        return total

    def write_usage(self, seconds: float) -> bool:
        """Write down some of what was used; False: not within `seconds`, another time."""
        try:
            with patience(seconds, clock=self.clock):
                return self.sessions.perform("close", self.steps.write_usage)
        except BackendError:
            self.steps.usage.postpone(self.clock.time())
            return False

    def __del__(self) -> None:
        sessions = getattr(self, "sessions", None)  # absent where __init__ raised
        if sessions is not None and sessions.is_open() and not sys.is_finalizing():
            warnings.warn(
                f"{sessions.description} was not closed", ResourceWarning, source=self, stacklevel=2
            )
