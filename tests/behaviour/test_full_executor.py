"""The threads of an event loop are the user's: no answer waits for one of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from llmcache import LRUBackend, RedisBackend, SQLiteBackend, TieredBackend, cached_structured
from llmcache.backends import Backend, Entry, Scope
from llmcache.backends.default import DefaultBackend
from llmcache.testing.contract.base import PlainBackend
from llmcache.testing.redis import server_or_skip


class Full(ThreadPoolExecutor):
    """Where every thread is taken: who asks for one would wait for ever."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        pytest.fail("a thread of the loop's own was asked for")


def topology(name: str, path: Any) -> Backend:
    """One store of each kind."""
    if name == "plain":
        return PlainBackend()
    if name == "plain tier":
        return TieredBackend(LRUBackend(), PlainBackend())
    file = SQLiteBackend(path / "a.db")
    if name == "file":
        return file
    if name == "tier":
        return TieredBackend(LRUBackend(), file)
    if name == "two files":
        return TieredBackend(SQLiteBackend(path / "near.db"), file)
    return DefaultBackend(LRUBackend(), file, path / "a.db")


async def answered(text: str) -> str:
    """What is asked."""
    return text


@pytest.mark.parametrize("name", ["plain", "file", "tier", "two files", "plain tier", "default"])
async def test_a_full_default_executor_holds_up_no_call(name: str, tmp_path: Any) -> None:
    asyncio.get_running_loop().set_default_executor(Full(1))
    backend = topology(name, tmp_path)
    ask = cached_structured(backend=backend, version=1)(answered)
    assert [await ask("a"), await ask("a")] == ["a", "a"]
    await ask.cache_invalidate("a")
    assert await ask("a") == "a"
    assert await ask.cache_refresh("a") == "a"
    assert await ask.cache_peek("a") == "a"
    assert (await ask.cache_explain("b")).status == "miss"
    await backend.aput("0" * 64, Entry(b"", Scope("", "f"), 0.0))
    assert await backend.adelete("0" * 64)
    await backend.aclose()


async def test_nor_does_it_hold_up_a_server_with_a_sync_client():
    redis = pytest.importorskip("redis")
    asyncio.get_running_loop().set_default_executor(Full(1))
    with server_or_skip() as server, redis.Redis.from_url(server.url) as client:
        ask = cached_structured(backend=RedisBackend(client, timeout=60), version=1)(answered)
        assert [await ask("a"), await ask("a")] == ["a", "a"]
        assert await ask.cache_invalidate("a")
        assert ask.cache_info().hits == 1
