"""All that this process has counted, one book a store, and when it is written."""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from llmcache.backends.base import Backend, Ledgers, Scope, able
from llmcache.backends.counts import Cell, MemoryLedger, Missed, Sums
from llmcache.backends.forks import forkable
from llmcache.backends.patience import patience
from llmcache.clock import Clock
from llmcache.ledger.account import Account, RunningCounts

__all__ = ["Book", "account_of", "book_of", "flush"]

INTERVAL = 5.0
"""Seconds between two writings."""

FLUSH_PATIENCE = 1.0
"""Seconds that one writing may wait for a store; what did not get through goes with the next."""

RECENT = 200
"""Misses that are remembered between two writings."""

logger: logging.Logger = logging.getLogger("llmcache")


class Batch(NamedTuple):
    """What goes to the store at once, and again as it is where it may not have got through."""

    counts: Mapping[Cell, Sums]
    missed: list[Missed]
    name: str


class Book:
    """All accounts of one store, and the way to what it keeps.

    Where the backend cannot keep a ledger, this process does for itself: `kept` is False then.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend: Callable[[], Backend | None] = weakly(backend)
        self.kept: bool = able(backend, Ledgers) is not None
        self.accounts: weakref.WeakValueDictionary[Scope, Account] = weakref.WeakValueDictionary()
        self.running: dict[RunningCounts, weakref.ref[Account]] = {}
        self.missed: deque[Missed] = deque(maxlen=RECENT)
        self.forked()
        forkable(self)
        self.ledger().before_close(self.flush)

    def forked(self) -> None:
        """See `Forkable.forked`; what the parent has in hand, it writes itself."""
        self.lone: MemoryLedger = MemoryLedger()
        self.opening: threading.Lock = threading.Lock()
        self.writing: threading.RLock = threading.RLock()
        self.used: bool = False
        self.missed.clear()
        self.unwritten: dict[Cell, Sums] = {}
        self.batch: Batch | None = None

    def ledger(self) -> Ledgers:
        """Where the sums go."""
        backend = self.backend()
        keeper = None if backend is None else able(backend, Ledgers)
        return self.lone if keeper is None else keeper

    def account(self, scope: Scope, clock: Clock) -> Account:
        """The account of a function: the one that somebody holds, or a new one."""
        with self.opening:
            known = self.accounts.get(scope)
            if known is None:
                counts = RunningCounts(scope, clock, self.missed, self.touched)
                known = self.accounts[scope] = Account(counts)
                self.running[counts] = weakref.ref(known)
            return known

    def touched(self) -> None:
        """The cache had a part in a call: see that it is written in time."""
        self.used = True
        writer.wake()

    def flush(self) -> None:
        """Write what was counted. What the store does not take now is tried again next time."""
        with self.writing:
            self.gather()
            # Where the cache is off, no store is opened to say so.
            if self.used and (self.batch is None or self.write(self.batch)):
                self.batch = self.next_batch()
                if self.batch is not None:
                    self.write(self.batch)

    def gather(self) -> None:
        """Add up what was counted since the last time, and let go what nobody can add to."""
        for counts, account in list(self.running.items()):
            ended = account() is None  # asked before, as it may end in between
            for cell, sums in counts.taken().items():
                self.unwritten[cell] = self.unwritten.get(cell, Sums()).plus(sums)
            if ended:
                del self.running[counts]

    def next_batch(self) -> Batch | None:
        """What is to be written, under a name of its own; None: there is nothing."""
        missed = [self.missed.popleft() for _ in range(len(self.missed))]
        counts, self.unwritten = self.unwritten, {}
        return Batch(counts, missed, secrets.token_hex(8)) if counts or missed else None

    def write(self, batch: Batch) -> bool:
        """Write one batch; whether the store has it now."""
        try:
            with patience(FLUSH_PATIENCE):
                self.ledger().add_counts(*batch)
        except Exception as error:  # noqa: BLE001 - whatever a backend raises, the calls were answered
            logger.debug("The ledger could not be written: %s", error)
            return False
        self.batch = None
        return True

    def counts(self, since: str = "") -> Mapping[Cell, Sums]:
        """What is kept, with all that this process has counted up to now."""
        self.flush()
        return self.ledger().counts(since)

    def misses(self, limit: int) -> list[Missed]:
        """The last misses, likewise, the latest first."""
        self.flush()
        return self.ledger().misses(limit)


class Writer:
    """The thread that writes all books; there only while something was counted lately."""

    def __init__(self) -> None:
        self.forked()
        forkable(self)

    def forked(self) -> None:
        """See `Forkable.forked`; a child has no thread yet."""
        self.lock: threading.RLock = threading.RLock()
        self.stop: threading.Event = threading.Event()
        self.awake: bool = False
        self.pid: int = 0

    def wake(self) -> None:
        """Have everything written within `INTERVAL`."""
        with self.lock:
            if self.awake or self.stop.is_set():
                return
            self.at_exit()
            self.awake = True
            thread = threading.Thread(target=self.write, name="llmcache-ledger", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # none is to be had, as at the end, when all is written anyway
                self.awake = False

    def write(self) -> None:
        """Wait, write, and go; whoever counts next wakes another."""
        self.stop.wait(INTERVAL)
        self.awake = False
        flush()

    def at_exit(self) -> None:
        """See that a child of multiprocessing, which skips `atexit`, writes at its end too."""
        if self.pid == os.getpid():
            return
        self.pid = os.getpid()
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(None, flush, exitpriority=100)

    def end(self) -> None:
        """Write all books a last time."""
        self.stop.set()
        flush()


def weakly(backend: Backend) -> Callable[[], Backend | None]:
    """The backend while it lives; one that takes no weak reference lives as long as its book."""
    try:
        return weakref.ref(backend)
    except TypeError:
        return lambda: backend


class Books:
    """The books of this process, one a backend."""

    def __init__(self) -> None:
        self.known: weakref.WeakValueDictionary[int, Book] = weakref.WeakValueDictionary()
        self.forked()
        forkable(self)

    def forked(self) -> None:
        """See `Forkable.forked`."""
        self.lock: threading.Lock = threading.Lock()

    def of(self, backend: Backend) -> Book:
        """The one that is there, or a new one."""
        with self.lock:
            known = self.known.get(id(backend))
            if known is None or known.backend() is not backend:
                known = self.known[id(backend)] = Book(backend)
            return known


writer: Writer = Writer()
books: Books = Books()
atexit.register(writer.end)


def book_of(backend: Backend) -> Book:
    """The one book of a backend."""
    return books.of(backend)


def account_of(backend: Backend, scope: Scope, clock: Clock) -> Account:
    """Where the calls of a function, with its entries in this backend, are counted."""
    return books.of(backend).account(scope, clock)


def flush() -> None:
    """Write all that this process has counted, now."""
    for book in list(books.known.values()):
        book.flush()
