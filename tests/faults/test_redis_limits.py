"""What one exchange may take, and that nothing stays open: with servers that freeze or trickle."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from llmcache import cached_structured
from llmcache.backends.patience import patience
from llmcache.backends.redis.backend import RedisBackend
from llmcache.backends.redis.connections import Limit, LimitedSocket
from llmcache.clock import SYSTEM
from llmcache.errors import BackendUnavailableError
from llmcache.flight.leases import LIFE, Lease, Renewals
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import KEY, OTHER, SCOPE
from llmcache.testing.contract.base import an_entry as entry_of
from llmcache.testing.redis import RedisServer, server_or_skip

redis = pytest.importorskip("redis")
aioredis = pytest.importorskip("redis.asyncio")

an_entry = partial(entry_of, ManualClock())
LONG = 60
"""A time-out that no test lasts."""

SOON = 20
"""Seconds within which ends what would otherwise last `LONG`."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with server_or_skip() as server:
        yield server


def connections(server: RedisServer, name: str = "mine") -> int:
    """How many connections the server has that call themselves so."""
    return server.say("CLIENT", "LIST").count(f"name={name} ".encode())


def wait_until_closed(server: RedisServer) -> None:
    """Until the server, too, has noticed."""
    end = SYSTEM.monotonic() + SOON
    while connections(server):
        assert SYSTEM.monotonic() < end


def asked(backend: RedisBackend, mode: str) -> object:
    """Ask for one key in one colour."""

    async def aget() -> object:
        return await backend.aget(KEY)

    return backend.get(KEY) if mode == "sync" else asyncio.run(aget())


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    """What is done inside is given up long before `LONG`."""
    began = SYSTEM.monotonic()
    yield
    assert SYSTEM.monotonic() - began < SOON


# What one exchange may take


@pytest.fixture
def trickling() -> Iterator[str]:
    """The URL of a server that answers a byte at a time, each well within any time-out."""
    over = threading.Event()

    def answer(caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            while b"GET" not in caller.recv(65_536):
                caller.sendall(b"+OK\r\n")
            caller.sendall(b"$600\r\n")
            for _ in range(602):
                over.wait(0.005)
                caller.sendall(b"x")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                answer(listener.accept()[0])

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0?client_name=mine"
    over.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_server_that_trickles_is_given_up(trickling: str, mode: str) -> None:
    """Not the single byte but the whole answer has the time-out."""
    with (
        RedisBackend(trickling, timeout=0.2) as backend,
        pytest.raises(BackendUnavailableError, match=r"(?i)time"),
    ):
        asked(backend, mode)


def test_a_call_waits_no_longer_than_it_has_patience(server: RedisServer, mode: str) -> None:
    with RedisBackend(server.url, timeout=LONG) as backend:
        asked(backend, mode)
        server.freeze()
        with quickly(), patience(0.05), pytest.raises(BackendUnavailableError, match=r"(?i)time"):
            asked(backend, mode)
        server.thaw()


def test_who_waits_for_a_connection_has_no_more_time_either(server: RedisServer) -> None:
    with RedisBackend(f"{server.url}?max_connections=1", timeout=LONG) as backend:
        backend.put(KEY, an_entry())
        server.freeze()
        found: list[object] = []
        first = threading.Thread(target=lambda: found.append(backend.get(KEY)))
        first.start()
        while backend.wire.clients.lines.idle.qsize():  # type: ignore[attr-defined]
            pass
        with quickly(), patience(0.05), pytest.raises(BackendUnavailableError, match="in use"):
            backend.get(KEY)
        server.thaw()
        first.join(LONG)
        assert found == [an_entry()]


@pytest.mark.parametrize("sent", [b"", b"+OK"])
def test_an_answer_that_came_while_the_thread_could_not_run_is_taken(sent: bytes) -> None:
    """One last look after the time is over, and no more."""
    near, far = socket.socketpair()
    with near, far:
        far.sendall(sent)
        limit = Limit()
        limit.begin(SYSTEM.monotonic() - 1)
        line = LimitedSocket(near, limit)
        if sent:
            assert line.recv(100) == sent
        with pytest.raises(TimeoutError):
            line.recv(100)
        with pytest.raises(TimeoutError):
            line.sendall(b"GET")


# Closing


def test_what_is_used_after_closing_leaves_no_connection(server: RedisServer, mode: str) -> None:
    """As by the threads that renew leases and write the ledger, which outlive a backend."""
    backend = RedisBackend(f"{server.url}?client_name=mine")

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
    async with RedisBackend(server.url, timeout=0.2) as backend:
        await backend.aget(KEY)
        server.freeze()
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


# A client that one event loop serves


@contextlib.contextmanager
def in_its_own_loop(
    work: Callable[[asyncio.AbstractEventLoop], None],
) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that another thread runs, until it is stopped."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=work, args=(loop,))
    thread.start()
    try:
        yield loop
    finally:
        thread.join(SOON)
        loop.close()


def test_a_lease_is_not_waited_for_whose_loop_stops_in_the_middle(server: RedisServer) -> None:
    """The thread that renews all leases of the process goes on."""
    backend: list[RedisBackend] = []
    ready, go_on = threading.Event(), threading.Event()

    async def claim() -> None:
        client = aioredis.Redis.from_url(server.url)
        backend.append(RedisBackend(client, timeout=0.2))
        await backend[0].aclaim(KEY, SCOPE, "token", LIFE, max_age=None)
        await client.connection_pool.disconnect()

    def run(loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(claim())
        loop.call_soon(ready.set)
        loop.call_soon(go_on.wait, SOON)
        loop.call_soon(loop.stop)
        loop.run_forever()

    with in_its_own_loop(run):
        assert ready.wait(SOON)
        with quickly(), pytest.raises(BackendUnavailableError, match="stands still"):
            backend[0].renew(KEY, "token", LIFE)
        go_on.set()
