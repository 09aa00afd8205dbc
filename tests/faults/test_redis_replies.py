"""A server that answers, but not what it was asked: calls go on, and caching comes back by itself.

Each fault is a real one of a real server.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmcache import RedisBackend, cached_structured, configure, record
from llmcache.backends.redis.breaker import LONGEST_PAUSE
from llmcache.errors import BackendWarning
from llmcache.events import BackendFailure
from llmcache.testing.clock import ManualClock
from llmcache.testing.redis import RedisServer, program_or_skip, running_sentinels, server_or_skip

redis = pytest.importorskip("redis")
sentinel = pytest.importorskip("redis.sentinel")
aio_sentinel = pytest.importorskip("redis.asyncio.sentinel")

HANG = 30
"""Seconds that no exchange lasts."""


class Asked:
    """A cached function over a backend, in one colour, and how often it ran.

    Args:
        backend: Where it is cached.
        mode: The colour.
        run: Runs a coroutine.
    """

    def __init__(
        self, backend: RedisBackend, mode: str, run: Callable[..., Any] = asyncio.run
    ) -> None:
        self.runs = 0
        self.run = run

        @cached_structured(backend=backend, version=1, name="asked")
        def ask(text: str) -> str:
            self.runs += 1
            return text.upper()

        @cached_structured(backend=backend, version=1, name="asked")
        async def aask(text: str) -> str:
            self.runs += 1
            return text.upper()

        self.function: Any = ask if mode == "sync" else aask
        self.mode = mode

    def __call__(self, text: str) -> bool:
        """Ask once; whether the function ran."""
        before = self.runs
        asked = self.function(text)
        answer = self.run(asked) if self.mode == "async" else asked
        assert answer == text.upper()
        return self.runs > before


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with server_or_skip("--busy-reply-threshold", "50", "--rdbcompression", "no") as server:
        yield server


@contextlib.contextmanager
def set_to(server: RedisServer, option: str, wrong: str, right: str) -> Iterator[None]:
    assert server.say("CONFIG", "SET", option, wrong) == b"+OK\r\n"
    yield
    assert server.say("CONFIG", "SET", option, right) == b"+OK\r\n"


@contextlib.contextmanager
def full(server: RedisServer) -> Iterator[None]:
    """OOM."""
    with set_to(server, "maxmemory", "1", "0"):
        yield


@contextlib.contextmanager
def without_replicas(server: RedisServer) -> Iterator[None]:
    """NOREPLICAS."""
    with set_to(server, "min-replicas-to-write", "1", "0"):
        yield


@contextlib.contextmanager
def read_only(server: RedisServer) -> Iterator[None]:
    """READONLY, as after a failover."""
    server.say("REPLICAOF", "127.0.0.1", "1")
    yield
    server.say("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def unable_to_save(server: RedisServer) -> Iterator[None]:
    """MISCONF: its snapshot fails, as on a full disk."""
    in_the_way = server.directory / "dump.rdb"
    in_the_way.mkdir()
    with set_to(server, "save", '"3600 1"', '""'):
        server.say("BGSAVE")
        while b"rdb_last_bgsave_status:err" not in server.say("INFO", "persistence"):
            pass
        yield


@contextlib.contextmanager
def busy(server: RedisServer) -> Iterator[None]:
    """BUSY, with somebody's script that does not end."""
    with redis.Redis.from_url(server.url, socket_timeout=HANG) as client:
        connection = client.connection_pool.get_connection()
        connection.send_command("EVAL", "while true do end", 0)
        while not server.say("PING").startswith(b"-BUSY"):
            pass
        yield
        server.say("SCRIPT", "KILL")
        wait_until_it_serves(server)
        connection.disconnect()


@contextlib.contextmanager
def loading(server: RedisServer) -> Iterator[None]:
    """LOADING, as a large server says for minutes after its start."""
    with redis.Redis.from_url(server.url) as client:
        client.mset({f"large-{number}": number.to_bytes(2_000) for number in range(10_000)})
        client.save()
    server.kill()
    options = server.options
    slowly = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
    server.options = (*options, *slowly)
    server.start()
    yield
    server.kill()
    server.options = options
    server.start()
    wait_until_it_serves(server)


def wait_until_it_serves(server: RedisServer) -> None:
    while not server.say("PING").startswith(b"+PONG"):
        pass


FAULTS = [full, without_replicas, read_only, unable_to_save, busy, loading]
SILENT = [busy, loading]
"""Those under which nothing that is stored can be had either."""


