"""Invalidation at every step of a computation: the outdated value is never served afterwards.

A call is a row of steps: each operation of its store and the computation itself, with a moment
before and after each. A scheduler does one or two things at chosen moments: invalidate, clear or
refresh, through the caller's own backend or through a second one on the same store, as another
process has it. The value that the function reads changes each time. All pairs of
moments and of things are tried, one after the other, without any thread or clock: 990 a colour.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmcache import (
    LRUBackend,
    SQLiteBackend,
    TieredBackend,
    cached_structured,
    configure,
    store,
)
from llmcache.testing.redis import server_or_skip

BACKENDS = ("memory", "file", "tier", "other process's tier", "redis")
DONE = ("invalidate", "clear", "refresh")
MOMENTS = range(10)
"""A miss has five steps: get, claim, compute, settle, put_manifest."""


@pytest.fixture(params=BACKENDS)
def backends(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[tuple[Any, Any]]:
    """Who computes, and who else uses the same store."""
    path = tmp_path / "a.db"
    if request.param == "redis":
        yield from redis_backends()
        return
    if request.param == "memory":
        first = second = LRUBackend(max_entries=None)
    elif request.param == "file":
        first, second = SQLiteBackend(path), SQLiteBackend(path)
    elif request.param == "tier":
        first = second = TieredBackend(LRUBackend(), SQLiteBackend(path))
    else:
        first = TieredBackend(LRUBackend(), SQLiteBackend(path))
        second = TieredBackend(LRUBackend(), SQLiteBackend(path))
    yield first, second
    first.close()
    second.close()


def redis_backends() -> Iterator[tuple[Any, Any]]:
    """Two clients of one server."""
    redis = pytest.importorskip("llmcache.backends.redis.backend")
    configure(backend_timeout="1m")
    with server_or_skip() as server:
        first, second = (redis.RedisBackend(server.url, timeout=60) for _ in range(2))
        yield first, second
        first.close()
        second.close()


class Scheduler:
    """Does what it was told at the moments of one call, and nothing within what it does."""

    def __init__(self) -> None:
        self.plan: dict[int, list[Callable[[], object]]] = {}
        self.moment = 0
        self.watching = False

    def passes(self) -> None:
        """A moment has come."""
        if not self.watching:
            return
        self.watching = False
        for act in self.plan.get(self.moment, ()):
            act()
        self.moment += 1
        self.watching = True

    def round(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        """A sync operation with a moment before and after it."""

        def scheduled(*args: Any, **named: Any) -> Any:
            self.passes()
            came = operation(*args, **named)
            self.passes()
            return came

        return scheduled

    def around(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        """As `round`, async."""

        async def scheduled(*args: Any, **named: Any) -> Any:
            self.passes()
            came = await operation(*args, **named)
            self.passes()
            return came

        return scheduled


class World:
    """A value that changes, and two functions that read it, as two processes have them."""

    def __init__(self, backends: tuple[Any, Any], mode: str) -> None:
        self.value = 0
        self.scheduler = Scheduler()
        self.runner = asyncio.Runner() if mode == "async" else None
        self.here, self.there = (self.decorate(backend) for backend in backends)
        self.caller = self.decorate_async(backends[0]) if self.runner else self.here

    def read(self) -> int:
        """The computation: what it read may be outdated when it ends."""
        self.scheduler.passes()
        seen = self.value
        self.scheduler.passes()
        return seen

    def decorate(self, backend: Any) -> Any:
        @cached_structured(backend=backend, name="ask", version=1, ignore=["world"])
        def ask(text: str, world: Any = self) -> int:
            return int(world.read())

        return ask

    def decorate_async(self, backend: Any) -> Any:
        @cached_structured(backend=backend, name="ask", version=1, ignore=["world"])
        async def ask(text: str, world: Any = self) -> int:
            return int(world.read())

        return ask

    def act(self, done: str, by: Any, text: str) -> Callable[[], object]:
        """The value changes, and that is told."""

        def change() -> None:
            self.value += 1
            if done == "invalidate":
                by.cache_invalidate(text)
            elif done == "clear":
                by.cache_clear()
            else:
                by.cache_refresh(text)

        return change

    def call(self, text: str) -> int:
        """The one call whose moments count."""
        self.scheduler.moment, self.scheduler.watching = 0, True
        came = self.caller(text)
        answer = int(self.runner.run(came) if self.runner else came)
        self.scheduler.watching = False
        return answer


@pytest.fixture
def world(backends, mode, monkeypatch) -> Iterator[World]:
    world = World(backends, mode)
    steps = world.scheduler
    for name in ("get", "run"):
        monkeypatch.setattr(store.Store, name, steps.round(getattr(store.Store, name)))
    for name in ("aget", "arun"):
        monkeypatch.setattr(store.Store, name, steps.around(getattr(store.Store, name)))
    yield world
    if world.runner:
        world.runner.close()


def schedules(world: World) -> Iterator[tuple[str, dict[int, list[Callable[[], object]]]]]:
    """All pairs of moments, of things done, and of who does them."""
    pairs = itertools.combinations_with_replacement(MOMENTS, 2)
    everything = itertools.product(pairs, DONE, DONE, (world.here, world.there))
    for number, ((first, second), one, two, by) in enumerate(everything):
        text = str(number)
        plan: dict[int, list[Callable[[], object]]] = {first: [world.act(one, by, text)]}
        plan.setdefault(second, []).append(world.act(two, world.there, text))
        yield text, plan


def test_no_outdated_value_is_served_after_any_of_990_interleavings(world):
    tried, outdated, moments = 0, [], 0
    for text, plan in schedules(world):
        world.scheduler.plan = plan
        world.call(text)
        moments = max(moments, world.scheduler.moment)
        world.scheduler.plan = {}
        served = [world.here(text), world.there(text)]
        tried += 1
        if served != [world.value] * 2:
            outdated.append((text, served, world.value))
    assert (tried, outdated) == (990, [])
    assert moments >= len(MOMENTS) - 2
