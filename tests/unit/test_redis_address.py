"""What may be handed over as a Redis, what is refused, and that a password shows nowhere."""

from __future__ import annotations

import sys

import pytest

from llmcache.backends.redis.address import read_url
from llmcache.backends.redis.backend import RedisBackend
from llmcache.backends.url import open_backend
from llmcache.errors import BackendUnavailableError, ConfigurationError

redis = pytest.importorskip("redis")
aioredis = pytest.importorskip("redis.asyncio")

SECRET = "hunter2"  # noqa: S105 - what must not be seen
NOBODY = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0?prefix=llmcache"),
        ("rediss://u:hunter2@h/1?ssl_cert_reqs=none", "rediss://h/1?prefix=llmcache"),
        ("redis://:hunter2@h:1", "redis://h:1?prefix=llmcache"),
        ("redis://h?password=hunter2&prefix=app", "redis://h?prefix=app"),
        ("unix:///run/r.sock?db=1&password=hunter2", "unix:///run/r.sock?prefix=llmcache"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0?prefix=llmcache"),
    ],
)
def test_a_url_is_described_without_its_secrets(url: str, shown: str) -> None:
    assert RedisBackend(url).description == shown


def test_options_of_ours_are_taken_out_and_the_others_reach_the_connection() -> None:
    address = read_url("redis://h/0?prefix=app&timeout=250ms&max_connections=4&client_name=me")
    assert (address.prefix, address.timeout) == ("app", 0.25)
    assert (address.url, address.max_connections) == ("redis://h/0?client_name=me", 4)
    assert address.lines().make().client_name == "me"


def test_a_connection_never_retries() -> None:
    assert read_url("redis://h/0").lines().make().retry._retries == 0


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://h", "not a Redis URL"),
        ("redis://h/0?colour=blue", "colour"),
        ("redis://h:port/0", "port"),
        ("redis://h/0?timeout=0", "above 0"),
        ("redis://h/0?max_connections=0", "above 0"),
        (f"rediss://:{SECRET}@h/0?colour=blue", "colour"),
        (f"http://:{SECRET}@h", "not a Redis URL"),
        (f"redis://:{SECRET}/x@h:6379/0", "%2F"),
        (f"redis://:{SECRET}#x@h/0", "%23"),
        (f"redis://:x#{SECRET}@h/0", "%23"),
        (f"redis://user:{SECRET}:6379/0", "its port"),
        ("redis://h/0?timeout=1&timeout=2", "twice"),
    ],
)
def test_a_bad_url_is_refused_when_the_backend_is_made(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        RedisBackend(url)
    assert SECRET not in repr(caught.value) + str(vars(caught.value))


@pytest.mark.parametrize("prefix", ["", "{app}", "a}b"])
def test_a_prefix_that_breaks_the_slots_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="prefix"):
        RedisBackend("redis://h", prefix)


def test_what_is_no_client_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="neither a URL nor a Redis client"):
        RedisBackend(object())  # type: ignore[arg-type]


def test_two_asyncio_clients_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="pass one"):
        RedisBackend(aioredis.Redis(), async_client=aioredis.Redis())


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'llmcache-structured\[redis\]'"):
        RedisBackend("redis://h")


def test_a_client_is_described_by_where_it_leads() -> None:
    assert RedisBackend(redis.Redis("h", 7, 2, SECRET)).description == (
        "redis://h:7/2?prefix=llmcache"
    )
    assert RedisBackend(redis.Redis(unix_socket_path="/s")).description == (
        "unix:///s?prefix=llmcache"
    )


def test_no_error_of_a_failing_server_has_the_password() -> None:
    backend = RedisBackend(f"redis://:{SECRET}@{NOBODY}/0")
    with pytest.raises(BackendUnavailableError) as caught:
        backend.get("k")
    error = caught.value
    assert (error.operation, error.backend) == ("get", f"redis://{NOBODY}/0?prefix=llmcache")
    assert SECRET not in f"{error}{error.__cause__}{vars(error)}{backend!r}"


async def test_with_an_asyncio_client_a_sync_call_says_what_to_pass() -> None:
    backend = RedisBackend(aioredis.Redis(port=1))
    with pytest.raises(ConfigurationError, match="asyncio client only"):
        backend.get("k")


async def test_a_refused_connection_is_unavailable_at_once_then_for_a_pause() -> None:
    backend = RedisBackend(f"redis://{NOBODY}")
    with pytest.raises(BackendUnavailableError, match="reading failed"):
        await backend.aget("k")
    with pytest.raises(BackendUnavailableError, match="asked again"):
        await backend.aget("k")
    with pytest.raises(BackendUnavailableError, match="asked again"):
        backend.get("k")
    await backend.aclose()


def test_nothing_connects_before_the_first_use() -> None:
    RedisBackend(f"redis://{NOBODY}").close()


@pytest.mark.parametrize(
    ("query", "setting", "seconds"),
    [("", 1.0, 0.5), ("", None, 0.5), ("", 0.25, 0.25), ("?timeout=2", 0.25, 2.0)],
)
def test_an_exchange_takes_half_a_second_unless_the_url_or_a_shorter_setting_says_otherwise(
    query: str, setting: float | None, seconds: float
) -> None:
    backend = open_backend(f"redis://h/0{query}", timeout=setting)
    assert isinstance(backend, RedisBackend)
    assert backend.wire.timeout == seconds


def test_the_options_that_others_know_by_another_name_are_hinted_at() -> None:
    open_backend("redis://h/0?max_connections=64")
    with pytest.raises(ConfigurationError, match="Did you mean 'timeout'"):
        open_backend("redis://h/0?socket_timeout=1")
    with pytest.raises(ConfigurationError, match="whole number above 0"):
        open_backend("redis://h/0?max_connections=many")


@pytest.mark.parametrize("opened", [open_backend, RedisBackend])
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("rediss://h?ssl_cert_reqs=foo", "Invalid SSL Certificate Requirements Flag: foo"),
        ("redis://h?ssl_cert_reqs=none", "need rediss://"),
        ("unix:///run/r.sock?ssl_keyfile=k.pem", "need rediss://"),
    ],
)
def test_what_a_connection_refuses_is_an_error_of_the_configuration(opened, url, says) -> None:
    with pytest.raises(ConfigurationError, match=says):
        opened(url)
