"""What the fault tests run in processes of their own: `python sqlite_worker.py <command> ...`.

Every acknowledged entry is reported on standard output, so that the test knows what must not be
lost when the process is killed.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import threading
import time

from llmcache.backends.base import Entry, Scope
from llmcache.backends.sqlite import SQLiteBackend
from llmcache.errors import BackendError

SCOPE = Scope("faults", "shop.extract")


def key_of(number: int) -> str:
    """The key of an entry, as keys look."""
    return hashlib.sha256(b"%d" % number).hexdigest()


def value_of(number: int) -> bytes:
    """The value that belongs to a key, of 32 bytes to 9 kB."""
    return hashlib.sha256(b"value %d" % number).digest() * (1 + number * 37 % 281)


def entry_of(number: int) -> Entry:
    """The whole entry."""
    return Entry(value_of(number), SCOPE, time.time())


def fill(path: str, first: str, count: str) -> None:
    """Put entries one after the other, and say each that is acknowledged."""
    with SQLiteBackend(path, timeout=30.0) as backend:
        for number in range(int(first), int(first) + int(count)):
            backend.put(key_of(number), entry_of(number))
            os.write(1, b"%d\n" % number)


def attempt(path: str, first: str, count: str) -> None:
    """As `fill`, but go on after failures, as a cache does; say how many there were."""
    failures = 0
    with SQLiteBackend(path, timeout=0.2) as backend:
        for number in range(int(first), int(first) + int(count)):
            try:
                backend.put(key_of(number), entry_of(number))
            except BackendError:
                failures += 1
            else:
                os.write(1, b"%d\n" % number)
    os.write(1, b"failures %d\n" % failures)


def hold(path: str) -> None:
    """Hold the write lock until standard input ends."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN EXCLUSIVE")
    os.write(1, b"held\n")
    sys.stdin.read()
    raw.execute("ROLLBACK")


def lease(path: str, key: str, seconds: str) -> None:
    """Take a lease and wait to be killed."""
    backend = SQLiteBackend(path)
    claim = backend.claim(key, SCOPE, "the leader", float(seconds), max_age=None)
    os.write(1, b"leased\n" if claim.held is None else b"refused\n")
    sys.stdin.read()


def exit_with_threads(path: str) -> None:
    """End the interpreter while threads write."""
    backend = SQLiteBackend(path)
    backend.put(key_of(0), entry_of(0))
    started = threading.Barrier(5)

    def write(first: int) -> None:
        started.wait()
        for number in range(first, first + 10_000):
            backend.put(key_of(number), entry_of(number))

    for first in range(4):
        threading.Thread(target=write, args=(first * 10_000,), daemon=True).start()
    started.wait()
    os.write(1, b"0\n")


def fork_while_busy(path: str, forks: str) -> None:
    """Fork again and again while threads use the store; each child must be able to as well."""
    backend = SQLiteBackend(path, timeout=10.0)
    stop = threading.Event()

    def work(first: int) -> None:
        number = first
        while not stop.is_set():
            backend.put(key_of(number % 97), entry_of(number % 97))
            backend.get(key_of((number + 1) % 97))
            number += 1

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(int(forks)):
            inherited = backend.sessions.here.connection
            child = os.fork()
            if child == 0:
                check_in_child(backend, inherited, 1000 + number)
            os.waitpid(child, 0)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    backend.close()


def check_in_child(backend: SQLiteBackend, inherited: object, number: int) -> None:
    """Write and read in a forked child, say the number, and end it."""
    try:
        backend.put(key_of(number), entry_of(number))
        found = backend.get(key_of(number))
        own = backend.sessions.here.connection
        if isinstance(found, Entry) and found.value == value_of(number) and own is not inherited:
            os.write(1, b"%d\n" % number)
    finally:
        os._exit(0)


def prefork(path: str, workers: str) -> None:
    """Open in a parent, fork workers that serve, as `gunicorn --preload` does."""
    backend = SQLiteBackend(path, timeout=30.0)
    backend.put(key_of(0), entry_of(0))
    children = []
    for worker in range(1, int(workers) + 1):
        child = os.fork()
        if child == 0:
            serve(backend, 1000 * worker)
        children.append(child)
    for number in range(1, 30):
        backend.put(key_of(number), entry_of(number))
        os.write(1, b"%d\n" % number)
    for child in children:
        os.waitpid(child, 0)
    backend.close()


def serve(backend: SQLiteBackend, first: int) -> None:
    """Write some entries in two threads, say each, and end the process as Python ends."""

    def write(start: int) -> None:
        for number in range(start, start + 15):
            backend.put(key_of(number), entry_of(number))
            os.write(1, b"%d\n" % number)

    threads = [threading.Thread(target=write, args=(first + 100 * index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backend.close()
    sys.exit(0)


def as_nobody(path: str) -> None:
    """Use the store as a user who may not."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        SQLiteBackend(path).get(key_of(0))
    except BackendError as error:
        os.write(1, f"{type(error).__name__}: {error}\n".encode())


def without_descriptors(path: str, first: str) -> None:
    """Open while no file descriptor is left, then with some again."""
    import resource

    backend = SQLiteBackend(path)
    highest = os.dup(0)
    os.close(highest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, resource.getrlimit(7)[1]))
    for _ in range(3):
        try:
            backend.put(key_of(int(first)), entry_of(int(first)))
        except BackendError as error:
            os.write(1, f"{type(error).__name__}\n".encode())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, resource.getrlimit(7)[1]))
    backend.put(key_of(int(first)), entry_of(int(first)))
    os.write(1, b"%d\n" % int(first))
    backend.close()


COMMANDS = {
    "as_nobody": as_nobody,
    "attempt": attempt,
    "exit_with_threads": exit_with_threads,
    "fill": fill,
    "fork_while_busy": fork_while_busy,
    "hold": hold,
    "lease": lease,
    "prefork": prefork,
    "without_descriptors": without_descriptors,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
