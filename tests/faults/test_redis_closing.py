"""What was opened is closed, by whoever uses it last, and closing waits for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from llmcache import cached_structured
from llmcache.backends.redis.backend import RedisBackend
from llmcache.clock import SYSTEM
from llmcache.errors import BackendUnavailableError
from llmcache.flight.leases import Lease, Renewals
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import KEY, OTHER
from llmcache.testing.contract.base import an_entry as entry_of
from llmcache.testing.redis import RedisServer

redis = pytest.importorskip("redis")
aioredis = pytest.importorskip("redis.asyncio")

an_entry = partial(entry_of, ManualClock())
LONG = 60
"""A time-out that no test lasts."""

SOON = 20
"""Seconds within which ends what would otherwise last `LONG`."""


def connections(server: RedisServer, name: str = "mine") -> int:
    """How many connections the server has that call themselves so."""
    return server.say("CLIENT", "LIST").count(f"name={name} ".encode())


def wait_until_closed(server: RedisServer) -> None:
    """Until the server, too, has noticed."""
    end = SYSTEM.monotonic() + SOON
    while connections(server):
        assert SYSTEM.monotonic() < end


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    """What is done inside is given up long before `LONG`."""
    began = SYSTEM.monotonic()
    yield
    assert SYSTEM.monotonic() - began < SOON


def test_what_is_used_after_closing_leaves_no_connection(server: RedisServer, mode: str) -> None:
    """As by the threads that renew leases and write the ledger, which outlive a backend."""
    backend = RedisBackend(f"{server.url}?client_name=mine", timeout=LONG)

    async def use() -> object:
        await backend.aput(KEY, an_entry())
        await backend.aclose()
        found = await backend.aget(KEY)
        await asyncio.to_thread(wait_until_closed, server)
        return found

    if mode == "async":
        assert asyncio.run(use()) == an_entry()
        return
    backend.put(KEY, an_entry())
    assert connections(server) == 1
    backend.close()
    assert backend.get(KEY) == an_entry()
    wait_until_closed(server)


def test_closing_in_the_middle_of_exchanges_leaves_no_connection_and_loses_none(
    server: RedisServer,
) -> None:
    """None of those that there may be: afterwards as many can be had as before."""
    backend = RedisBackend(f"{server.url}?client_name=mine&max_connections=4", timeout=LONG)
    backend.put(KEY, an_entry())
    together = threading.Barrier(5)

    def use() -> None:
        together.wait(SOON)
        for _ in range(200):
            assert backend.get(KEY) == an_entry()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    together.wait(SOON)
    for _ in range(20):
        backend.close()
    for thread in threads:
        thread.join()
    wait_until_closed(server)
    lines = backend.wire.clients.lines  # type: ignore[attr-defined]
    assert lines.idle.qsize() + lines.unopened == 4


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Transport]:
    """The transports of all connections that asyncio opens to a host."""
    opened: list[asyncio.Transport] = []
    open_connection = asyncio.open_connection

    async def noted(*where: object, **how: object) -> object:
        reader, writer = await open_connection(*where, **how)  # type: ignore[arg-type]
        opened.append(writer.transport)
        return reader, writer

    monkeypatch.setattr("asyncio.open_connection", noted)
    return opened


def unclosed(sockets: list[asyncio.Transport]) -> list[int]:
    """The descriptors that are open still."""
    numbers = [one.get_extra_info("socket").fileno() for one in sockets]
    return [number for number in numbers if number >= 0]


LARGE = bytes(20_000_000)
"""More than the buffers between us and a server take."""


async def test_a_frozen_server_keeps_no_descriptor_of_an_exchange_that_was_given_up(
    server: RedisServer, sockets: list[asyncio.Transport]
) -> None:
    async with RedisBackend(server.url, timeout=LONG) as backend:
        await backend.aget(KEY)
        server.freeze()
        backend.wire.timeout = 0.2
        with pytest.raises(BackendUnavailableError):
            await backend.aput(KEY, an_entry(LARGE))
        await asyncio.sleep(0)
        assert (len(sockets), unclosed(sockets)) == (1, [])
        server.thaw()


async def test_a_frozen_server_holds_up_no_closing(
    server: RedisServer, sockets: list[asyncio.Transport]
) -> None:
    """Nor does a cancellation in the middle of closing leave anything open."""
    backend = RedisBackend(server.url, timeout=LONG)
    await asyncio.gather(backend.aget(KEY), backend.aget(OTHER))
    server.freeze()
    storing = [asyncio.ensure_future(backend.aput(key, an_entry(LARGE))) for key in (KEY, OTHER)]
    while not all(one.get_write_buffer_size() for one in sockets):  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    with quickly():
        closing = asyncio.ensure_future(backend.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
    await asyncio.sleep(0)
    assert (len(sockets), unclosed(sockets[:2])) == (2, [])
    for task in storing:
        task.cancel()
    ended = await asyncio.gather(*storing, return_exceptions=True)
    assert {type(end) for end in ended} == {asyncio.CancelledError}
    await asyncio.sleep(0)
    assert unclosed(sockets) == []
    server.thaw()


# Leases that outlive the call


def test_closing_gives_back_what_is_left_of_the_leases_by_a_client_that_is_closed_next(
    server: RedisServer,
) -> None:
    """Nothing of it is left to a thread, which would open the user's client again."""
    for number in range(20):
        client = redis.Redis.from_url(f"{server.url}?client_name=mine")
        backend = RedisBackend(client)

        @cached_structured(backend=backend, version=1, name="interrupted")
        def ask(text: str) -> str:
            raise KeyboardInterrupt(text)

        with pytest.raises(KeyboardInterrupt):
            ask(str(number))
        backend.close()
        client.connection_pool.disconnect()
    wait_until_closed(server)
    assert b":l\r\n" not in server.say("KEYS", "llmcache:*")


def test_who_closes_waits_for_the_thread_that_gives_back() -> None:
    """Once closed, a backend is not asked any more."""
    backend, renewals = HeldUp(), Renewals()
    backend.begun.clear()
    lease = renewals.take(backend, KEY, "seat")
    lease.stands = True
    renewals.end(lease)
    assert backend.begun.wait(SOON), "the thread does not give it back"
    closing = threading.Thread(target=backend.flush_counts)
    closing.start()
    closing.join(0.05)
    still_waits = closing.is_alive()
    backend.go_on.set()
    closing.join(SOON)
    assert (still_waits, closing.is_alive(), backend.released) == (True, False, [KEY])


def test_a_lease_that_cannot_be_given_back_keeps_no_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only its token is remembered, for the next computation of the same."""
    monkeypatch.setattr(Renewals, "start", lambda _: None)
    renewals = Renewals()
    backend = RedisBackend("redis://127.0.0.1:1/0")
    lease = renewals.take(backend, KEY, "seat")
    lease.stands = True
    renewals.end(lease)
    backend.close()
    assert renewals.left == []
    assert not any(isinstance(one, Lease) for one in renewals.orphans.values())
    assert renewals.take(backend, KEY, "seat").token == lease.token


class HeldUp(RedisBackend):
    """Gives leases back only once it may."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.released: list[str] = []

    def release(self, key: str, token: str) -> None:
        self.begun.set()
        assert self.go_on.wait(SOON)
        self.released.append(key)
