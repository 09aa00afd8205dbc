"""How often a call of a decorated function asks the server, and what it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmcache import cached_structured, configure, open_backend, record
from llmcache.backends.base import Backend
from llmcache.backends.redis import scripts
from llmcache.flight.leases import Renewals
from llmcache.testing.redis import RedisServer, server_or_skip

redis = pytest.importorskip("redis")

CLAIM, STORE = "evalsha CLAIM", "evalsha SETTLE"
SCRIPTS = {one.sha: name for name, one in vars(scripts).items() if isinstance(one, scripts.Script)}
OPENING = ("client", "hello", "select")
"""What redis-py sends when it connects."""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with server_or_skip() as server:
        yield server


@pytest.fixture
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads that now and then write the ledgers and renew the leases do neither."""
    monkeypatch.setattr("llmcache.ledger.book.flush", lambda: None)
    monkeypatch.setattr(Renewals, "due", lambda _: [])


@pytest.fixture(params=["", "memory+"])
def opened(
    server: RedisServer, request: pytest.FixtureRequest, undisturbed: None
) -> Iterator[Callable[[], Backend]]:
    """Opens one more backend on an empty server that knows all scripts: another process."""
    configure(backend_timeout="1m")
    server.say("FLUSHALL")
    backends: list[Any] = []

    def open_one() -> Backend:
        backends.append(open_backend(f"{request.param}{server.url}?timeout=1m"))
        return backends[-1]

    asking(open_one(), "sync")("what makes the server know the scripts")
    yield open_one
    for backend in backends:
        backend.close()


def asking(backend: Backend, mode: str) -> Callable[[str], str]:
    """A function that is cached there."""

    @cached_structured(backend=backend, version=1, name="asking")
    def ask(text: str) -> str:
        return text.upper()

    @cached_structured(backend=backend, version=1, name="asking")
    async def aask(text: str) -> str:
        return text.upper()

    return ask if mode == "sync" else lambda text: asyncio.run(aask(text))


def commands(server: RedisServer, work: Callable[[], object]) -> list[str]:
    """What clients sent while `work` ran, scripts by name, but for what opens a connection."""
    with redis.Redis.from_url(server.url) as client, client.monitor() as monitor:
        client.ping()
        while next(monitor.listen())["command"] != "PING":
            pass
        work()
        client.execute_command("ECHO", "the end")
        seen = []
        for told in monitor.listen():
            word, *rest = told["command"].split()
            if word.upper() == "ECHO":
                return seen
            if told["client_type"] != "lua" and word.lower() not in OPENING:
                script = SCRIPTS.get(rest[0]) if rest else None
                seen.append(f"{word.lower()} {script}" if script else word.lower())
    raise AssertionError


def test_a_miss_takes_one_exchange_to_claim_and_one_to_store(
    server: RedisServer, opened: Callable[[], Backend], mode: str
) -> None:
    ask = asking(opened(), mode)
    ask("which keeps the manifest")
    assert commands(server, lambda: ask("new")) == [CLAIM, STORE]


def test_a_hit_takes_one_exchange_also_of_what_another_process_stored(
    server: RedisServer, opened: Callable[[], Backend], mode: str
) -> None:
    asking(opened(), mode)("known")
    ask = asking(opened(), mode)
    with record() as calls:
        assert commands(server, lambda: ask("known")) == [CLAIM]
    assert [type(call).__name__ for call in calls] == ["Hit"]


def test_a_hit_of_what_was_asked_before_is_a_get_or_nothing(
    server: RedisServer, opened: Callable[[], Backend], mode: str
) -> None:
    backend = opened()
    ask = asking(backend, mode)
    ask("again")
    near = backend.description.startswith("memory")
    assert commands(server, lambda: ask("again")) == ([] if near else ["get"])


def test_the_reason_of_a_miss_is_known_where_the_claim_found_it(
    server: RedisServer, opened: Callable[[], Backend]
) -> None:
    """Damaged; too old for this reader."""
    ask: Any = asking(opened(), "sync")
    ask("question")
    server.say("APPEND", f"llmcache:{{{ask.cache_key('question').digest}}}:v", "x")
    with record() as calls:
        asking(opened(), "sync")("question")
        later: Any = asking(opened(), "sync")
        later.cache_with(ttl=1e-6)("question")
    reasons = [call.reason for call in calls if type(call).__name__ == "Miss"]
    assert reasons == ["unreadable: its checksum does not match", "expired"]
