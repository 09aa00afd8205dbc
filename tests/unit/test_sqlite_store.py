"""What this store does beyond the contract: bounds, uses, connections, event loops, the view."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from llmcache.backends.base import Entry, Nothing, Scope
from llmcache.backends.sqlite import SQLiteBackend
from llmcache.backends.sqlite.file import only_looking
from llmcache.backends.workers import workers
from llmcache.errors import BackendUnavailableError, BackendWarning
from llmcache.testing import ManualClock

SCOPE = Scope("tenant", "shop.extract")


def key_of(number: int) -> str:
    """A key, as keys look."""
    return f"{number:064x}"


@pytest.fixture
def clock() -> ManualClock:
    """The time, which stands still."""
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "answers.db"


@pytest.fixture
def backend(path: Path, clock: ManualClock) -> Iterator[SQLiteBackend]:
    """An empty store."""
    with SQLiteBackend(path, clock=clock) as backend:
        yield backend


def entry_at(clock: ManualClock, value: bytes = b"answer", ttl: float | None = None) -> Entry:
    """An entry made now."""
    return Entry(value, SCOPE, clock.time(), None if ttl is None else clock.time() + ttl)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What another program reads."""
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(sql).fetchall()


# Bounds


def test_the_bound_of_bytes_holds_for_all_files_together(path: Path, clock: ManualClock) -> None:
    chance = random.Random(7)  # noqa: S311 - sizes
    bound = 1 << 20
    with SQLiteBackend(path, max_bytes=bound, clock=clock) as backend:
        largest = 0
        for number in range(400):
            clock.advance(1)
            value = chance.randbytes(chance.randrange(100, 20_000))
            backend.put(key_of(number), entry_at(clock, value))
            largest = max(largest, backend.size())
        assert largest <= 1.2 * bound
        count = backend.count()
        assert count > 40
        kept = [backend.get(key_of(399 - age)) for age in range(count)]
        assert Nothing.ABSENT not in kept, "the newest are kept"
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_lowered_bound_is_reached_by_pruning(path: Path, clock: ManualClock) -> None:
    with SQLiteBackend(path, clock=clock) as backend:
        for number in range(400):
            clock.advance(1)
            backend.put(key_of(number), entry_at(clock, bytes(5000)))
        assert backend.size() > 2_000_000
    with SQLiteBackend(path, max_bytes=500_000, clock=clock) as backend:
        assert backend.prune() > 300
        assert backend.size() < 600_000
        assert isinstance(backend.get(key_of(399)), Entry)


@pytest.mark.parametrize(("bound", "size"), [(300_000, 100), (500_000, 100), (2_000_000, 1000)])
def test_a_small_bound_holds_while_entries_expire_and_are_used(
    path: Path, clock: ManualClock, bound: int, size: int
) -> None:
    """What is cleaned up and written down at once makes the log longer, which counts as well."""
    chance = random.Random(1)  # noqa: S311 - keys as they look, and lives
    with SQLiteBackend(path, max_bytes=bound, clock=clock) as backend:
        largest = 0
        for number in range(1500):
            clock.advance(0.01)
            key = f"{chance.getrandbits(256):064x}"
            backend.put(key, entry_at(clock, chance.randbytes(size), chance.choice([3, 1000])))
            if number % 5 == 0:
                backend.get(key)
            largest = max(largest, backend.size())
        assert backend.count() > bound // (size + 1000)
    assert 0.5 * bound < largest <= 1.2 * bound


def test_a_lowered_bound_is_approached_by_puts(path: Path, clock: ManualClock) -> None:
    with SQLiteBackend(path, clock=clock) as backend:
        backend.put_many({key_of(number): entry_at(clock, bytes(5000)) for number in range(2000)})
    with SQLiteBackend(path, max_bytes=1_000_000, clock=clock) as backend:
        for number in range(2000, 2200):
            backend.put(key_of(number), entry_at(clock, bytes(100)))
        assert backend.size() <= 1_200_000
        assert isinstance(backend.get(key_of(2000)), Entry)


def test_one_write_removes_two_hundred_entries_at_most(path: Path, clock: ManualClock) -> None:
    with SQLiteBackend(path, clock=clock) as backend:
        backend.put_many({key_of(number): entry_at(clock) for number in range(1000)})
    with SQLiteBackend(path, max_entries=10, clock=clock) as backend:
        backend.put(key_of(1000), entry_at(clock))
        assert backend.count() == 1000 - 200 + 1
        assert backend.prune() == 801 - 10


