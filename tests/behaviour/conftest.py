"""One cached function in two colours, over a model that counts, can be held, and can fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from llmcache import LRUBackend, SQLiteBackend, cached_structured, configure
from llmcache.engine import answering
from llmcache.testing import LoopbackProvider, ManualClock


class Reply(BaseModel):
    """What the model answers: what it was asked, and how many times it had been asked."""

    text: str
    number: int


class Model:
    """Stands for what is behind the function: slow, counted, never asked twice at once.

    `hold()` keeps the calls inside until `release()`; `entered` counts those that have begun.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = 0
        self.running = 0
        self.most_at_once = 0
        self.error: BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)

    def hold(self) -> None:
        """From now on calls begin and do not end."""
        self.gate.clear()

    def release(self) -> None:
        """Let them end."""
        self.gate.set()

    def wait_begun(self) -> None:
        """Wait until one more call has begun."""
        assert self.begun.acquire(timeout=30)

    def enter(self) -> int:
        """A call begins."""
        with self.lock:
            self.calls += 1
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            number = self.calls
        self.begun.release()
        return number

    def leave(self) -> None:
        """A call ends."""
        with self.lock:
            self.running -= 1
        if self.error is not None:
            raise self.error

    def complete(self, text: str) -> Reply:
        """Answer."""
        number = self.enter()
        try:
            assert self.gate.wait(30)
        finally:
            self.leave()
        return Reply(text=text, number=number)

    async def acomplete(self, text: str) -> Reply:
        """As `complete`, async; a held call can be cancelled."""
        number = self.enter()
        try:
            while not self.gate.is_set():
                await asyncio.sleep(0.001)
        finally:
            self.leave()
        return Reply(text=text, number=number)


Made = Callable[..., "Colour"]


class Colour:
    """A cached function of one colour, called and asked as plain code in both."""

    def __init__(self, mode: str, model: Model, options: dict[str, Any]) -> None:
        self.mode = mode
        self.model = model
        if mode == "sync":

            @cached_structured(name="ask", version=1, ignore=["model"], **options)
            def ask(text: str, *, model: Model = model) -> Reply:
                return model.complete(text)

            self.function: Any = ask
        else:

            @cached_structured(name="ask", version=1, ignore=["model"], **options)
            async def aask(text: str, *, model: Model = model) -> Reply:
                return await model.acomplete(text)

            self.function = aask

    def settle(self, value: Any) -> Any:
        """The value, awaited where it is awaitable."""

        async def awaited() -> Any:
            return await value

        return asyncio.run(awaited()) if asyncio.iscoroutine(value) else value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.settle(self.function(*args, **kwargs))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.settle(getattr(self.function, name)(*args, **kwargs))

    def via(self, **settings: Any) -> Callable[..., Any]:
        """The function of `cache_with`."""
        variant = self.function.cache_with(**settings)
        return lambda *args, **kwargs: self.settle(variant(*args, **kwargs))


@pytest.fixture
async def provider() -> AsyncIterator[LoopbackProvider]:
    """A provider on loopback; the clients that it made are closed with it, async ones too."""
    async with LoopbackProvider() as started:
        yield started


@pytest.fixture
def model() -> Iterator[Model]:
    """The model of the test; nothing stays held when it ends."""
    model = Model()
    yield model
    model.release()


@pytest.fixture
def clock() -> ManualClock:
    """The clock of every call, from a fixed moment on."""
    clock = ManualClock()
    configure(clock=clock)
    return clock


@pytest.fixture
def made(mode: str, model: Model, clock: ManualClock) -> Made:
    """Makes cached functions of the test's colour, in memory unless told otherwise."""

    def make(**options: Any) -> Colour:
        return Colour(mode, model, {"backend": LRUBackend(clock=clock), **options})

    return make


@pytest.fixture(params=["memory", "file"])
def backend(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Any]:
    """Both kinds of backend: without leases and with them."""
    made = LRUBackend() if request.param == "memory" else SQLiteBackend(tmp_path / "a.db")
    with made:
        yield made


class Pair:
    """One function in two colours under one key, so that both kinds of caller share a flight."""

    def __init__(self, model: Any, backend: Any) -> None:
        self.model = model
        keying: dict[str, Any] = {"name": "ask", "version": 1, "ignore": ["model"]}

        @cached_structured(backend=backend, **keying)
        def ask(text: str, model: Any = model) -> Reply:
            return model.complete(text)

        @cached_structured(backend=backend, **keying)
        async def aask(text: str, model: Any = model) -> Reply:
            return await model.acomplete(text)

        self.ask, self.aask = ask, aask


@pytest.fixture
def pair(model: Any, backend: Any) -> Pair:
    return Pair(model, backend)


@pytest.fixture
def pair_in_memory(model: Any) -> Pair:
    """The pair where no lease has to end first, which takes its time."""
    return Pair(model, LRUBackend())


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for what others do, at most for so long that they will not do it any more."""
    turn = threading.Event()
    for _ in range(30_000):
        if holds():
            return
        turn.wait(0.001)
    raise AssertionError(answering.flights.running, answering.refreshes.running)


@pytest.fixture
def wait_interested() -> Callable[..., None]:
    """Waits until so many callers wait for a flight; a task that leads has its caller as one."""

    def wait(count: int, key: str = "") -> None:
        def found() -> bool:
            running = tuple(answering.flights.running.values())
            return any(f.interested >= count and key in {"", f.key[2]} for f in running)  # type: ignore[index]  # a seat

        wait_until(found)

    return wait


@pytest.fixture
def settled() -> Callable[[], None]:
    """Waits until no refresh runs."""
    return lambda: wait_until(lambda: not answering.refreshes.running)
