"""One open connection, and how one is opened."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from types import TracebackType
from typing import NamedTuple, Self

from llmcache.backends.sqlite import fork
from llmcache.backends.sqlite.failures import (
    Meaning,
    NotOursError,
    UninitialisedError,
    meaning,
)
from llmcache.backends.sqlite.file import Identity, StoreFile, size_of
from llmcache.backends.sqlite.schema import APPLICATION_ID, VERSION, create
from llmcache.backends.sqlite.space import PAGE, Bounds
from llmcache.backends.sqlite.upgrade import upgrade

__all__ = ["Connection", "Plan", "Transaction", "open_connection"]


class Connection:
    """A handle on the database, used by one thread under `gate`.

    Attributes:
        raw: The handle.
        gate: Held round every use of it; see `fork`.
        file: Which file it has open, to see when the path leads to another.
        log: Whether readers and writers do not wait for each other (WAL).
        writable: Whether it may write at all.
        version: What `data_version` was when `number` was read; None: read `number` again.
        checked: When `file` was last compared with what is at the path.
        number: That of the last invalidation, as of `version`.
        store: Where it lies.
    """

    __slots__ = (
        "__weakref__",
        "checked",
        "file",
        "gate",
        "log",
        "number",
        "raw",
        "store",
        "version",
        "writable",
    )

    def __init__(
        self,
        raw: sqlite3.Connection,
        store: StoreFile,
        file: Identity,
        *,
        log: bool,
        writable: bool,
    ) -> None:
        self.raw: sqlite3.Connection = raw
        self.gate: threading.RLock = threading.RLock()
        self.file: Identity = file
        self.log: bool = log
        self.writable: bool = writable
        self.version: int | None = None
        self.number: int = 0
        self.store: StoreFile = store
        self.checked: float = 0.0

    def log_size(self) -> int:
        """Bytes of the log; 0: there is none."""
        return size_of(self.store.side("-wal"))

    def close(self) -> None:
        """Close the handle; the caller holds `fork.entrance`."""
        with self.gate:
            self.raw.close()

    def __del__(self) -> None:
        fork.bury(self.raw)


class Transaction:
    """`BEGIN IMMEDIATE`, then commit, or roll back when the block raises.

    Not a deferred one: that reads first and is refused at once when it turns to writing after
    another connection has written.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw: sqlite3.Connection = raw

    def __enter__(self) -> Self:
        self.raw.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.raw.execute("COMMIT")
        finally:
            if self.raw.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self.raw.execute("ROLLBACK")


class Plan(NamedTuple):
    """How to open.

    Attributes:
        bounds: Sizes, for the log.
        log: Whether to use WAL; not on network file systems.
        first: See `create`.
    """

    bounds: Bounds
    log: bool
    first: int


def open_connection(store: StoreFile, plan: Plan) -> Connection:
    """Open the file, making or migrating it where needed. Never waits.

    The caller holds `fork.entrance`.

    Raises:
        BlockingIOError: Another process is making or replacing the file.
        NotOursError: It is another program's, or of a newer release.
        sqlite3.Error: As SQLite has it.
        OSError: As the system has it.
    """
    store.prepare()
    if store.looking and not store.size():
        return open_empty(store, plan)
    if store.looking or not store.writable():
        return open_readonly(store)
    identity = store.identity()
    if identity is not None and store.path.stat().st_size > 0:
        with contextlib.suppress(UninitialisedError), store.locked(alone=False):
            return open_writable(store, plan, may_make=False)
    with store.locked(alone=True):
        store.prepare()
        return open_writable(store, plan, may_make=True)


def open_writable(store: StoreFile, plan: Plan, *, may_make: bool) -> Connection:
    """Open for reading and writing; the directory is locked."""
    identity = store.identity()
    raw = connect(store, "rw")
    try:
        version = examine(raw, store)
        if version < VERSION:
            if not may_make:
                raise UninitialisedError  # noqa: TRY301 - the handle is closed below
            make(raw, plan, version)
        log = tune(raw, plan)
        if identity is None or identity != store.identity():
            raise BlockingIOError  # noqa: TRY301 - replaced by somebody who does not lock: try again
    except BaseException:
        raw.close()
        raise
    return Connection(raw, store, identity, log=log, writable=True)


