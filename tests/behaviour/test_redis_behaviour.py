"""What a user of `RedisBackend` can rely on, beyond the contract of all backends."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from llmcache.backends.base import Entry, Nothing
from llmcache.backends.patience import patience
from llmcache.backends.redis.backend import RedisBackend
from llmcache.backends.tiered import TieredBackend
from llmcache.backends.url import open_backend
from llmcache.clock import SYSTEM
from llmcache.errors import BackendUnavailableError, ConfigurationError
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import KEY, OTHER, SCOPE
from llmcache.testing.contract.base import an_entry as entry_of
from llmcache.testing.redis import RedisServer, program_or_skip, server_or_skip

redis = pytest.importorskip("redis")
aioredis = pytest.importorskip("redis.asyncio")

an_entry = partial(entry_of, ManualClock())
HANG = 30
"""Seconds that no exchange lasts, and after which a wait is reported as a hang."""


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RedisServer]:
    with server_or_skip() as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """The server, empty."""
    shared_server.say("FLUSHALL")
    shared_server.say("CONFIG", "RESETSTAT")
    return shared_server


@pytest.fixture
def backend(server: RedisServer) -> Iterator[RedisBackend]:
    with RedisBackend(server.url, timeout=HANG, clock=ManualClock()) as backend:
        yield backend


def reads(server: RedisServer) -> int:
    """How often the server has read from a socket."""
    line = server.say("INFO", "stats").partition(b"total_reads_processed:")[2]
    return int(line.split(b"\r\n")[0])


def connections(server: RedisServer, name: str) -> int:
    """How many connections the server has that call themselves so."""
    return server.say("CLIENT", "LIST").count(f"name={name} ".encode())


def round_trips(server: RedisServer, work: Any) -> int:
    """Exchanges while `work` runs: the end of one count and the beginning of the next are two."""
    before = reads(server)
    work()
    return reads(server) - before - 2


def test_a_hit_and_each_half_of_a_miss_take_one_round_trip(
    server: RedisServer, backend: RedisBackend
) -> None:
    backend.put(KEY, an_entry())
    epoch = backend.claim(OTHER, SCOPE, "token", 8, max_age=None).epoch
    backend.settle(OTHER, "token", an_entry(), epoch)
    backend.release(OTHER, "token")
    backend.renew(OTHER, "token", 8)
    backend.invalidate(OTHER, SCOPE)
    twenty = {str(number): an_entry() for number in range(20)}
    exchanges = {
        "get": lambda: backend.get(KEY),
        "claim, live": lambda: backend.claim(KEY, SCOPE, "token", 8, max_age=None),
        "claim, absent": lambda: backend.claim(OTHER, SCOPE, "token", 8, max_age=None),
        "settle": lambda: backend.settle(OTHER, "token", an_entry(), epoch),
        "renew": lambda: backend.renew(KEY, "token", 8),
        "invalidate": lambda: backend.invalidate(KEY, SCOPE),
        "put_many": lambda: backend.put_many(twenty),
        "get_many": lambda: backend.get_many(twenty),
    }
    assert {name: round_trips(server, work) for name, work in exchanges.items()} == (
        dict.fromkeys(exchanges, 1)
    )


def test_the_server_removes_an_entry_to_the_millisecond(
    server: RedisServer, backend: RedisBackend
) -> None:
    name = backend.names.value(KEY)
    began = SYSTEM.monotonic()
    backend.put(KEY, an_entry(ttl=60.0004, stale=30.25))
    left = int(server.say("PTTL", name)[1:])
    assert 90_250 - 1_000 * (SYSTEM.monotonic() - began) < left <= 90_251
    backend.put(KEY, an_entry())
    assert server.say("PTTL", name) == b":-1\r\n"


def test_two_prefixes_on_one_server_are_two_caches(server: RedisServer) -> None:
    """Signs that mean something in the server's patterns included."""
    names = ["app", "app:b", "a*", "[a]pp", "a?p", "app\\", "a-z^"]
    caches = [RedisBackend(server.url, name, timeout=HANG) for name in names]
    for name, cache in zip(names, caches, strict=True):
        cache.put(KEY, an_entry(name.encode()))
    for cache in caches:
        assert cache.count() == 1
        assert [listed.key for listed in cache.entries()] == [KEY]
    for cache in caches:
        assert (cache.clear(SCOPE), cache.count()) == (1, 0)
        cache.close()


