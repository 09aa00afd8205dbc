"""Streams that are read in several event loops, and streams that read themselves: all end."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llmcache import LRUBackend, SQLiteBackend, TieredBackend, cached_structured

LOOPS = 4
MANY = 50


@pytest.fixture(params=["memory", "file", "tier"])
def backend(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Any]:
    made: Any = LRUBackend() if request.param == "memory" else SQLiteBackend(tmp_path / "a.db")
    if request.param == "tier":
        made = TieredBackend(LRUBackend(), made)
    with made:
        yield made


def test_readers_in_several_loops_who_waited_for_one_look_up_each_get_all(backend):
    """One leads; the others ask while its look-up runs, and are handed what is another loop's."""
    together, all_begun = threading.Barrier(LOOPS), threading.Barrier(LOOPS)

    @cached_structured(backend=backend, version=1)
    async def words(count: int) -> AsyncIterator[int]:
        all_begun.wait(60)  # before one of them is stored
        for number in range(count):
            await asyncio.sleep(0.001)
            yield number

    async def read() -> list[int]:
        together.wait(60)
        return [item async for item in words(20)]

    with ThreadPoolExecutor(LOOPS) as pool:
        found = [task.result() for task in [pool.submit(asyncio.run, read()) for _ in range(LOOPS)]]
    assert found == [list(range(20))] * LOOPS
    info = words.cache_info()
    assert (info.hits, info.misses, info.waits) == (0, LOOPS, 0)


def test_an_async_stream_of_a_plain_function_is_read_in_whatever_loop(backend):
    @cached_structured(backend=backend, version=1)
    def words(count: int) -> AsyncIterator[int]:
        async def items() -> AsyncIterator[int]:
            for number in range(count):
                yield number

        return items()

    async def one_of(items: AsyncIterator[int]) -> int:
        return await anext(items)

    async def rest_of(items: AsyncIterator[int]) -> list[int]:
        return [item async for item in items]

    first, second = words(3), words(3)
    with asyncio.Runner() as runner:
        assert runner.run(one_of(first)) == 0
        assert asyncio.run(rest_of(second)) == [0, 1, 2]
        assert runner.run(rest_of(first)) == [1, 2]


def test_a_generator_that_delegates_to_itself_gives_what_it_gives_uncached(backend):
    begun: list[int] = []

    @cached_structured(backend=backend, version=1)
    def walk(name: str) -> Iterator[str]:
        begun.append(1)
        yield name
        if len(begun) < 3:
            yield from walk(name)

    assert list(itertools.islice(walk("a"), MANY)) == ["a", "a", "a"]
    assert walk.cache_info()[:4] == (0, 3, 0, 0)


async def test_so_does_an_async_one(backend):
    begun: list[int] = []

    @cached_structured(backend=backend, version=1)
    async def walk(name: str) -> AsyncIterator[str]:
        begun.append(1)
        yield name
        if len(begun) < 3:
            async for item in walk(name):
                yield item

    found: list[str] = []
    async for item in walk("a"):
        found.append(item)
        if len(found) == MANY:
            break
    assert found == ["a", "a", "a"]
    assert walk.cache_info()[:4] == (0, 3, 0, 0)


def test_a_reader_that_the_source_waits_for_goes_on_with_items_of_its_own(backend):
    """It has begun, so only its second item shows that its source asks for that very item."""
    readers: list[Iterator[int]] = []
    begun = itertools.count(1)

    @cached_structured(backend=backend, ignore=["count", "others"], version=1)
    def words(count: Iterator[int], others: list[Iterator[int]]) -> Iterator[int]:
        first = next(count) == 1
        yield 0
        yield next(others[1]) if first else 1

    readers += [words(begun, readers), words(begun, readers)]
    assert [next(reader) for reader in readers] == [0, 0]
    assert list(readers[0]) == [1]
    assert next(begun) == 3


def test_two_generators_in_two_threads_do_not_feed_each_other(backend):
    """Each has given an item before it reads the other, so neither would ever have to wait."""
    both = threading.Barrier(2)

    @cached_structured(backend=backend, version=1, ignore=["first"])
    def walk(name: str, *, first: bool = True) -> Iterator[str]:
        yield name
        if first:
            both.wait(60)
            yield from walk({"a": "b", "b": "a"}[name], first=False)

    def read(name: str) -> list[str]:
        return list(itertools.islice(walk(name), MANY))

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(read, "ab"))
    assert max(map(len, found)) < MANY
    assert [items[:2] for items in found] == [["a", "b"], ["b", "a"]]
