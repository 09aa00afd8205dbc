"""What one exchange may take, of servers that freeze or trickle and of loops that stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from llmcache.backends.patience import patience
from llmcache.backends.redis.backend import RedisBackend
from llmcache.backends.redis.connections import Limit, LimitedSocket
from llmcache.clock import SYSTEM
from llmcache.errors import BackendUnavailableError
from llmcache.flight.leases import LIFE
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import KEY, SCOPE
from llmcache.testing.contract.base import an_entry as entry_of
from llmcache.testing.redis import RedisServer

redis = pytest.importorskip("redis")
aioredis = pytest.importorskip("redis.asyncio")

an_entry = partial(entry_of, ManualClock())
LONG = 60
"""A time-out that no test lasts."""

SOON = 20
"""Seconds within which ends what would otherwise last `LONG`."""


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
        backend.append(RedisBackend(client, timeout=LONG))
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
        stands_still = pytest.raises(BackendUnavailableError, match="stands still")
        with quickly(), patience(0.2), stands_still:
            backend[0].renew(KEY, "token", LIFE)
        go_on.set()
