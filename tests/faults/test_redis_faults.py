"""A server that is killed, frozen, full or read-only: calls get a `BackendError` or go on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self

import pytest

from llmcache.backends.base import Entry, Nothing
from llmcache.backends.patience import patience
from llmcache.backends.redis.backend import RedisBackend
from llmcache.backends.redis.breaker import LONGEST_PAUSE
from llmcache.errors import BackendUnavailableError
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import KEY, OTHER, SCOPE
from llmcache.testing.contract.base import an_entry as entry_of
from llmcache.testing.redis import RedisServer, server_or_skip

redis = pytest.importorskip("redis")
aioredis = pytest.importorskip("redis.asyncio")

an_entry = partial(entry_of, ManualClock())
HANG = 30
"""Seconds that no exchange lasts, and after which a wait is reported as a hang."""


@pytest.fixture
def clock() -> ManualClock:
    """Moves the breaker's pauses, so that no test sleeps through them."""
    return ManualClock()


@pytest.fixture
def backend(server: RedisServer, clock: ManualClock) -> Iterator[RedisBackend]:
    with RedisBackend(server.url, clock=clock, timeout=HANG) as backend:
        yield backend


class Load:
    """Threads that use a backend without pause, each on keys of its own, and check every answer."""

    def __init__(self, backend: RedisBackend, threads: int = 8) -> None:
        self.backend = backend
        self.changed = threading.Condition()
        self.over = False
        self.good = [0] * threads
        self.failed = [0] * threads
        self.wrong: list[object] = []
        self.threads = [threading.Thread(target=self.use, args=(n,)) for n in range(threads)]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        for thread in self.threads:
            thread.join(HANG)
        assert not any(thread.is_alive() for thread in self.threads), "a call hangs"
        assert self.wrong == []

    def use(self, number: int) -> None:
        turn = 0
        while not self.over:
            turn += 1
            try:
                self.take_turn(f"{number}-{turn % 5}")
                counted = self.good
            except BackendUnavailableError:
                counted = self.failed
            except BaseException as error:  # noqa: BLE001 - whatever it is, the test reports it
                self.wrong.append(error)
                return
            with self.changed:
                counted[number] += 1
                self.changed.notify_all()

    def take_turn(self, key: str) -> None:
        claim = self.backend.claim(key, SCOPE, "token", 8, max_age=0)
        self.backend.settle(key, "token", an_entry(key.encode()), claim.epoch)
        found = self.backend.get(key)
        if found not in (an_entry(key.encode()), Nothing.ABSENT):
            self.wrong.append((key, found))

    def wait_for_all(self, counts: list[int], meanwhile: Callable[[], object] = bool) -> None:
        """Until each thread has counted one more; `meanwhile` is done before, and each second."""
        before = list(counts)

        def all_have() -> bool:
            more = all(now > then for now, then in zip(counts, before, strict=True))
            return bool(self.wrong) or more

        with self.changed:
            for _ in range(HANG):
                meanwhile()
                if self.changed.wait_for(all_have, 1):
                    return
        raise AssertionError(counts, before)


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_under_load_only_backend_errors_arise_and_caching_resumes(
    server: RedisServer, clock: ManualClock, fault: str
) -> None:
    """Within the longest pause after the last failure, which a busy thread may tell late."""
    begin, end = {
        "killed": (server.kill, server.start),
        "frozen": (server.freeze, server.thaw),
    }[fault]
    with RedisBackend(server.url, clock=clock) as backend, Load(backend) as load:
        for _ in range(2):
            load.wait_for_all(load.good)
            begin()
            load.wait_for_all(load.failed)
            end()
            load.wait_for_all(load.good, meanwhile=lambda: clock.advance(LONGEST_PAUSE))


def test_a_restart_between_two_calls_is_not_even_noticed(
    server: RedisServer, backend: RedisBackend
) -> None:
    """The connection in the pool is dead and the scripts are forgotten; both are replaced."""
    backend.put(KEY, an_entry())
    backend.claim(OTHER, SCOPE, "token", 8, max_age=None)
    server.kill()
    server.start()
    assert backend.get(KEY) is Nothing.ABSENT
    claim = backend.claim(KEY, SCOPE, "token", 8, max_age=None)
    assert backend.settle(KEY, "token", an_entry(), claim.epoch)