def test_what_others_keep_on_the_server_stays(server: RedisServer, backend: RedisBackend) -> None:
    server.say("SET", "llmcache", "theirs")
    server.say("SET", "llmcache:v", "theirs")
    for key in (KEY, OTHER):
        backend.put(key, an_entry())
    assert backend.clear(SCOPE) == 2
    assert server.say("MGET", "llmcache", "llmcache:v").count(b"theirs") == 2
    used = server.say("INFO", "commandstats")
    for command in (b"keys", b"flushdb", b"flushall", b"del"):
        assert b"cmdstat_" + command + b":" not in used


def test_a_listing_longer_than_a_window_is_whole_and_in_order(
    backend: RedisBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmcache.backends.redis.backend.WINDOW", 7)
    backend.put_many(
        {
            str(number): Entry(b"x", SCOPE, float(number // 2), parts=bytes(5 * number * number))
            for number in range(40)
        }
    )
    listed = list(backend.entries())
    assert [line.entry.created for line in listed] == [float(n // 2) for n in range(39, -1, -1)]
    assert {line.key for line in listed} == {str(number) for number in range(40)}
    assert all(line.entry.parts == bytes(5 * int(line.key) ** 2) for line in listed)
    assert [line.key for line in backend.entries(limit=9)] == [line.key for line in listed[:9]]


def test_the_server_tells_how_it_is(server: RedisServer) -> None:
    with RedisBackend(server.url, timeout=HANG) as backend:
        health = backend.health()
        assert health.version[0].isdigit()
        assert (health.policy, health.max_bytes, health.replica) == ("noeviction", 0, False)
        assert not health.persistent
        assert health.used_bytes > 0
        assert abs(health.clock_ahead) < HANG


@pytest.mark.parametrize("forget", ["invalidate", "clear"])
async def test_a_near_copy_outlives_its_invalidation_elsewhere_by_near_ttl_at_most(
    server: RedisServer, forget: str
) -> None:
    """Two machines on one server; what one of them forgets, the other forgets in time."""
    clock = ManualClock()
    url = f"memory+{server.url}?near_ttl=3s&timeout=30s"
    with open_backend(url, clock=clock) as here, open_backend(url, clock=clock) as there:
        assert isinstance(here, TieredBackend)
        here.put(KEY, an_entry())
        assert [there.get(KEY), await there.aget(KEY)] == [an_entry()] * 2
        here.invalidate(KEY, SCOPE) if forget == "invalidate" else here.clear(SCOPE)
        assert here.get(KEY) is Nothing.ABSENT
        clock.advance(2.9)
        assert [there.get(KEY), await there.aget(KEY)] == [an_entry()] * 2, "the bound is not near"
        clock.advance(0.1)
        assert [there.get(KEY), await there.aget(KEY)] == [Nothing.ABSENT] * 2
        await here.aclose()
        await there.aclose()


def test_over_a_unix_socket(server: RedisServer, mode: str) -> None:
    assert round_trip(server.socket_url, mode) == an_entry()


def round_trip(url: str, mode: str) -> Entry | Nothing:
    """Put and get by a backend of its own."""

    async def use() -> Entry | Nothing:
        async with RedisBackend(url, timeout=HANG) as backend:
            await backend.aput(KEY, an_entry())
            return await backend.aget(KEY)

    if mode == "async":
        return asyncio.run(use())
    with RedisBackend(url, timeout=HANG) as backend:
        backend.put(KEY, an_entry())
        return backend.get(KEY)


def test_over_tls_to_a_server_that_proves_who_it_is(mode: str, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    options = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    options += ["--tls-auth-clients", "no", "--port", "0", "--tls-port"]
    with contextlib.closing(RedisServer(program_or_skip(), *options)) as server:
        server.options += (str(server.port),)
        server.start()
        url = f"rediss://127.0.0.1:{server.port}/0"
        assert round_trip(f"{url}?ssl_ca_certs={certificate}", mode) == an_entry()
        with pytest.raises(BackendUnavailableError, match=r"(?i)certificate|Error 1 connecting"):
            round_trip(url, mode)


def self_signed(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, as files."""
    x509 = pytest.importorskip("cryptography.x509")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    forms = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "server.crt", directory / "server.key"
    paths[0].write_bytes(certificate.public_bytes(forms.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            forms.Encoding.PEM, forms.PrivateFormat.TraditionalOpenSSL, forms.NoEncryption()
        )
    )
    assert ssl.PEM_cert_to_DER_cert(paths[0].read_text())
    return paths


def test_a_client_that_was_passed_in_is_not_closed(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url, client_name="mine") as client:
        with RedisBackend(client, timeout=HANG) as backend:
            backend.put(KEY, an_entry())
        assert connections(server, "mine") == 1


async def test_an_asyncio_client_that_was_passed_in_is_not_closed(server: RedisServer) -> None:
    async with aioredis.Redis.from_url(server.url, client_name="mine-async") as client:
        async with RedisBackend(client, timeout=HANG) as backend:
            await backend.aput(KEY, an_entry())
        assert connections(server, "mine-async") == 1


async def test_a_sync_client_serves_async_calls_in_a_thread(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        backend = RedisBackend(client, timeout=HANG)
        await backend.aput(KEY, an_entry())
        assert await backend.aget(KEY) == an_entry()


async def test_an_asyncio_client_serves_threads_while_its_loop_runs(server: RedisServer) -> None:
    """Leases are renewed by a thread."""
    async with aioredis.Redis.from_url(server.url) as client:
        backend = RedisBackend(client, timeout=HANG)
        await backend.aclaim(KEY, SCOPE, "token", 8, max_age=None)
        assert await asyncio.to_thread(backend.renew, KEY, "token", 8)
        with pytest.raises(ConfigurationError, match="asyncio client only"):
            backend.renew(KEY, "token", 8)


def test_an_asyncio_client_is_refused_in_another_loop(server: RedisServer) -> None:
    async def use(backend: RedisBackend) -> Entry | Nothing:
        return await backend.aget(KEY)

    async def both() -> None:
        async with aioredis.Redis.from_url(server.url) as client:
            backend = RedisBackend(client, timeout=HANG)
            await use(backend)
            with pytest.raises(ConfigurationError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, use(backend))

    asyncio.run(both())


def test_each_loop_has_a_client_that_is_closed_with_it(server: RedisServer) -> None:
    """Unclosed sockets would be warnings, and warnings are errors here."""

    async def use() -> None:
        await asyncio.gather(*(backend.aput(str(number), an_entry()) for number in range(20)))

    with RedisBackend(server.url, timeout=HANG) as backend:
        for _ in range(3):
            asyncio.run(use())
        threads = [threading.Thread(target=asyncio.run, args=(use(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert backend.count() == 20
        asyncio.run(use())
        assert len(backend.wire.clients.by_loop) == 1  # type: ignore[attr-defined]


def test_a_backend_that_is_dropped_before_its_loop_ends_leaves_nothing_open(
    server: RedisServer,
) -> None:
    with asyncio.Runner() as runner:
        for number in range(3):
            backend = RedisBackend(f"{server.url}?client_name=dropped", timeout=HANG)
            runner.run(backend.aput(KEY, an_entry()))
            assert connections(server, "dropped") == number + 1
            backend.close()
            del backend
            gc.collect()
    gc.collect()


async def test_a_sync_close_inside_a_loop_closes_its_client_too(server: RedisServer) -> None:
    backend = RedisBackend(f"{server.url}?client_name=closed", timeout=HANG)
    await backend.aput(KEY, an_entry())
    assert connections(server, "closed") == 1
    backend.close()
    async with asyncio.timeout(HANG):
        while connections(server, "closed"):
            await asyncio.sleep(0)


def test_it_waits_no_longer_than_the_call_has_patience(backend: RedisBackend) -> None:
    backend.put(KEY, an_entry())
    clock = ManualClock()
    with patience(1.0, clock=clock):
        assert backend.get(KEY) == an_entry()
        clock.advance(1)
        with pytest.raises(BackendUnavailableError, match="used up"):
            backend.get(KEY)
    assert backend.wire.breaker.closed
