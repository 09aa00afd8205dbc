"""The contract of backends, kept by a real server: by URL, by a client passed in, in a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from llmcache.backends.base import Backend
from llmcache.backends.redis.backend import RedisBackend
from llmcache.backends.redis.steps import Command
from llmcache.clock import Clock
from llmcache.testing.contract import BackendContract
from llmcache.testing.redis import RedisServer, running_cluster, server_or_skip

redis = pytest.importorskip("redis")
redis_cluster = pytest.importorskip("redis.cluster")

prefixes = (f"contract-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One server for all tests; each backend has a prefix of its own, so it begins empty."""
    with server_or_skip() as server:
        yield server


class RedisContract(BackendContract):
    """What the ways to a server share."""

    def reopen(self, backend: Backend, clock: Clock) -> Backend:
        assert isinstance(backend, RedisBackend)
        return self.open(backend.names.prefix, clock)

    def make_backend(self, clock: Clock) -> Backend:
        return self.open(next(prefixes), clock)

    def open(self, prefix: str, clock: Clock) -> RedisBackend:
        raise NotImplementedError

    def damage(self, backend: Backend, key: str) -> bool:
        assert isinstance(backend, RedisBackend)
        name = backend.names.value(key)
        length = backend.wire.ask("test", Command(("STRLEN", name)))
        backend.wire.ask("test", Command(("SETRANGE", name, length - 2, b"\x00")))
        return True


class TestRedisByURL(RedisContract):
    """The way that most take: sync and asyncio clients of its own."""

    @pytest.fixture(autouse=True)
    def given_server(self, server: RedisServer) -> None:
        self.server = server

    def open(self, prefix: str, clock: Clock) -> RedisBackend:
        return RedisBackend(self.server.url, prefix, clock=clock, timeout=60)


class TestRedisByClient(RedisContract):
    """A client that decodes its replies, as many applications have one."""

    @pytest.fixture(autouse=True)
    def given_client(self, server: RedisServer) -> Iterator[None]:
        with redis.Redis.from_url(server.url, decode_responses=True) as self.client:
            yield

    def open(self, prefix: str, clock: Clock) -> RedisBackend:
        return RedisBackend(self.client, prefix, clock=clock, timeout=60)


class TestRedisByValkeyClient(RedisContract):
    """A client of valkey-py, which is known by what it can do."""

    @pytest.fixture(autouse=True)
    def given_client(self, server: RedisServer) -> Iterator[None]:
        valkey = pytest.importorskip("valkey")
        with valkey.Valkey.from_url(server.url) as self.client:
            yield

    def open(self, prefix: str, clock: Clock) -> RedisBackend:
        return RedisBackend(self.client, prefix, clock=clock, timeout=60)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A client of a cluster of three."""
    with running_cluster() as servers:
        client = redis_cluster.RedisCluster(host="127.0.0.1", port=servers[0].port)
        yield client
        client.close()


class TestRedisCluster(RedisContract):
    """Three servers, each of which refuses what is not in its slots."""

    @pytest.fixture(autouse=True)
    def given_cluster(self, cluster: Any) -> None:
        self.client = cluster

    def open(self, prefix: str, clock: Clock) -> RedisBackend:
        return RedisBackend(self.client, prefix, clock=clock, timeout=60)