@pytest.mark.parametrize("fault", FAULTS)
def test_calls_go_on_with_one_warning_and_caching_comes_back(
    server: RedisServer, clock: ManualClock, mode: str, fault: Callable[..., Any]
) -> None:
    configure(backend_timeout=HANG)
    with RedisBackend(server.url, timeout=HANG, clock=clock) as backend:
        ask = Asked(backend, mode)
        assert [ask("before"), ask("before")] == [True, False]
        with fault(server):
            with pytest.warns(BackendWarning) as told:
                during = [ask(text) for text in ("before", "new", "new", "other")]
            assert during == [fault in SILENT, True, True, True]
            assert len(told) == 1
        clock.advance(LONGEST_PAUSE)
        assert [ask("after"), ask("after")] == [True, False]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--requirepass", "right"), "(Authentication required|unauthenticated)"),
        # asyncio may see the server hang up before it sees what it said.
        (("--maxclients", "1"), "(max number of clients|Connection)"),
    ],
)
def test_who_is_not_let_in_asks_once_and_then_says_why_without_asking(
    options: tuple[str, ...], says: str, mode: str
) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(server_or_skip(*options))
        guest = stack.enter_context(redis.Redis.from_url(server.url))
        with contextlib.suppress(redis.RedisError):
            guest.ping()
        backend = stack.enter_context(RedisBackend(server.url, timeout=HANG, clock=ManualClock()))
        ask = Asked(backend, mode)
        with pytest.warns(BackendWarning, match=says):
            assert ask("question")
        with record() as events:
            assert Asked(backend, mode)("question")
        told = [event.error for event in events if isinstance(event, BackendFailure)]
        assert told
        assert all(re.search(f"{says}.*; asked again in", each) for each in told), told


def asked_until_kept(ask: Asked, clock: ManualClock) -> None:
    while ask("after"):
        clock.advance(LONGEST_PAUSE)


@contextlib.contextmanager
def watched_master(mode: str, sentinels: Any) -> Iterator[tuple[Any, Callable[..., Any]]]:
    """A user's client of one colour, told of the master by the sentinels, and what runs it."""
    options = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    with contextlib.ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        if mode == "sync":
            known = sentinel.Sentinel(sentinels, sentinel_kwargs=options, **options)
            client = stack.enter_context(known.master_for("main"))
            for each in known.sentinels:
                stack.callback(each.close)
        else:
            known = aio_sentinel.Sentinel(sentinels, sentinel_kwargs=options, **options)
            client = known.master_for("main")
            for each in (client, *known.sentinels):
                stack.callback(lambda each: runner.run(each.aclose()), each)
        yield client, runner.run


def test_sentinels_that_were_promised_and_are_missing_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("EXPECT_REDIS", "1")
    sentinels = running_sentinels(RedisServer("redis-server"))
    with pytest.raises(RuntimeError, match="redis-sentinel, valkey-sentinel"), sentinels:
        raise AssertionError


def wait_until_watched(sentinels: list[tuple[str, int]]) -> None:
    """Until a sentinel knows the replica and all other sentinels."""
    with redis.Redis(*sentinels[0]) as first:
        while not (known := first.sentinel_masters().get("main")) or (
            known["num-slaves"] + known["num-other-sentinels"] < len(sentinels)
        ):
            pass


def test_a_failover_by_sentinels_costs_no_call_and_caching_goes_on_at_the_new_master(
    mode: str,
) -> None:
    program = program_or_skip()
    with (
        RedisServer.running(program) as master,
        RedisServer.running(program) as replica,
        running_sentinels(master) as sentinels,
    ):
        replica.say("REPLICAOF", "127.0.0.1", str(master.port))
        while b"master_link_status:up" not in replica.say("INFO", "replication"):
            pass
        wait_until_watched(sentinels)
        clock = ManualClock()
        with watched_master(mode, sentinels) as (client, run):
            backend = RedisBackend(client, clock=clock)
            assert backend.description == "sentinel://main?prefix=llmcache"
            ask = Asked(backend, mode, run)
            assert [ask("before"), ask("before")] == [True, False]
            while replica.say("DBSIZE") != master.say("DBSIZE"):
                pass
            master.kill()
            with pytest.warns(BackendWarning) as told:
                asked_until_kept(ask, clock)
            assert len(told) == 1
            assert not ask("before"), "what was replicated is there"