@pytest.mark.parametrize("later", [1, 90])
def test_who_was_stored_again_or_used_goes_after_those_who_were_not(
    path: Path, clock: ManualClock, later: float
) -> None:
    with SQLiteBackend(path, max_entries=5, clock=clock) as backend:
        for number in range(5):
            clock.advance(1)
            backend.put(key_of(number), entry_at(clock))
        clock.advance(later)
        backend.get(key_of(1))
        clock.advance(1)
        backend.put(key_of(0), entry_at(clock, b"again"))
        for number in range(5, 8):
            clock.advance(1)
            backend.put(key_of(number), entry_at(clock))
        assert [listed.key for listed in backend.entries()][-1] == key_of(0 if later < 60 else 1)
        kept = [isinstance(backend.get(key_of(number)), Entry) for number in range(8)]
    assert kept == [True, True, False, False, False, True, True, True]


def test_what_has_expired_goes_before_anything_that_lives(path: Path, clock: ManualClock) -> None:
    with SQLiteBackend(path, max_entries=10, clock=clock) as backend:
        for number in range(10):
            backend.put(key_of(number), entry_at(clock, ttl=10 if number >= 5 else None))
        clock.advance(11)
        for number in range(10, 13):
            backend.put(key_of(number), entry_at(clock))
        kept = [isinstance(backend.get(key_of(number)), Entry) for number in range(13)]
    assert kept == [True] * 5 + [False] * 5 + [True] * 3


def test_entries_that_are_older_than_others_when_they_come_take_their_place_in_the_order(
    backend: SQLiteBackend, clock: ManualClock
) -> None:
    backend.put_many({key_of(number): entry_at(clock) for number in range(50)})
    old = entry_at(clock)._replace(created=clock.time() - 86_400)
    backend.put_many({key_of(number): old for number in range(50, 100)})
    assert backend.count() == 100
    listed = [int(listed.key, 16) for listed in backend.entries()]
    assert listed[:50] == list(range(49, -1, -1))
    assert sorted(listed[50:]) == list(range(50, 100))


def test_an_entry_larger_than_the_store_is_refused_and_costs_nothing(
    path: Path, clock: ManualClock
) -> None:
    with SQLiteBackend(path, max_bytes=200_000, clock=clock) as backend:
        backend.put(key_of(1), entry_at(clock))
        with pytest.raises(BackendUnavailableError, match="raise max_bytes"):
            backend.put(key_of(2), entry_at(clock, bytes(200_000)))
        assert isinstance(backend.get(key_of(1)), Entry)


# Uses


def hits(path: Path) -> dict[object, object]:
    """Hits by key as they stand in the file."""
    return {key: count for key, count in rows(path, "SELECT key, hits FROM entry") if count}


def test_a_hit_writes_nothing_until_a_minute_has_gone(
    backend: SQLiteBackend, path: Path, clock: ManualClock
) -> None:
    backend.put(key_of(1), entry_at(clock))
    log = path.with_name("answers.db-wal")
    before = log.stat()
    for _ in range(10):
        backend.get(key_of(1))
    assert log.stat().st_mtime_ns == before.st_mtime_ns
    assert hits(path) == {}
    clock.advance(61)
    backend.get(key_of(1))
    assert hits(path) == {key_of(1): 11}


def test_hits_are_written_when_closing(path: Path, clock: ManualClock) -> None:
    with SQLiteBackend(path, clock=clock) as backend:
        backend.put(key_of(1), entry_at(clock))
        backend.get(key_of(1))
    assert hits(path) == {key_of(1): 1}


def test_hits_are_written_by_the_next_write_after_a_minute(
    backend: SQLiteBackend, path: Path, clock: ManualClock
) -> None:
    backend.put(key_of(1), entry_at(clock))
    backend.get(key_of(1))
    backend.put(key_of(2), entry_at(clock))
    assert hits(path) == {}
    for seconds in (30, 31):
        clock.advance(seconds)
        backend.claim(key_of(1), SCOPE, "me", 10, max_age=None)
    backend.put(key_of(2), entry_at(clock))
    assert hits(path) == {key_of(1): 3}


def test_reading_many_at_once_counts_as_no_use(path: Path, clock: ManualClock) -> None:
    """So that an export of all neither changes what is evicted nor gathers a use a key."""
    with SQLiteBackend(path, clock=clock) as backend:
        backend.put(key_of(1), entry_at(clock))
        assert len(backend.get_many([key_of(1)])) == 1
    assert hits(path) == {}