async def test_a_restart_between_two_async_calls_is_not_even_noticed(
    server: RedisServer, backend: RedisBackend
) -> None:
    await backend.aput(KEY, an_entry())
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    claim = await backend.aclaim(KEY, SCOPE, "token", 8, max_age=None)
    assert claim.entry is Nothing.ABSENT
    assert await backend.asettle(KEY, "token", an_entry(), claim.epoch)
    await backend.aclose()


def test_a_frozen_server_is_asked_once_then_left_alone(
    server: RedisServer, backend: RedisBackend
) -> None:
    """Once frozen, it has one command before it, however many calls there were."""
    backend.put(KEY, an_entry())
    server.say("CONFIG", "RESETSTAT")
    server.freeze()
    for _ in range(1000):
        with patience(0.2), pytest.raises(BackendUnavailableError):
            backend.get(KEY)
    server.thaw()
    told = server.say("INFO", "stats")
    assert b"total_connections_received:1\r\n" in told, "more than that which asks for it"
    assert commands(server, "get") == 1


def commands(server: RedisServer, name: str) -> int:
    """How often the server has carried out a command since its counts began."""
    told = server.say("INFO", "commandstats").partition(f"cmdstat_{name}:calls=".encode())[2]
    return int(told.partition(b",")[0] or 0)


def test_a_late_reply_is_not_taken_for_another_keys(
    server: RedisServer, backend: RedisBackend, clock: ManualClock
) -> None:
    backend.put(KEY, an_entry(b"1"))
    backend.put(OTHER, an_entry(b"2"))
    server.freeze()
    with patience(0.1), pytest.raises(BackendUnavailableError):
        backend.get(KEY)
    server.thaw()
    clock.advance(LONGEST_PAUSE)
    assert backend.get(OTHER) == an_entry(b"2")


async def test_cancelled_calls_leave_no_reply_behind(server: RedisServer) -> None:
    entries = {str(number): an_entry(str(number).encode()) for number in range(20)}
    async with RedisBackend(server.url, timeout=HANG) as backend:
        await asyncio.gather(*(backend.aput(key, entry) for key, entry in entries.items()))
        server.freeze()
        waiting = [asyncio.ensure_future(backend.aget(key)) for key in entries]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(end) for end in ended} == {asyncio.CancelledError}
        server.thaw()
        found = await asyncio.gather(*(backend.aget(key) for key in entries))
        assert found == list(entries.values())
        assert commands(server, "get") == 40, "each had been sent"


async def test_two_hundred_tasks_meet_a_frozen_server_and_its_return(
    server: RedisServer, clock: ManualClock
) -> None:
    async with RedisBackend(server.url, clock=clock, timeout=HANG) as backend:
        await backend.aput(KEY, an_entry())
        server.freeze()
        with patience(1.0):
            calls = [backend.aget(KEY) for _ in range(200)]
            ended = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(end) for end in ended} == {BackendUnavailableError}
        server.thaw()
        clock.advance(LONGEST_PAUSE)
        assert await backend.aget(KEY) == an_entry()
        found = await asyncio.gather(*(backend.aget(KEY) for _ in range(200)))
        assert set(map(type, found)) == {Entry}


async def test_a_loop_that_was_busy_is_not_the_servers_fault(server: RedisServer) -> None:
    async with RedisBackend(server.url, timeout=HANG) as backend:
        await backend.aput(KEY, an_entry())
        backend.wire.timeout = 0.1
        reading = asyncio.ensure_future(backend.aget(KEY))
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - the fault: user code that blocks the loop
        assert await reading == an_entry()


