"""A stream that several read: nobody hangs, nobody gets another's interrupt, each counts once."""

from __future__ import annotations

import asyncio
import contextvars
import csv
import gc
import itertools
import threading
import warnings
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from llmcache import (
    LRUBackend,
    SQLiteBackend,
    UncacheableResultWarning,
    cached_structured,
    record,
)
from llmcache.engine import answering
from llmcache.engine.delivery import live
from llmcache.events import Hit, Miss, Stale, Wait
from llmcache.testing import ManualClock


class Steps:
    """What a source does at each item: counted, and held where the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.hold_at: int | None = None
        self.reached, self.gate = threading.Event(), threading.Event()
        self.errors: dict[int, BaseException] = {}

    def at(self, number: int) -> int:
        if number == self.hold_at:
            self.reached.set()
            assert self.gate.wait(60)
        error = self.errors.pop(number, None)
        if error is not None:
            raise error
        return number

    def items(self, count: int) -> Iterator[int]:
        self.begun += 1
        for number in range(count):
            yield self.at(number)

    async def aitems(self, count: int) -> AsyncIterator[int]:
        self.begun += 1
        for number in range(count):
            await asyncio.sleep(0)
            yield self.at(number)


@pytest.fixture
def steps() -> Steps:
    return Steps()


def cached(steps: Steps, **options: Any) -> Any:
    """A cached generator function over the steps."""

    @cached_structured(
        **{"backend": LRUBackend(), "name": "items", "version": 1, "ignore": ["steps"]} | options
    )
    def items(count: int, steps: Steps = steps) -> Iterator[int]:
        yield from steps.items(count)

    return items


def acached(steps: Steps, **options: Any) -> Any:
    """As `cached`, async."""

    @cached_structured(
        **{"backend": LRUBackend(), "name": "items", "version": 1, "ignore": ["steps"]} | options
    )
    async def items(count: int, steps: Steps = steps) -> AsyncIterator[int]:
        async for item in steps.aitems(count):
            yield item

    return items


def test_what_has_come_is_read_while_another_thread_waits_for_more(steps):
    items = cached(steps)
    steps.hold_at = 2
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(lambda: list(items(4)))
        assert steps.reached.wait(60)
        quick = items(4)
        assert [next(quick), next(quick)] == [0, 1]
        quick.close()
        steps.gate.set()
        assert slow.result() == [0, 1, 2, 3]
    assert steps.begun == 1


def test_an_interrupt_in_one_reader_is_not_raised_in_another(steps):
    items = cached(steps)
    one, two = items(4), items(4)
    assert [next(one), next(two)] == [0, 0]
    steps.errors[1] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        next(one)
    assert list(two) == [1, 2, 3]
    assert steps.begun == 2
    assert list(items(4)) == [0, 1, 2, 3]


async def test_nor_is_a_cancellation_from_within(steps):
    items = acached(steps)
    steps.errors[1] = asyncio.CancelledError()
    one, two = items(4), items(4)
    assert [await anext(one), await anext(two)] == [0, 0]
    with pytest.raises(asyncio.CancelledError):
        await anext(one)
    assert [item async for item in two] == [1, 2, 3]
    assert steps.begun == 2


def test_a_generator_that_asks_for_itself_goes_on_by_itself(steps):
    depth: list[int] = []

    @cached_structured(backend=LRUBackend(), version=1, ignore=["depth"])
    def items(depth: list[int] = depth) -> Iterator[int]:
        depth.append(1)
        if len(depth) < 3:
            yield from items()
        yield len(depth)

    assert list(items()) == [3, 3, 3]


async def test_so_does_an_async_one(steps):
    depth: list[int] = []

    @cached_structured(backend=LRUBackend(), version=1, ignore=["depth"])
    async def items(depth: list[int] = depth) -> AsyncIterator[int]:
        depth.append(1)
        if len(depth) < 3:
            async for item in items():
                yield item
        yield len(depth)

    assert [item async for item in items()] == [3, 3, 3]


def test_two_generators_that_read_each_other_in_two_threads_do_not_hang():
    both = threading.Barrier(2)

    @cached_structured(backend=LRUBackend(), version=1, ignore=["first"])
    def items(name: str, *, first: bool = True) -> Iterator[str]:
        if first:
            both.wait(60)
        if first:
            yield from items({"a": "b", "b": "a"}[name], first=False)
        yield name

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda name: list(items(name))[-1], "ab"))
    assert found == ["a", "b"]


def ending(items: Generator[Any, None, Any]) -> tuple[list[Any], Any]:
    """All items, and what the generator returned."""
    found: list[Any] = []

    def read() -> Generator[Any, None, None]:
        found.append((yield from items))

    return list(read()), found[0]


@pytest.mark.parametrize("returned", ["the end", None, 0, ["a", 1]])
def test_a_value_that_a_generator_returns_is_stored_and_replayed(steps, returned):
    @cached_structured(backend=LRUBackend(), version=1, ignore=["steps"])
    def items(steps: Steps = steps) -> Generator[int, None, Any]:
        yield from steps.items(2)
        return returned

    first, second = items(), items()
    assert next(first) == next(second) == 0
    assert ending(first) == ending(second) == ([1], returned)
    assert ending(items()) == ([0, 1], returned)
    assert steps.begun == 1


def test_it_comes_to_who_asks_anew_in_the_middle_too(steps):
    @cached_structured(backend=LRUBackend(), version=1, ignore=["steps"])
    def items(steps: Steps = steps) -> Generator[int, None, str]:
        yield from steps.items(3)
        return "the end"

    one, two = items(), items()
    assert next(one) == next(two) == 0
    steps.errors[1] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        next(one)
    assert ending(two) == ([1, 2], "the end")


def test_one_that_returns_what_cannot_be_stored_is_handed_on_and_not_stored():
    @cached_structured(backend=LRUBackend(), version=1)
    def items() -> Generator[int, None, Any]:
        yield 1
        return threading.Lock

    with pytest.warns(UncacheableResultWarning):
        assert ending(items()) == ([1], threading.Lock)
    assert items.cache_info().currsize == 0


def numbers(kind: str, path: Any) -> Any:
    """An iterator that can do more than iterate, or nothing more."""
    if kind == "file":
        return path.open(encoding="utf-8")
    if kind == "rows":
        return csv.reader(["a,b"])
    return {"list": iter, "map": partial(map, str), "chain": itertools.chain}[kind](["a", "b"])


@pytest.mark.parametrize(("kind", "name"), [("file", "TextIOWrapper"), ("rows", "reader")])
def test_an_iterator_that_can_do_more_is_handed_back_itself(kind, name, tmp_path):
    (tmp_path / "a").write_text("a\nb\n", encoding="utf-8")

    @cached_structured(backend=LRUBackend(), version=1, ignore=["path"])
    def rows(path: Any) -> Any:
        return numbers(kind, path)

    with pytest.warns(UncacheableResultWarning):
        first = rows(tmp_path / "a")
    second = rows(tmp_path / "a")
    assert type(first).__name__ == type(second).__name__ == name
    assert list(first) == list(second) != []
    for one in (first, second):
        getattr(one, "close", lambda: None)()


def test_no_two_callers_share_one(steps, wait_interested):
    @cached_structured(backend=LRUBackend(), version=1, ignore=["steps"])
    def rows(steps: Steps = steps) -> Any:
        steps.at(0)
        return csv.reader(["a,b"])

    steps.hold_at = 0
    with ThreadPoolExecutor(3) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", UncacheableResultWarning)
        callers = [pool.submit(rows) for _ in range(3)]
        assert steps.reached.wait(60)
        wait_interested(2)
        steps.gate.set()
        assert [list(caller.result()) for caller in callers] == [[["a", "b"]]] * 3


@pytest.mark.parametrize("kind", ["list", "map", "chain"])
def test_one_that_can_do_nothing_more_is_a_stream(kind):
    @cached_structured(backend=LRUBackend(), version=1)
    def items() -> Any:
        return numbers(kind, None)

    expected = list(numbers(kind, None))
    assert list(items()) == list(items()) == expected
    assert items.cache_info().hits == 1


async def test_nothing_can_be_sent_into_a_stream_that_others_may_read(steps):
    one = cached(steps)(2)
    next(one)
    with pytest.raises(TypeError, match=r"send\(\)"):
        one.send("sent")
    other = acached(steps)(2)
    await anext(other)
    with pytest.raises(TypeError, match=r"send\(\)"):
        await other.asend("sent")


async def test_an_async_source_runs_in_one_task_and_one_context():
    where = contextvars.ContextVar("where", default="nowhere")

    @cached_structured(backend=LRUBackend(), version=1, ignore=["tasks"])
    async def items(tasks: set[Any]) -> AsyncIterator[str]:
        token = where.set("inside")
        async with asyncio.timeout(60):
            for _ in range(3):
                tasks.add(asyncio.current_task())
                yield where.get()
        where.reset(token)

    tasks: set[Any] = set()
    assert [item async for item in items(tasks)] == ["inside"] * 3
    assert len(tasks) == 1


async def test_no_item_is_asked_for_before_it_is_wanted(steps):
    given: list[int] = []

    @cached_structured(backend=LRUBackend(), version=1, ignore=["given"])
    async def items(given: list[int] = given) -> AsyncIterator[int]:
        for number in range(3):
            given.append(number)
            yield number

    one, two = items(), items()
    assert [await anext(one), await anext(two)] == [0, 0]
    await asyncio.sleep(0)
    assert given == [0]
    await one.aclose()
    await two.aclose()


async def test_an_async_source_whose_last_reader_leaves_is_closed_before_he_goes(steps):
    closed: list[str] = []

    @cached_structured(backend=LRUBackend(), version=1, ignore=["closed"])
    async def items(closed: list[str] = closed) -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    one = items()
    await anext(one)
    await one.aclose()
    assert closed == ["closed"]
    assert not live.running


def test_a_stream_that_nobody_begins_to_read_leaves_nothing(steps):
    @cached_structured(backend=LRUBackend(), version=1, ignore=["steps"])
    def items(steps: Steps = steps) -> Any:
        return steps.items(3)

    items()
    gc.collect()
    assert not live.running


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_one_that_another_process_invalidated_is_not_joined(steps, tmp_path, kind):
    here = there = LRUBackend()
    if kind == "file":
        here, there = (SQLiteBackend(tmp_path / "a.db") for _ in range(2))
    with here, there:
        items = cached(steps, backend=here)
        before = items(3)
        assert next(before) == 0
        key = items.cache_key(3).digest
        there.invalidate(key, items._self_variant.plan().scope)
        assert list(items(3)) == [0, 1, 2]
        assert list(before) == [1, 2]
        assert steps.begun == 2


def test_each_reader_counts_once_whatever_becomes_of_the_stream(steps):
    @cached_structured(backend=LRUBackend(), version=1, ignore=["steps"])
    def items(steps: Steps = steps) -> Any:
        return steps.items(3)

    with record() as calls:
        one, two = items(), items()
        next(one)
        one.close()
        assert list(two) == [0, 1, 2]
        assert list(items()) == [0, 1, 2]
    counted = [type(e).__name__ for e in calls if isinstance(e, Hit | Miss | Wait)]
    assert counted == ["Miss", "Wait", "Hit"]


async def test_two_colours_under_one_name_replay_each_in_its_own(steps):
    backend = LRUBackend()
    items, aitems = cached(steps, backend=backend), acached(steps, backend=backend)
    assert list(items(3)) == [0, 1, 2]
    assert [item async for item in aitems(3)] == [0, 1, 2]
    assert steps.begun == 1
    one, two = items(2), aitems(2)
    assert (next(one), await anext(two)) == (0, 0)
    assert (list(one), [item async for item in two]) == ([1], [1])


def test_an_expired_stream_is_refreshed_behind_its_reader(steps, clock: ManualClock, settled):
    items = cached(steps, backend=LRUBackend(clock=clock), ttl="1m", stale_while_revalidate="1h")
    assert list(items(3)) == [0, 1, 2]
    clock.advance("2m")
    with record() as calls:
        assert list(items(3)) == [0, 1, 2]
        settled()
        assert list(items(3)) == [0, 1, 2]
    assert [len(calls.of(kind)) for kind in (Stale, Hit)] == [1, 1]
    assert steps.begun == 2


async def test_so_is_an_async_one_and_a_returned_coroutine(steps, model, clock: ManualClock):
    backend = LRUBackend(clock=clock)
    options: dict[str, Any] = {"ttl": "1m", "stale_while_revalidate": "1h", "backend": backend}
    items = acached(steps, **options)

    @cached_structured(version=1, ignore=["model"], **options)
    def ask(text: str, model: Any = model) -> Any:
        return model.acomplete(text)

    assert [item async for item in items(3)] == [0, 1, 2]
    assert (await ask("a")).number == 1
    clock.advance("2m")
    assert [item async for item in items(3)] == [0, 1, 2]
    assert (await ask("a")).number == 1
    await asyncio.gather(*answering.refreshes.tasks)
    assert [item async for item in items(3)] == [0, 1, 2]
    assert (await ask("a")).number == 2
    assert (steps.begun, model.calls) == (2, 2)
    assert [function.cache_info().hits for function in (items, ask)] == [1, 1]


def test_a_refresh_for_which_there_is_no_thread_costs_nobody_his_answer(
    steps, clock: ManualClock, monkeypatch, caplog
):
    items = cached(steps, backend=LRUBackend(clock=clock), ttl="1m", stale_while_revalidate="1h")
    list(items(3))
    clock.advance("2m")

    def refuse(thread: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert list(items(3)) == [0, 1, 2]
    monkeypatch.undo()
    assert not answering.refreshes.running
    assert answering.refreshes.threads == 0
    answering.refreshes.failed.clear()
