"""Generators and async generators: items as they come, stored when exhausted, replayed on a hit."""

from __future__ import annotations

import asyncio
import collections.abc
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from llmcache import LRUBackend, UncacheableResultWarning, cached_structured
from llmcache.engine import answering


class Item(BaseModel):
    number: int


class Source:
    """Counts how often it was begun, how many items it gave, and whether it was closed."""

    def __init__(self) -> None:
        self.begun = 0
        self.given = 0
        self.closed = 0
        self.fail_at: int | None = None

    def items(self, count: int) -> Iterator[Item]:
        self.begun += 1
        try:
            for number in range(count):
                if number == self.fail_at:
                    raise ValueError("broken off")
                self.given += 1
                yield Item(number=number)
        finally:
            self.closed += 1

    async def aitems(self, count: int) -> AsyncIterator[Item]:
        for item in self.items(count):
            await asyncio.sleep(0)
            yield item


Collect = Callable[..., list[int]]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def stream(mode: str, source: Source) -> Any:
    """A cached generator of the test's colour."""
    if mode == "sync":

        @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
        def items(count: int, source: Source = source) -> Iterator[Item]:
            yield from source.items(count)

        return items

    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    async def aitems(count: int, source: Source = source) -> AsyncIterator[Item]:
        async for item in source.aitems(count):
            yield item

    return aitems


@pytest.fixture
def collect(mode: str) -> Any:
    """Takes some items of a stream, all when no number is given, and closes it."""

    def sync(stream: Any, limit: int | None = None) -> list[int]:
        got = []
        for item in stream:
            got.append(item.number)
            if len(got) == limit:
                break
        stream.close()
        return got

    async def take(stream: Any, limit: int | None) -> list[int]:
        got = []
        async for item in stream:
            got.append(item.number)
            if len(got) == limit:
                break
        await stream.aclose()
        return got

    return sync if mode == "sync" else lambda stream, limit=None: asyncio.run(take(stream, limit))


def test_an_exhausted_stream_is_stored_and_replayed(stream, collect, source):
    assert collect(stream(3)) == collect(stream(3)) == [0, 1, 2]
    assert (source.begun, source.given) == (1, 3)


def test_an_empty_stream_is_an_answer(stream, collect, source):
    assert collect(stream(0)) == collect(stream(0)) == []
    assert source.begun == 1


def test_nothing_happens_before_the_first_item_is_asked_for(stream, source, mode):
    running = stream(3)
    assert source.begun == 0
    if mode == "sync":
        running.close()


def test_what_is_called_stays_a_generator(stream, mode):
    check = inspect.isgenerator if mode == "sync" else inspect.isasyncgen
    function = inspect.isgeneratorfunction if mode == "sync" else inspect.isasyncgenfunction
    assert function(stream)
    assert check(stream(1))