def test_a_locked_file_does_not_hold_up_a_hit_that_is_due_to_be_written(
    backend: SQLiteBackend, path: Path, clock: ManualClock
) -> None:
    backend.put(key_of(1), entry_at(clock))
    backend.get(key_of(1))
    clock.advance(61)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert isinstance(backend.get(key_of(1)), Entry)
        assert isinstance(backend.get(key_of(1)), Entry)
    clock.advance(61)
    backend.get(key_of(1))
    assert hits(path) == {key_of(1): 4}


# Connections


def open_files(path: Path) -> int:
    """Descriptors of this process on the database."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found += link.readlink() == path
    return found


def in_thread(work: Callable[[], object]) -> None:
    """Do something in a thread of its own."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")


@needs_proc
def test_connections_end_with_their_threads(
    backend: SQLiteBackend, path: Path, clock: ManualClock
) -> None:
    backend.put(key_of(1), entry_at(clock))
    for _ in range(20):
        in_thread(lambda: backend.get(key_of(1)))
    assert open_files(path) <= 2, "one that SQLite keeps back for its locks"
    assert len(backend.sessions.connections) == 1


@needs_proc
def test_closing_closes_the_connections_of_all_threads(path: Path, clock: ManualClock) -> None:
    backend = SQLiteBackend(path, clock=clock)
    opened, finish = threading.Barrier(2), threading.Event()
    found: list[BaseException] = []

    def work() -> None:
        backend.put(key_of(1), entry_at(clock))
        opened.wait()
        finish.wait()
        try:
            backend.get(key_of(1))
        except BackendUnavailableError as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    opened.wait()
    backend.close()
    assert open_files(path) == 0
    finish.set()
    thread.join()
    assert "is closed" in str(found[0])
    assert not path.with_name("answers.db-wal").exists(), "the last one to close clears up"


def test_closing_twice_is_once_and_using_it_after_is_refused(
    backend: SQLiteBackend, clock: ManualClock
) -> None:
    backend.put(key_of(1), entry_at(clock))
    backend.close()
    backend.close()
    with pytest.raises(BackendUnavailableError, match="is closed"):
        backend.get(key_of(1))


def test_one_that_was_never_closed_says_so(path: Path) -> None:
    backend: SQLiteBackend | None = SQLiteBackend(path)
    assert backend is not None
    backend.get(key_of(1))
    with pytest.warns(ResourceWarning, match="was not closed"):
        backend = None


def test_a_failure_does_not_hold_on_to_the_connection(
    backend: SQLiteBackend, clock: ManualClock
) -> None:
    """Else the garbage collector ends a thread's connection, and may begin with SQLite's handle."""
    backend.put(key_of(1), entry_at(clock))
    gc.collect()
    held: list[weakref.ref[Any]] = []

    def fail() -> None:
        with only_looking(), pytest.raises(BackendUnavailableError):
            backend.put(key_of(2), entry_at(clock))
        held.append(weakref.ref(backend.sessions.here.connection))

    gc.disable()
    try:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        (connection,) = held
        assert connection() is None
    finally:
        gc.enable()


def test_one_that_was_never_used_has_nothing_to_close(path: Path) -> None:
    backend = SQLiteBackend(path)
    del backend
    gc.collect()


def test_a_read_leaves_no_transaction_open(backend: SQLiteBackend, clock: ManualClock) -> None:
    """One that stayed open would keep the log from ever being cut."""
    backend.put(key_of(1), entry_at(clock))
    for read in (
        lambda: backend.get(key_of(1)),
        lambda: backend.claim(key_of(1), SCOPE, "me", 10, max_age=None),
        backend.invalidations,
        lambda: backend.get_many([key_of(1)]),
        lambda: next(backend.entries()),
        lambda: backend.get_manifest("none"),
    ):
        read()
        with closing(sqlite3.connect(backend.path)) as other:
            busy = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        assert busy == 0


# Processes


