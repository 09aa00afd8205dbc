"""In a cluster no script sees an answer and its scope's epoch at once: every interleaving is right.

Storing is a dialogue of three exchanges. A `clear` is put before each of them, and after the last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from llmcache.backends.base import Nothing
from llmcache.backends.redis.backend import RedisBackend
from llmcache.backends.redis.steps import Dialogue, Scan
from llmcache.errors import BackendUnavailableError
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import KEY, SCOPE
from llmcache.testing.contract.base import an_entry as entry_of
from llmcache.testing.redis import RedisServer, running_cluster

redis_cluster = pytest.importorskip("redis.cluster")
aio_cluster = pytest.importorskip("redis.asyncio.cluster")

an_entry = partial(entry_of, ManualClock(), b"outdated")
NEW = entry_of(ManualClock(), b"new")
EXCHANGES = 3
HANG = 30
"""Seconds that no exchange lasts."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[RedisServer]]:
    with running_cluster() as servers:
        yield servers


@pytest.fixture
def backend(nodes: list[RedisServer], request: pytest.FixtureRequest) -> Iterator[RedisBackend]:
    with redis_cluster.RedisCluster(host="127.0.0.1", port=nodes[0].port) as client:
        yield RedisBackend(client, request.node.name.replace("[", "-").replace("]", ""))


class Stepped:
    """A dialogue that is carried one exchange at a time."""

    def __init__(self, backend: RedisBackend, dialogue: Dialogue[Any]) -> None:
        self.wire = backend.wire
        self.dialogue = dialogue
        self.step = next(dialogue)

    def go(self) -> bool | None:
        """One exchange; the answer, once the dialogue has one."""
        try:
            self.step = self.dialogue.send(self.wire.ask("test", self.step))
        except StopIteration as ended:
            return bool(ended.value)
        return None


@pytest.mark.parametrize("before", range(EXCHANGES))
def test_a_clear_in_the_middle_of_storing_wins(backend: RedisBackend, before: int) -> None:
    """Nothing outdated is ever visible, and nothing is left behind."""
    claim = backend.claim(KEY, SCOPE, "leader", 8, max_age=None)
    storing = Stepped(backend, backend.say.settle(KEY, "leader", an_entry(), claim.epoch))
    seen: list[object] = []
    for exchange in range(EXCHANGES):
        if exchange == before:
            backend.clear(SCOPE)
        stored = storing.go()
        seen.append(backend.get(KEY))
    assert (stored, set(seen)) == (False, {Nothing.ABSENT})
    assert backend.wire.run("test", left_over(backend)) == []


@pytest.mark.parametrize("before", range(EXCHANGES))
def test_an_invalidation_in_the_middle_of_storing_wins(backend: RedisBackend, before: int) -> None:
    claim = backend.claim(KEY, SCOPE, "leader", 8, max_age=None)
    storing = Stepped(backend, backend.say.settle(KEY, "leader", an_entry(), claim.epoch))
    for exchange in range(EXCHANGES):
        if exchange == before:
            backend.invalidate(KEY, SCOPE)
        stored = storing.go()
    assert (stored, backend.get(KEY)) == (False, Nothing.ABSENT)


def test_a_clear_after_storing_removes_it(backend: RedisBackend) -> None:
    claim = backend.claim(KEY, SCOPE, "leader", 8, max_age=None)
    assert backend.settle(KEY, "leader", an_entry(), claim.epoch)
    assert backend.clear(SCOPE) == 1
    assert backend.get(KEY) is Nothing.ABSENT


@pytest.mark.parametrize("before", range(EXCHANGES))
def test_two_who_store_at_once_never_publish_the_outdated_one(
    backend: RedisBackend, before: int
) -> None:
    """One began before the clear, the other after; what is published is the other's."""
    old = backend.claim(KEY, SCOPE, "old", 8, max_age=None)
    late = Stepped(backend, backend.say.settle(KEY, "old", an_entry(), old.epoch))
    backend.clear(SCOPE)
    new = backend.claim(KEY, SCOPE, "new", 8, max_age=None)
    for exchange in range(EXCHANGES):
        if exchange == before:
            assert backend.settle(KEY, "new", NEW, new.epoch)
        stored = late.go()
    assert (stored, backend.get(KEY)) == (False, NEW)


def test_what_a_killed_writer_left_pending_goes_by_itself(backend: RedisBackend) -> None:
    epoch = backend.epoch(KEY, SCOPE)
    storing = Stepped(backend, backend.say.settle(KEY, "killed", an_entry(), epoch))
    storing.go()
    (pending,) = backend.wire.run("test", left_over(backend))
    client: Any = backend.wire.clients.for_thread().client  # type: ignore[union-attr]
    assert 0 < client.pttl(pending) <= 5000
    assert (backend.get(KEY), backend.count()) == (Nothing.ABSENT, 0)


async def test_asyncio_clients_of_a_cluster_do_the_same(nodes: list[RedisServer]) -> None:
    async with aio_cluster.RedisCluster(host="127.0.0.1", port=nodes[0].port) as client:
        backend = RedisBackend(client, "asyncio", timeout=HANG)
        claim = await backend.aclaim(KEY, SCOPE, "leader", 8, max_age=None)
        assert await backend.asettle(KEY, "leader", an_entry(), claim.epoch)
        assert await backend.aget(KEY) == an_entry()
        for number in range(2, 32):
            await backend.aput(f"{number:064x}", an_entry())
        assert await backend.aclear(SCOPE) == 31
        assert not await backend.asettle(KEY, "leader", an_entry(), claim.epoch)


def test_a_put_many_that_fails_half_way_leaves_nothing(
    backend: RedisBackend, nodes: list[RedisServer]
) -> None:
    keys = [f"{number:064x}" for number in range(12)]
    nodes[2].say("CONFIG", "SET", "min-replicas-to-write", "1")
    try:
        with pytest.raises(BackendUnavailableError):
            backend.put_many({key: an_entry() for key in keys})
    finally:
        nodes[2].say("CONFIG", "SET", "min-replicas-to-write", "0")
    assert backend.get_many(keys) == {}


def test_a_client_of_one_node_is_told_that_the_keys_are_elsewhere(
    nodes: list[RedisServer],
) -> None:
    """MOVED is a reply: it fails the call it answers, and the breaker stays closed."""
    with contextlib.closing(
        RedisBackend(nodes[0].url, timeout=HANG, clock=ManualClock())
    ) as backend:
        failures = []
        for number in range(12):
            try:
                backend.get(f"{number:064x}")
            except BackendUnavailableError as error:
                failures.append(str(error))
        assert 0 < len(failures) < 12
        assert all("MOVED" in failure or "Moved" in failure for failure in failures)
        assert backend.wire.breaker.closed


def left_over(backend: RedisBackend) -> Dialogue[list[bytes]]:
    """All pending values of the backend."""
    left, position = [], None
    while True:
        position, names = yield Scan(backend.names.pattern("p*"), position)
        left += names
        if position is None:
            return left