def test_items_reach_the_caller_as_they_come(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    def items(count: int, source: Source = source) -> Iterator[Item]:
        yield from source.items(count)

    running = items(3)
    next(running)
    assert source.given == 1
    running.close()


def test_one_that_is_closed_early_is_closed_and_not_stored(stream, collect, source):
    assert collect(stream(3), 2) == [0, 1]
    assert source.closed == 1
    assert collect(stream(3)) == [0, 1, 2]
    assert source.begun == 2


def test_one_that_breaks_off_raises_and_is_not_stored(stream, collect, source):
    source.fail_at = 1
    with pytest.raises(ValueError, match="broken off"):
        collect(stream(3))
    source.fail_at = None
    assert collect(stream(3)) == [0, 1, 2]
    assert source.begun == 2
    assert not answering.live.running


def test_two_readers_in_one_thread_share_one_source(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    def items(count: int, source: Source = source) -> Iterator[Item]:
        yield from source.items(count)

    pairs = [(one.number, two.number) for one, two in zip(items(3), items(3), strict=True)]
    assert pairs == [(0, 0), (1, 1), (2, 2)]
    assert source.begun == 1


def test_one_reader_may_leave_and_the_other_reads_on(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    def items(count: int, source: Source = source) -> Iterator[Item]:
        yield from source.items(count)

    one, two = items(3), items(3)
    next(one)
    next(two)
    one.close()
    assert [item.number for item in two] == [1, 2]
    assert [item.number for item in items(3)] == [0, 1, 2]
    assert source.begun == 1


def test_a_source_that_somebody_holds_is_closed_when_its_last_reader_leaves(source):
    held = [source.items(3)]

    @cached_structured(backend=LRUBackend(), ignore=["held"], version=1)
    def items(held: list[Iterator[Item]] = held) -> Iterator[Item]:
        return held[0]

    one, two = items(), items()
    next(one)
    next(two)
    one.close()
    assert source.closed == 0
    two.close()
    assert source.closed == 1


def test_one_that_has_not_begun_when_the_others_left_begins_anew(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    def items(source: Source = source) -> Iterator[Item]:
        return source.items(3)

    one = items()
    two = items()
    next(one)
    one.close()
    assert [item.number for item in two] == [0, 1, 2]
    assert source.begun == 2


def test_threads_read_one_stream_each_from_its_beginning(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    def items(count: int, source: Source = source) -> Iterator[Item]:
        yield from source.items(count)

    found: list[list[int]] = []
    together = threading.Barrier(8)

    def read() -> None:
        together.wait(30)
        found.append([item.number for item in items(200)])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(200))] * 8
    assert source.given == 200


async def test_tasks_read_one_stream_and_a_cancelled_one_disturbs_nobody(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    async def items(count: int, source: Source = source) -> AsyncIterator[Item]:
        async for item in source.aitems(count):
            yield item

    all_read = asyncio.Barrier(5)

    async def read() -> list[int]:
        found: list[int] = []
        async for item in items(50):
            if not found:
                await all_read.wait()
            found.append(item.number)
            await asyncio.sleep(0)
        return found

    tasks = [asyncio.create_task(read()) for _ in range(5)]
    while not source.given > 1:
        await asyncio.sleep(0)
    tasks[0].cancel()
    rest = await asyncio.gather(*tasks[1:])
    assert tasks[0].cancelled()
    assert rest == [list(range(50))] * 4
    assert source.begun == 1


def test_what_is_invalidated_while_it_runs_is_not_stored(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    def items(count: int, source: Source = source) -> Iterator[Item]:
        yield from source.items(count)

    running = items(3)
    next(running)
    items.cache_invalidate(3)
    assert [item.number for item in running] == [1, 2]
    assert [item.number for item in items(3)] == [0, 1, 2]
    assert source.begun == 2


def test_a_plain_function_that_returns_a_generator_is_a_stream(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    def items(source: Source = source) -> Any:
        return source.items(3)

    for _ in range(2):
        assert [item.number for item in items()] == [0, 1, 2]
    assert source.begun == 1


async def test_a_coroutine_function_that_returns_an_async_generator_is_a_stream(source):
    @cached_structured(backend=LRUBackend(), ignore=["source"], version=1)
    async def items(source: Source = source) -> Any:
        return source.aitems(3)

    for _ in range(2):
        assert [item.number async for item in await items()] == [0, 1, 2]
    assert source.begun == 1


async def test_a_plain_function_that_returns_a_coroutine_is_awaited_and_stored(model):
    @cached_structured(backend=LRUBackend(), ignore=["model"], version=1)
    def ask(text: str, model: Any = model) -> Any:
        return model.acomplete(text)

    first = await ask("a")
    again = ask("a")
    assert inspect.isawaitable(again)
    assert (await again).number == first.number == model.calls == 1


class Slow(LRUBackend):
    """A store that must be asked in threads, and says from which it was."""

    blocking = True

    def __init__(self) -> None:
        super().__init__()
        self.asked_in: set[str] = set()

    def get(self, key: str) -> Any:
        self.asked_in.add(threading.current_thread().name)
        return super().get(key)

    async def aget(self, key: str) -> Any:
        return await asyncio.to_thread(self.get, key)


Reply = Any


async def test_one_that_says_so_asks_nothing_on_the_loop(model):
    backend = Slow()

    @cached_structured(backend=backend, ignore=["model"], version=1)
    def ask(text: str, model: Any = model) -> Awaitable[Reply]:
        return model.acomplete(text)

    @cached_structured(backend=backend, ignore=["model"], version=1)
    def ask_too(text: str, model: Any = model) -> collections.abc.Coroutine[Any, Any, Reply]:
        return model.acomplete(text)

    for function in (ask, ask_too):
        assert not inspect.iscoroutinefunction(function)
        assert (await function("a")).number == (await function("a")).number
        info = function.cache_info()
        assert (info.hits, info.misses) == (1, 1)
        assert (await function.cache_peek("a")).text == "a"
        assert await function.cache_invalidate("a")
    assert model.calls == 2
    assert backend.asked_in
    assert threading.current_thread().name not in backend.asked_in


async def test_and_concurrent_callers_of_it_share_one_call(model):
    @cached_structured(backend=LRUBackend(), ignore=["model"], version=1)
    def ask(text: str, model: Any = model) -> Any:
        return model.acomplete(text)

    answers = await asyncio.gather(*[ask("a") for _ in range(20)])
    assert {answer.number for answer in answers} == {1}
    assert model.calls == 1


def test_an_item_that_cannot_be_stored_reaches_the_reader_all_the_same():
    @cached_structured(backend=LRUBackend(), version=1)
    def items() -> Iterator[Any]:
        yield 1
        yield threading.Lock

    def both() -> list[Any]:
        return list(items())

    with pytest.warns(UncacheableResultWarning):
        assert both() == [1, threading.Lock]
