"""Invalidation beats a running computation: on every backend, in whatever order things happen.

Each interleaving is driven by gates, never by time: a computation is held at a chosen step, the
invalidation is made at another, and the outdated value must not be served afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llmcache import LRUBackend, SQLiteBackend, TieredBackend, cached_structured, store

BACKENDS = ("memory", "file", "tier", "other process's tier")


@pytest.fixture(params=BACKENDS)
def backends(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[tuple[Any, Any]]:
    """Who computes and who invalidates: one backend, or two as two processes would have."""
    path = tmp_path / "a.db"
    if request.param == "memory":
        first = second = LRUBackend()
    elif request.param == "file":
        first = second = SQLiteBackend(path)
    elif request.param == "tier":
        first = second = TieredBackend(LRUBackend(), SQLiteBackend(path))
    else:
        first = TieredBackend(LRUBackend(), SQLiteBackend(path))
        second = TieredBackend(LRUBackend(), SQLiteBackend(path))
    yield first, second
    first.close()
    second.close()


class World:
    """A value that changes, and two functions that read it, as two processes would."""

    def __init__(self, backends: tuple[Any, Any], model: Any) -> None:
        self.model = model

        def decorate(backend: Any) -> Any:
            @cached_structured(backend=backend, name="ask", version=1, ignore=["model"])
            def ask(text: str, model: Any = model) -> int:
                seen = model.value
                model.complete(text)
                return int(seen)

            return ask

        model.value = 1
        self.here, self.there = (decorate(backend) for backend in backends)


@pytest.fixture
def world(backends, model) -> World:
    return World(backends, model)


FORGET = {
    "invalidate": lambda ask: ask.cache_invalidate("a"),
    "clear": lambda ask: ask.cache_clear(),
}


@pytest.mark.parametrize("forget", FORGET.values(), ids=FORGET)
def test_what_was_being_computed_is_not_stored(world, model, forget):
    model.hold()
    pool = ThreadPoolExecutor(1)
    running = pool.submit(world.here, "a")
    model.wait_begun()
    model.value = 2
    forget(world.there)
    model.release()
    assert running.result() == 1
    assert [world.here("a"), world.there("a")] == [2, 2]
    pool.shutdown()


@pytest.mark.parametrize("forget", FORGET.values(), ids=FORGET)
def test_who_asks_after_it_never_gets_the_outdated_value(world, model, forget):
    model.hold()
    pool = ThreadPoolExecutor(4)
    before = [pool.submit(world.here, "a")]
    model.wait_begun()
    model.value = 2
    forget(world.there)
    after = [pool.submit(world.here, "a"), pool.submit(world.there, "a")]
    model.release()
    assert [future.result() for future in after] == [2, 2]
    assert before[0].result() == 1
    assert [world.here("a"), world.there("a")] == [2, 2]
    pool.shutdown()


@pytest.mark.parametrize("forget", FORGET.values(), ids=FORGET)
def test_what_is_stored_is_seen_to_be_gone_at_the_next_call(world, model, forget):
    assert [world.here("a"), world.there("a")] == [1, 1]
    model.value = 2
    forget(world.there)
    assert [world.here("a"), world.there("a")] == [2, 2]


def test_a_refresh_beats_what_was_computed_before_it(world, model):
    model.hold()
    pool = ThreadPoolExecutor(2)
    old = pool.submit(world.here, "a")
    model.wait_begun()
    model.value = 2
    new = pool.submit(world.there.cache_refresh, "a")
    model.release()
    assert (old.result(), new.result()) == (1, 2)
    assert [world.here("a"), world.there("a")] == [2, 2]
    pool.shutdown()


@pytest.mark.parametrize("step", ["get", "claim", "settle", "put_if", "epoch"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", FORGET)
def test_at_every_step_of_the_store(world, monkeypatch, step, when, how):
    """The value changes and is invalidated exactly before or after one operation of a miss."""
    model = world.model
    operations = store.store_of(world.here.cache_backend).operations
    real, done = operations[step], []

    def operation(*args: Any, **kwargs: Any) -> Any:
        def invalidate() -> None:
            if not done:
                done.append(1)
                model.value = 2
                FORGET[how](world.there)

        if when == "before":
            invalidate()
        result = real(*args, **kwargs)
        invalidate()
        return result

    monkeypatch.setitem(operations, step, operation)
    world.here("a")
    monkeypatch.undo()
    assert [world.here("a"), world.there("a")] == [model.value, model.value]


async def test_async_calls_are_under_the_same_rule(backends, model):
    first, second = backends

    def decorate(backend: Any) -> Any:
        @cached_structured(backend=backend, name="ask", version=1, ignore=["model"])
        async def ask(text: str, model: Any = model) -> int:
            seen = model.value
            await model.acomplete(text)
            return int(seen)

        return ask

    here, there = decorate(first), decorate(second)
    model.value = 1
    model.hold()
    running = asyncio.create_task(here("a"))
    await asyncio.to_thread(model.wait_begun)
    model.value = 2
    await there.cache_invalidate("a")
    after = asyncio.create_task(here("a"))
    await asyncio.sleep(0)
    model.release()
    assert (await running, await after) == (1, 2)
    assert [await here("a"), await there("a")] == [2, 2]
