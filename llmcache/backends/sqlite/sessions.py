"""Running work on the file: a connection per thread, bounded waiting, and recovery.

The one place where locks are waited for, files reopened or set aside, and errors translated.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from llmcache.backends.patience import Pauses
from llmcache.backends.sqlite import fork
from llmcache.backends.sqlite.connection import Connection, Plan, open_connection
from llmcache.backends.sqlite.failures import (
    FAILURES,
    Meaning,
    NotOursError,
    as_backend_error,
    meaning,
)
from llmcache.backends.sqlite.file import StoreFile
from llmcache.backends.sqlite.mounts import network_filesystem
from llmcache.backends.sqlite.space import Bounds
from llmcache.backends.sqlite.undone import UNDONE, Undone
from llmcache.backends.workers import in_worker
from llmcache.clock import SYSTEM, Clock
from llmcache.errors import BackendUnavailableError, BackendWarning
from llmcache.notices import notice

__all__ = ["Sessions"]

T = TypeVar("T")
Given = TypeVarTuple("Given")

MOST_REOPENINGS = 4
"""Within one operation; a file that is lost again at once will not come back."""

MOST_SET_ASIDE = 3
"""Damaged files that one backend sets aside; a disk that damages each new one is left alone."""


TRUSTED_FOR = 0.01
"""Seconds for which reads do not look again whether the path leads to the same file: the look
takes a fifth of a read. Writes always look."""

monotonic: Callable[[], float] = SYSTEM.monotonic
"""How old a look at the file is, whatever time the entries live in."""


class Here(threading.local):
    """The connection of this thread, and whether a task of its loop is opening one."""

    connection: Connection | None = None
    opening = False


class Sessions:
    """All connections to one file in this process.

    Args:
        store: The file.
        bounds: Its bounds.
        timeout: Seconds that one operation may wait for locks.
        clock: For waiting, and to number invalidations of a new file.
    """

    def __init__(self, store: StoreFile, bounds: Bounds, timeout: float, clock: Clock) -> None:
        self.store = store
        self.bounds = bounds
        self.timeout = timeout
        self.clock = clock
        self.description: str = f"sqlite:///{store.path}"
        self.closed: bool = False
        self.set_aside: int = 0
        self.warned: set[str] = set()
        self.start_anew()
        fork.owners.add(self)

    def start_anew(self) -> None:
        """Forget all connections without closing them; in a forked child they are not ours."""
        self.here: Here = Here()
        self.connections: weakref.WeakSet[Connection] = weakref.WeakSet()

    def current(self) -> Connection | None:
        """This thread's connection, if it has one and the path still leads to its file."""
        connection = self.here.connection
        if connection is not None:
            now = monotonic()
            if now - connection.checked > TRUSTED_FOR:
                if connection.file != self.store.identity():
                    return None
                connection.checked = now
        return connection

    def attempt(self, work: Callable[[Connection, *Given], T], *given: *Given) -> T | Undone:
        """Read by `work` on this thread's connection if that can be done at once."""
        connection = self.here.connection
        if connection is None:
            return UNDONE
        if monotonic() - connection.checked > TRUSTED_FOR and self.current() is None:
            return UNDONE
        try:
            with connection.gate:
                return work(connection, *given)
        except FAILURES:
            return UNDONE

    def read(self, operation: str, work: Callable[[Connection, *Given], T], *given: *Given) -> T:
        """As `perform`, for what only reads: may not see at once that the file was replaced."""
        done = self.attempt(work, *given)
        return self.perform(operation, work, *given) if done is UNDONE else done

    def perform(self, operation: str, work: Callable[[Connection, *Given], T], *given: *Given) -> T:
        """Do `work`, whole or not at all: wait, open again, set a damaged file aside.

        Args:
            operation: What it is called in errors.
            work: Called with a connection; may be called again after it raised.
            *given: Handed to `work`.

        Raises:
            BackendError: It could not be done within the time that is left.
        """
        waiting: Pauses | None = None
        failure: BaseException | None = None
        reopenings = damage_seen = 0
        try:
            while True:
                try:
                    connection = self.connection(operation)
                    with connection.gate:
                        return work(connection, *given)
                except FAILURES as error:
                    failure = error
                what, waiting = meaning(failure), waiting or Pauses(self.timeout, clock=self.clock)
                if what is Meaning.LOCKED:
                    if waiting.once_more():
                        continue
                    break
                reopenings += 1
                if what is Meaning.REFUSED or reopenings > MOST_REOPENINGS:
                    break
                known, self.here.connection = self.here.connection, None
                damage_seen += what is Meaning.DAMAGED
                if damage_seen > 1 and not self.replace(operation, known, failure):
                    reopenings -= 1  # it was waiting, not trying
                    if not waiting.once_more():
                        break
            raise as_backend_error(failure, self.description, operation) from failure
        finally:
            failure = None  # it and this frame would hold each other, and the connection with them

    def connection(self, operation: str) -> Connection:
        """This thread's connection to the file that is at the path now."""
        connection = self.here.connection
        if connection is None or connection.file != self.store.identity():
            self.here.connection = None
            connection = self.here.connection = self.open(operation)
        return connection

    def open(self, operation: str) -> Connection:
        """A new connection."""
        fork.reap()
        with fork.entrance:
            if self.closed:
                raise BackendUnavailableError(
                    f"{self.description} is closed; open it again to use it.",
                    backend=self.description,
                    operation=operation,
                )
            plan, remote = self.plan()
            connection = open_connection(self.store, plan)
            fork.connections.add(connection)
            self.connections.add(connection)
            self.store.known.add(connection.file)
        if remote:
            self.warn(f"lies on a network file system ({remote}): slower, and locks may not hold")
        elif not connection.log:
            self.warn("cannot use a write-ahead log here: readers and writers wait for each other")
        return connection

    async def on_loop(self) -> Connection | None:
        """This thread's connection, opened by a worker; None while that is not done, or fails."""
        here, connection = self.here, self.current()
        if connection is None and not here.opening:
            here.opening = True
            try:
                connection = here.connection = await in_worker(self.spare)
            finally:
                here.opening = False
        return connection

    def spare(self) -> Connection | None:
        """A new connection for another thread; None where one cannot be had at once."""
        try:
            return self.open("get")
        except (BackendUnavailableError, *FAILURES):
            return None

    def plan(self) -> tuple[Plan, str | None]:
        """How to open the file, and the network file system that it lies on."""
        remote = network_filesystem(self.store.directory.resolve())
        return Plan(self.bounds, remote is None, int(self.clock.time() * 1000)), remote

    def replace(self, operation: str, known: Connection | None, failure: BaseException) -> bool:
        """Set a damaged file aside; False: another process is at it.

        `known` is where the damage was seen; None: when opening.

        Called when damage was seen twice, the second time through a new connection: an error of
        the disk may look like damage once.

        Raises:
            BackendError: It cannot be set aside.
        """
        if self.set_aside >= MOST_SET_ASIDE or self.store.looking:
            seen = self.as_looked_at(failure)
            raise as_backend_error(seen, self.description, operation) from failure
        try:
            with fork.entrance, self.store.locked(alone=True):
                here = self.store.identity()
                if here is None or (known is not None and known.file != here):
                    return True  # another process was first
                self.store.check_ours()
                stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.clock.time()))
                target = self.store.set_aside(stamp)
        except BlockingIOError:
            return False
        except OSError as error:
            raise as_backend_error(failure, self.description, operation) from error
        except NotOursError as error:
            raise as_backend_error(error, self.description, operation) from failure
        self.set_aside += 1
        self.warn(
            f"was damaged ({failure}); it was set aside as {target.name} and begun anew."
            f" llmcache export --backend sqlite:///{target} writes what can still be read of it"
        )
        return True

    def as_looked_at(self, failure: BaseException) -> BaseException:
        """The damage, or to who only looks that the file never was a store."""
        if self.store.looking:
            try:
                self.store.check_ours()
            except NotOursError as error:
                return error
        return failure

    def warn(self, text: str) -> None:
        """Say it once."""
        if text in self.warned:
            return
        self.warned.add(text)
        notice(f"{self.description} {text}.", BackendWarning)

    def close(self) -> None:
        """Close every connection of this process; later operations are refused."""
        with fork.entrance:
            self.closed = True
            for connection in list(self.connections):
                connection.close()
            self.here.connection = None

    def is_open(self) -> bool:
        """Whether there are connections that nobody closed."""
        return not self.closed and len(self.connections) > 0