def test_a_full_server_still_gives_what_it_has() -> None:
    options = ("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
    with server_or_skip(*options) as server, RedisBackend(server.url, timeout=HANG) as backend:
        backend.put(KEY, an_entry())
        with pytest.raises(BackendUnavailableError, match="memory"):
            fill(backend)
        assert backend.get(KEY) == an_entry()
        assert backend.claim(KEY, SCOPE, "token", 8, max_age=None).entry == an_entry()
        with pytest.raises(BackendUnavailableError):
            backend.claim(OTHER, SCOPE, "token", 8, max_age=None)
        with pytest.raises(BackendUnavailableError):
            backend.put_many({"x": an_entry(), "y": an_entry()})
        assert backend.get_many(["x", "y"]) == {}
        assert backend.wire.breaker.closed
        assert backend.clear(SCOPE) > 0
        backend.put(OTHER, an_entry())
        assert backend.get(OTHER) == an_entry()


def fill(backend: RedisBackend) -> None:
    """Twenty megabytes."""
    for number in range(200):
        backend.put(str(number), an_entry(bytes(100_000)))


def test_a_server_that_became_a_replica_still_gives_what_it_has(
    server: RedisServer, backend: RedisBackend
) -> None:
    """As after a failover: reads go on, writes fail at once, and it is back by itself."""
    backend.put(KEY, an_entry())
    server.say("REPLICAOF", "127.0.0.1", "1")
    assert backend.get(KEY) == an_entry()
    assert backend.claim(KEY, SCOPE, "token", 8, max_age=None).entry == an_entry()
    refused: list[Callable[[], Any]] = [
        lambda: backend.put(KEY, an_entry()),
        lambda: backend.claim(OTHER, SCOPE, "token", 8, max_age=None),
        lambda: backend.invalidate(KEY, SCOPE),
        lambda: backend.clear(SCOPE),
    ]
    for write in refused:
        with pytest.raises(BackendUnavailableError, match=r"(?i)read.?only"):
            write()
    server.say("REPLICAOF", "NO", "ONE")
    backend.put(KEY, an_entry(b"new"))
    assert backend.get(KEY) == an_entry(b"new")


def test_a_wrong_password_is_unavailable_and_shown_nowhere() -> None:
    with server_or_skip("--requirepass", "right") as server:
        right = server.url.replace("//", "//:right@")
        with RedisBackend(right, timeout=HANG) as backend:
            backend.put(KEY, an_entry())
            assert backend.get(KEY) == an_entry()
        with RedisBackend(server.url.replace("//", "//:hunter2@")) as backend:
            with pytest.raises(BackendUnavailableError) as caught:
                backend.get(KEY)
            assert "hunter2" not in f"{caught.value!r}{caught.value.__cause__!r}"


@pytest.mark.parametrize("kind", ["LPUSH", "SADD"])
def test_a_value_of_another_type_is_damaged_and_heals(
    backend: RedisBackend, server: RedisServer, kind: str
) -> None:
    server.say(kind, backend.names.value(KEY), "planted")
    assert backend.get(KEY) is Nothing.DAMAGED
    assert backend.get_many([KEY]) == {}
    claim = backend.claim(KEY, SCOPE, "token", 8, max_age=None)
    assert (claim.entry, claim.held) == (Nothing.DAMAGED, None)
    assert (list(backend.entries()), backend.clear(SCOPE)) == ([], 0)
    assert backend.settle(KEY, "token", an_entry(), backend.epoch(KEY, SCOPE))
    assert backend.get(KEY) == an_entry()


def test_who_finds_a_damaged_entry_has_the_lease(
    backend: RedisBackend, server: RedisServer
) -> None:
    """The server takes it for live, as its times look right; the checksum does not."""
    backend.put(KEY, an_entry())
    server.say("APPEND", backend.names.value(KEY), "x")
    first = backend.claim(KEY, SCOPE, "first", 8, max_age=None)
    second = backend.claim(KEY, SCOPE, "second", 8, max_age=None)
    assert (first.entry, first.held) == (Nothing.DAMAGED, None)
    assert second.held is not None


def test_children_forked_under_load_have_connections_of_their_own(
    backend: RedisBackend, forked: Any
) -> None:
    backend.put(KEY, an_entry())
    with Load(backend) as load:
        load.wait_for_all(load.good)
        for _ in range(20):
            assert forked(lambda: backend.get(KEY) == an_entry())()
        assert sum(load.failed) == 0


async def test_a_child_forked_from_a_loop_leaves_the_parents_connections_alone(
    backend: RedisBackend, forked: Any
) -> None:
    async def use() -> bool:
        await backend.aput(OTHER, an_entry(b"child"))
        return await backend.aget(KEY) == an_entry()

    await backend.aput(KEY, an_entry())
    with backend.wire.clients.lock, backend.wire.breaker.lock:  # type: ignore[attr-defined]
        assert forked(lambda: asyncio.run(use()))()
    found = await asyncio.gather(*(backend.aget(KEY) for _ in range(20)))
    assert set(map(type, found)) == {Entry}
    await backend.aclose()