def open_empty(store: StoreFile, plan: Plan) -> Connection:
    """What stands for a file that is not there, or empty, and must not be made."""
    raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    make(raw, plan, 0)
    return Connection(raw, store, store.identity() or (0, 0), log=True, writable=False)


def open_readonly(store: StoreFile) -> Connection:
    """Open for reading, where nothing can be written.

    A database in WAL mode needs a side file even for reading. Where that cannot be made nobody
    can be writing either, and the database is read as a file that does not change.
    """
    identity = store.identity()
    if identity is None:
        raise FileNotFoundError(store.text)
    leave_no_log = store.looking and not store.side("-wal").exists()
    for immutable in (True,) if leave_no_log else (False, True):
        raw = connect(store, "ro", immutable=immutable)
        try:
            if examine(raw, store) < VERSION:
                reason = "is empty or of an older release, and cannot be written"
                raise NotOursError(f"{store.path} {reason}.")  # noqa: TRY301 - closed below
        except sqlite3.OperationalError:
            raw.close()
            if immutable or store.side("-wal").exists():
                raise
        except BaseException:
            raw.close()
            raise
        else:
            return Connection(raw, store, identity, log=True, writable=False)
    raise AssertionError


def connect(store: StoreFile, mode: str, *, immutable: bool = False) -> sqlite3.Connection:
    """A bare connection that waits for no lock and begins no transaction by itself."""
    options = f"mode={mode}&immutable=1" if immutable else f"mode={mode}"
    return sqlite3.connect(
        f"{store.path.as_uri()}?{options}",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,  # the gate serialises; handles move from a worker to the loop
        cached_statements=64,
    )


def examine(raw: sqlite3.Connection, store: StoreFile) -> int:
    """The version of our schema in the file; 0: the file is empty.

    Raises:
        NotOursError: It must be left alone.
    """
    application, version, tables = raw.execute(
        """SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
        FROM pragma_application_id(), pragma_user_version()"""
    ).fetchone()
    if tables == 0 and application in (0, APPLICATION_ID):
        return 0
    if application != APPLICATION_ID:
        raise NotOursError(f"{store.path} is the database of another program: choose another path.")
    if version > VERSION:
        raise NotOursError(
            f"{store.path} was written by a newer llmcache (format {version}, this one reads up"
            f" to {VERSION}): upgrade llmcache or choose another path."
        )
    return int(version)


def make(raw: sqlite3.Connection, plan: Plan, version: int) -> None:
    """Make the tables of a new file, or lead an older one to this version."""
    if version == 0:
        raw.execute(f"PRAGMA page_size = {PAGE}")
        raw.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first write
        if plan.log:
            raw.execute("PRAGMA journal_mode = WAL").fetchall()
    with Transaction(raw):
        if version == 0:
            create(raw, plan.first)
        else:
            upgrade(raw)
        raw.execute(f"PRAGMA user_version = {VERSION}")


def tune(raw: sqlite3.Connection, plan: Plan) -> bool:
    """Settings of a connection; whether it has a write-ahead log."""
    wanted = "WAL" if plan.log else "DELETE"
    try:
        mode = raw.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
    except sqlite3.OperationalError as error:
        if plan.log and meaning(error) is Meaning.LOCKED:
            raise
        mode = raw.execute("PRAGMA journal_mode").fetchone()[0]
    pages = plan.bounds.log_pages
    raw.execute("PRAGMA synchronous = NORMAL")
    # Some builds overwrite what is deleted, which doubles what is written.
    raw.execute("PRAGMA secure_delete = FAST").fetchall()
    raw.execute("PRAGMA trusted_schema = OFF")
    raw.execute("PRAGMA cell_size_check = ON")
    raw.execute(f"PRAGMA wal_autocheckpoint = {pages}").fetchall()
    raw.execute(f"PRAGMA journal_size_limit = {pages * PAGE}").fetchall()
    return str(mode).lower() == "wal"