def test_a_forked_child_begins_anew_and_leaves_the_parents_handles_alone(
    backend: SQLiteBackend, clock: ManualClock, forked: Any
) -> None:
    backend.put(key_of(1), entry_at(clock))
    backend.get(key_of(1))
    inherited = backend.sessions.here.connection

    def begin_anew() -> bool:
        forgotten = backend.sessions.here.connection is None and not backend.steps.usage.uses
        backend.put(key_of(2), entry_at(clock))
        own = backend.sessions.here.connection
        return forgotten and own is not None and own is not inherited

    assert forked(begin_anew)()
    assert isinstance(backend.get(key_of(2)), Entry)
    assert backend.sessions.here.connection is inherited


def test_a_forked_child_may_end_as_python_ends(path: Path, clock: ManualClock, forked: Any) -> None:
    """Not only by `os._exit`: the end of the interpreter must not close what it inherited."""
    backend = SQLiteBackend(path, clock=clock)
    backend.put(key_of(1), entry_at(clock))

    def end() -> bool:
        nonlocal backend
        backend.close()
        del backend
        gc.collect()
        return True

    assert forked(end)()
    assert path.with_name("answers.db-wal").exists()
    backend.put(key_of(2), entry_at(clock))
    backend.close()


# Event loops


async def test_a_hit_needs_no_thread_once_the_loop_has_its_connection(
    backend: SQLiteBackend, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backend.aput(key_of(1), entry_at(clock))
    await backend.aget(key_of(1))

    def refuse(*_: object) -> None:
        pytest.fail("a thread was asked for")

    monkeypatch.setattr(workers.pool, "submit", refuse)
    assert isinstance(await backend.aget(key_of(1)), Entry)
    assert await backend.aget(key_of(2)) is Nothing.ABSENT


async def test_the_loop_follows_when_the_file_is_replaced(
    backend: SQLiteBackend, clock: ManualClock, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmcache.backends.sqlite.sessions.TRUSTED_FOR", 0.0)
    await backend.aput(key_of(1), entry_at(clock))
    await backend.aget(key_of(1))
    for file in path.parent.iterdir():
        file.unlink()
    assert await backend.aget(key_of(1)) is Nothing.ABSENT
    own = backend.sessions.here.connection
    assert own is not None
    assert own.file == backend.store.identity()


@pytest.mark.parametrize("size", [2_000_000])
async def test_what_takes_time_is_not_done_on_the_loop(
    backend: SQLiteBackend, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Opening, writing, reading large values, waiting for locks."""
    loops: list[str] = []
    for name in ("perform", "open"):
        original = getattr(backend.sessions, name)

        def watched(*args: object, original: Callable[..., object] = original) -> object:
            loops.append(threading.current_thread().name)
            return original(*args)

        monkeypatch.setattr(backend.sessions, name, watched)
    await backend.aget(key_of(1))
    await backend.aput(key_of(1), entry_at(clock, bytes(size)))
    found = await backend.aget(key_of(1))
    assert isinstance(found, Entry)
    assert len(found.value) == size
    await backend.ainvalidate(key_of(1), SCOPE)
    assert threading.current_thread().name not in loops
    assert loops


async def test_many_tasks_on_one_loop(backend: SQLiteBackend, clock: ManualClock) -> None:
    async def use(number: int) -> bool:
        await backend.aput(key_of(number), entry_at(clock, b"%d" % number))
        found = await backend.aget(key_of(number))
        return isinstance(found, Entry) and found.value == b"%d" % number

    assert all(await asyncio.gather(*map(use, range(100))))


# What people and others see


def test_the_view_of_calls_reads_like_a_table(
    backend: SQLiteBackend, path: Path, clock: ManualClock
) -> None:
    backend.put(
        key_of(1),
        Entry(
            b"answer",
            SCOPE,
            clock.time(),
            clock.time() + 86_400,
            model="gpt-4o-mini",
            input_tokens=120,
            output_tokens=7,
            seconds=1.5,
        ),
    )
    with closing(sqlite3.connect(path)) as raw:
        raw.row_factory = sqlite3.Row
        (line,) = map(dict, raw.execute("SELECT * FROM calls"))
    assert line == {
        "namespace": "tenant",
        "function": "shop.extract",
        "model": "gpt-4o-mini",
        "input_tokens": 120,
        "output_tokens": 7,
        "size": 6,
        "hits": 0,
        "seconds": 1.5,
        "created": "2023-11-14T22:13:20Z",
        "expires": "2023-11-15T22:13:20Z",
        "used": "2023-11-14T22:13:20Z",
        "key": key_of(1),
    }


def test_two_keys_of_one_row_take_each_others_place(
    backend: SQLiteBackend, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It will not happen; if it does, nobody is served another's answer."""
    for module in ("rows", "operations"):
        monkeypatch.setattr(f"llmcache.backends.sqlite.{module}.hash_of", lambda _: 1)
    backend.put(key_of(1), entry_at(clock, b"one"))
    backend.put(key_of(2), entry_at(clock, b"two"))
    assert backend.get(key_of(1)) is Nothing.ABSENT
    assert backend.delete(key_of(1)) is False
    found = backend.get(key_of(2))
    assert isinstance(found, Entry)
    assert found.value == b"two"
    assert backend.count() == 1


def test_keys_forgotten_after_a_day_are_told_by_their_scope(
    backend: SQLiteBackend, path: Path, clock: ManualClock
) -> None:
    """A reader who slept through it drops the whole scope rather than keep what is outdated."""
    backend.invalidate(key_of(1), SCOPE)
    first = backend.invalidations()
    backend.invalidate(key_of(2), SCOPE)
    clock.advance("2d")
    backend.prune()
    assert rows(path, "SELECT count(*) FROM invalidation") == [(1,)]
    assert backend.invalidated_since(first) == [SCOPE]
    assert backend.invalidated_since(backend.invalidations()) == []
    assert backend.epoch(key_of(2), SCOPE) == 0


def test_a_new_file_numbers_on_where_an_older_one_may_have_ended(
    path: Path, clock: ManualClock
) -> None:
    with SQLiteBackend(path, clock=clock) as backend:
        backend.clear(SCOPE)
        before = backend.invalidations()
    path.unlink()
    clock.advance(1)
    with SQLiteBackend(path, clock=clock) as backend:
        assert backend.invalidations() == 0
        backend.clear(SCOPE)
        assert backend.invalidations() > before


def test_on_a_network_file_system_it_does_without_shared_memory_and_says_so(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmcache.backends.sqlite.sessions.network_filesystem", lambda _: "nfs4")
    with SQLiteBackend(path, clock=clock) as backend:
        with pytest.warns(BackendWarning, match="network file system"):
            backend.put(key_of(1), entry_at(clock))
        in_thread(lambda: backend.get(key_of(1)))  # a second warning would be an error
        assert isinstance(backend.get(key_of(1)), Entry)
        assert not path.with_name("answers.db-shm").exists()
    assert rows(path, "PRAGMA journal_mode") == [("delete",)]


# Clocks


def test_a_clock_that_goes_back_a_day_keeps_what_is_there(
    backend: SQLiteBackend, clock: ManualClock
) -> None:
    backend.put(key_of(1), entry_at(clock, ttl=3600))
    clock.set(clock.time() - 86_400)
    assert isinstance(backend.get(key_of(1)), Entry)


def test_an_entry_from_more_than_a_day_ahead_is_unreadable_and_replaced(
    backend: SQLiteBackend, clock: ManualClock
) -> None:
    backend.put(key_of(1), entry_at(clock))
    clock.set(clock.time() - 86_401)
    assert backend.get(key_of(1)) is Nothing.DAMAGED
    claim = backend.claim(key_of(1), SCOPE, "me", 10, max_age=None)
    assert (claim.entry, claim.held) == (Nothing.DAMAGED, None)
    assert backend.settle(key_of(1), "me", entry_at(clock, b"new"), claim.epoch)
    found = backend.get(key_of(1))
    assert isinstance(found, Entry)
    assert found.value == b"new"


def test_a_clock_that_goes_ahead_a_day_loses_only_what_ended_meanwhile(
    backend: SQLiteBackend, clock: ManualClock
) -> None:
    backend.put(key_of(1), entry_at(clock, ttl=3600))
    backend.put(key_of(2), entry_at(clock, ttl=14 * 86_400))
    backend.put(key_of(3), entry_at(clock))
    clock.set(clock.time() + 86_400)
    assert backend.prune() == 1
    assert [isinstance(backend.get(key_of(number)), Entry) for number in (1, 2, 3)] == [
        *(False, True, True),
    ]


def test_a_lease_does_not_outlive_a_clock_that_went_back(
    backend: SQLiteBackend, clock: ManualClock
) -> None:
    assert backend.claim(key_of(1), SCOPE, "first", 10, max_age=None).held is None
    assert backend.claim(key_of(1), SCOPE, "second", 10, max_age=None).held is not None
    clock.set(clock.time() - 86_400)
    assert backend.claim(key_of(1), SCOPE, "second", 10, max_age=None).held is None
