"""The cache for Instructor's own slot: any backend, no exception, nobody else's rows."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import instructor
import pytest
from instructor.cache import BaseCache
from pydantic import BaseModel

import llmcache
from llmcache import (
    BackendFailure,
    BackendWarning,
    ConfigurationError,
    Hit,
    LRUBackend,
    Miss,
    SQLiteBackend,
    Store,
    configure,
    record,
)
from llmcache.backends.base import Entry
from llmcache.integrations import instructor as slot
from llmcache.integrations.instructor import InstructorCache
from llmcache.testing import ManualClock
from llmcache.testing.provider import LoopbackProvider


class User(BaseModel):
    name: str
    age: int


ASKED: dict[str, Any] = {
    "response_model": User,
    "model": "m",
    "messages": [{"role": "user", "content": "Jo, 33"}],
}


@pytest.fixture(params=["memory", "file"])
def backend(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Any]:
    made = (
        LRUBackend(clock=clock)
        if request.param == "memory"
        else SQLiteBackend(tmp_path / "a.db", clock=clock)
    )
    with made:
        yield made


@pytest.fixture
def cache(backend: Any) -> InstructorCache:
    return InstructorCache(backend)


# ---- get and set ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "text", '{"model": "{}"}', 7, {"name": "plain"}, [1.5]])
def test_what_is_set_is_got(cache: InstructorCache, value: Any) -> None:
    assert isinstance(cache, BaseCache)
    assert cache.get("key") is None
    cache.set("key", value)
    assert cache.get("key") == value
    assert cache.get("other") is None
    cache.set("key", "anew")
    assert cache.get("key") == "anew"


@pytest.mark.parametrize(
    ("own", "handed", "lives"),
    [
        (None, None, None),
        (None, 60, 60),
        ("1h", None, 3600),
        ("1h", 60, 60),
        (60, 7200, 7200),
        ("1h", True, 3600),
        ("1h", "no duration", 3600),
        (None, "1m", 60),
    ],
)
def test_the_ttl_that_is_handed_over_counts_and_else_its_own(
    backend: Any, clock: ManualClock, own: Any, handed: Any, lives: float | None
) -> None:
    cache = InstructorCache(backend, ttl=own)
    cache.set("key", "value", ttl=handed)
    clock.advance((lives or 10**9) - 1)
    assert cache.get("key") == "value"
    if lives is not None:
        clock.advance(1)
        assert cache.get("key") is None


@pytest.mark.parametrize("ttl", [0, -1])
def test_a_ttl_of_nothing_forgets(cache: InstructorCache, ttl: int) -> None:
    cache.set("key", "value")
    cache.set("key", "value", ttl=ttl)
    assert cache.get("key") is None


def test_a_ttl_left_out_is_the_configured_one(backend: Any, clock: ManualClock) -> None:
    configure(ttl=60)
    cache = InstructorCache(backend)
    cache.set("key", "value")
    clock.advance(61)
    assert cache.get("key") is None


@pytest.mark.parametrize("said_by", ["configure", "ttl="])
def test_a_callable_ttl_is_asked_with_what_is_stored(
    backend: Any, clock: ManualClock, said_by: str
) -> None:
    def by_length(value: str) -> float | None:
        return {"brief": 10, "stays": None}[value]

    if said_by == "configure":
        configure(ttl=by_length)
    cache = InstructorCache(backend, **({"ttl": by_length} if said_by == "ttl=" else {}))
    cache.set("key", "brief")
    cache.set("other", "stays")
    with pytest.warns(llmcache.UncacheableResultWarning, match="ttl failed with KeyError"):
        cache.set("third", "unknown to it")
    assert cache.get("third") is None
    clock.advance(10)
    assert (cache.get("key"), cache.get("other")) == (None, "stays")


def test_namespaces_are_apart(backend: Any) -> None:
    one, two = (InstructorCache(backend, namespace=name) for name in ("one", "two"))
    one.set("key", "value")
    assert (one.get("key"), two.get("key")) == ("value", None)


def test_an_option_that_is_none_is_refused_when_the_cache_is_made() -> None:
    with pytest.raises(ConfigurationError, match="ttl"):
        InstructorCache(ttl=0)
    with pytest.raises(ConfigurationError, match="maxsize"):
        InstructorCache(maxsize=10)


# ---- what goes wrong -----------------------------------------------------------------------


class Broken(LRUBackend):
    """Fails as a full disk or a lost server does."""

    def get(self, key: str) -> Any:
        raise OSError("disk I/O error")

    def put(self, key: str, entry: Any) -> None:
        raise OSError("no space left on device")

    def put_if(self, key: str, entry: Any, epoch: int) -> bool:
        raise OSError("no space left on device")


def test_a_failing_store_never_raises_and_is_told_once() -> None:
    cache = InstructorCache(Broken())
    with record() as calls:
        with pytest.warns(BackendWarning):
            assert cache.get("key") is None
        cache.set("key", "value")
        assert cache.get("key") is None
    assert len(calls.of(BackendFailure)) == 3
    assert cache.cache_info().errors == 3


def test_a_store_that_cannot_be_opened_never_raises(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cache = InstructorCache(f"sqlite:///{blocked}/a.db")
    with pytest.warns(BackendWarning):
        cache.set("key", "value")
    assert cache.get("key") is None


def test_a_url_that_means_nothing_never_raises_later() -> None:
    cache = InstructorCache("nothing://")
    with pytest.warns(BackendWarning, match="nothing"):
        assert cache.get("key") is None
    cache.set("key", "value")


def test_what_cannot_be_stored_is_left_with_one_warning(cache: InstructorCache) -> None:
    with pytest.warns(llmcache.UncacheableResultWarning, match="not stored"):
        cache.set("key", object())
    cache.set("key", object())
    assert cache.get("key") is None


@pytest.mark.parametrize("damage", [b"", b"garbage", bytes(40)], ids=["empty", "text", "zeros"])
def test_a_damaged_row_is_a_miss_that_heals(
    cache: InstructorCache, backend: Any, clock: ManualClock, damage: bytes
) -> None:
    place = cache.place("key")
    assert place is not None
    backend.put(place.digest, Entry(value=damage, scope=place.scope, created=clock.time()))
    with record() as calls:
        assert cache.get("key") is None
    assert [type(event) for event in calls] == [Miss]
    cache.set("key", "healed")
    assert cache.get("key") == "healed"


def test_a_row_of_another_key_is_a_miss(cache: InstructorCache, backend: Any) -> None:
    cache.set("one", "value")
    one, two = cache.place("one"), cache.place("two")
    assert one is not None
    assert two is not None
    backend.put(two.digest, backend.get(one.digest))
    assert cache.get("two") is None


def test_the_file_is_private(tmp_path: Path) -> None:
    cache = InstructorCache(f"sqlite:///{tmp_path}/cache/a.db")
    cache.set("key", "value")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").glob("a.db*")}
    assert modes == {0o600}


# ---- settings ------------------------------------------------------------------------------


def test_modes_count_here_too(cache: InstructorCache) -> None:
    with llmcache.mode("readonly"):
        cache.set("key", "value")
        assert cache.get("key") is None
    with llmcache.disabled():
        cache.set("key", "value")
    assert cache.get("key") is None
    cache.set("key", "value")
    with llmcache.mode("refresh"):
        assert cache.get("key") is None
        cache.set("key", "anew")
    with llmcache.mode("offline"):
        assert cache.get("key") == "anew"


def test_hits_and_misses_are_counted_and_told(cache: InstructorCache) -> None:
    with record() as calls:
        cache.get("key")
        cache.set("key", "value")
        cache.get("key")
    assert [type(event) for event in calls] == [Miss, Store, Hit]
    assert (cache.cache_info().hits, cache.cache_info().misses) == (1, 1)


def test_entries_are_sealed_where_there_is_a_key(backend: Any) -> None:
    plain = InstructorCache(backend)
    plain.set("key", "secret text")
    configure(encryption_key="A" * 43 + "=")
    cache = InstructorCache(backend)
    assert cache.get("key") is None
    cache.set("key", "secret text")
    assert cache.get("key") == "secret text"
    place = cache.place("key")
    assert place is not None
    assert b"secret text" not in backend.get(place.digest).value


def test_a_rotated_key_still_opens_and_a_ttl_of_nothing_forgets_that_too(backend: Any) -> None:
    old, new = ("A" * 43 + "=", "B" * 42 + "A=")
    configure(encryption_key=old)
    cache = InstructorCache(backend)
    cache.set("key", "value")
    configure(encryption_key=f"{new},{old}")
    assert cache.get("key") == "value"
    cache.set("key", "value", ttl=0)
    assert cache.get("key") is None


def test_without_the_package_that_seals_it_never_raises(
    cache: InstructorCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    configure(encryption_key="C" * 42 + "A=")
    with pytest.warns(BackendWarning, match="cryptography"):
        cache.set("key", "value")
    assert cache.get("key") is None


# ---- in Instructor -------------------------------------------------------------------------


def test_instructor_asks_once(provider: LoopbackProvider, cache: InstructorCache) -> None:
    client = instructor.from_openai(provider.openai_client(), **cache.options())
    answers = [client.create(**ASKED) for _ in range(2)]
    assert provider.count == 1
    assert answers[0].model_dump() == answers[1].model_dump()


async def test_instructor_asks_once_under_asyncio(cache: InstructorCache) -> None:
    async with LoopbackProvider() as provider:
        client = instructor.from_openai(provider.async_openai_client(), **cache.options())
        for _ in range(2):
            await client.create(**ASKED)
        assert provider.count == 1


def test_with_anthropic_the_slot_of_instructor_never_hits(
    provider: LoopbackProvider, cache: InstructorCache
) -> None:
    """Where this fails it works at last: take it out of the page on moving, and of `doctor`."""
    client = instructor.from_anthropic(provider.anthropic_client(), **cache.options())
    with record() as calls:
        for _ in range(2):
            client.create(max_tokens=100, **ASKED)
    assert provider.count == 2
    assert not [call for call in calls if isinstance(call, Hit)]


def test_the_ttl_of_a_call_is_honoured(
    provider: LoopbackProvider, backend: Any, clock: ManualClock
) -> None:
    cache = InstructorCache(backend, ttl="1h")
    client = instructor.from_openai(provider.openai_client(), **cache.options())
    for seconds in (1, 59, 2):
        clock.advance(seconds)
        client.create(cache_ttl=60, **ASKED)
    assert provider.count == 2


def test_an_instructor_that_knows_no_namespaces_is_given_none(
    cache: InstructorCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.options("shop") == {"cache": cache, "cache_namespace": "shop"}
    monkeypatch.delattr(slot.instructor.cache, "make_request_cache_key")
    assert cache.options("shop") == {"cache": cache}


OTHER_PROCESS = """
import sys
import instructor
from pydantic import BaseModel
from llmcache.integrations.instructor import InstructorCache

class User(BaseModel):
    name: str
    age: int

url, database = sys.argv[1:]
client = instructor.from_provider(
    "openai/gpt-4o-mini", base_url=url, api_key="k",
    **InstructorCache(f"sqlite:///{database}").options("shop"),
)
print(client.create(response_model=User, messages=[{"role": "user", "content": "Jo"}]))
"""


def test_with_a_namespace_a_file_outlives_the_process(
    provider: LoopbackProvider, tmp_path: Path
) -> None:
    answers = [
        subprocess.run(  # noqa: S603 - this interpreter, this text
            [sys.executable, "-c", OTHER_PROCESS, provider.openai_url, str(tmp_path / "a.db")],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "12"
    ]
    assert provider.count == 1
    assert answers[0] == answers[1] != ""
