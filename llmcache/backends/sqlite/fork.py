"""A child forked at any moment: SQLite is between two calls, and its handles are left alone.

SQLite's own mutexes do not survive a fork that happens inside one of its calls, and a handle
must not be used, nor even closed, on the other side of a fork. So every call into SQLite is
made under a lock of its connection, opening and closing under `entrance`, and a fork takes all
of them first. None of them is held while waiting for another process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from typing import Protocol

__all__ = ["Gated", "Owner", "bury", "connections", "entrance", "owners", "reap"]


class Gated(Protocol):
    """A connection: its handle, and the lock under which the handle is used."""

    gate: threading.RLock
    raw: sqlite3.Connection


class Owner(Protocol):
    """Who hands out connections, and must start anew in a forked child."""

    def start_anew(self) -> None:
        """Forget every connection and lock."""
        ...


class Entrance:
    """The lock for opening and closing, replaced in a child."""

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


entrance: Entrance = Entrance()
connections: weakref.WeakSet[Gated] = weakref.WeakSet()
owners: weakref.WeakSet[Owner] = weakref.WeakSet()
held: list[Gated] = []
graves: list[sqlite3.Connection] = []


def bury(raw: sqlite3.Connection) -> None:
    """Close a handle that nobody uses any more, now or at the next `reap`; never waits.

    It is called by the garbage collector at any moment, also while this thread holds the lock
    of a connection that a forking thread waits for; waiting here would be a dead-lock.
    """
    if not entrance.lock.acquire(blocking=False):
        graves.append(raw)
        return
    try:
        raw.close()
    finally:
        entrance.lock.release()


def reap() -> None:
    """Close what could not be closed at once."""
    with entrance:
        while graves:
            graves.pop().close()


def hold() -> None:
    """Before a fork: wait until no thread is inside SQLite, and keep it so."""
    entrance.lock.acquire()
    held.extend(connections)
    for connection in held:
        connection.gate.acquire()


def let_go() -> None:
    """After a fork, in the parent."""
    while held:
        held.pop().gate.release()
    entrance.lock.release()


def keep_for_ever(handles: list[sqlite3.Connection]) -> None:
    """Take a reference that is never given back: the end of the interpreter would close them."""
    if handles:
        import ctypes  # noqa: PLC0415 - takes 7 ms, and few processes are forked children

        for raw in handles:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(raw))


def abandon() -> None:
    """After a fork, in the child: new locks, no connections, and the old ones never closed."""
    entrance.lock = threading.RLock()
    inherited = [connection.raw for connection in held] + graves
    keep_for_ever(inherited)
    held.clear()
    graves.clear()
    connections.clear()
    for owner in list(owners):
        owner.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=hold, after_in_parent=let_go, after_in_child=abandon)
