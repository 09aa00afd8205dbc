"""A caller who is cancelled is let go, whatever the store does that he waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcache import SQLiteBackend, cached_structured, configure
from llmcache.backends import Backend, Claim, Entry, Nothing, Scope
from llmcache.testing.contract.base import PlainBackend


class Gate:
    """Where an operation is held until the gate is opened; too late it opens by itself."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.late = False

    def pass_through(self) -> None:
        """Wait here."""
        self.reached.set()
        self.late = not self.opened.wait(30)


class Plain(PlainBackend):
    """A user's own store, which goes by nobody's patience."""

    def __init__(self, held: str, gate: Gate) -> None:
        super().__init__()
        self.held = held
        self.gate = gate

    def pass_by(self, operation: str) -> None:
        """What is held waits here."""
        if operation == self.held:
            self.gate.pass_through()

    def get(self, key: str) -> Entry | Nothing:
        self.pass_by("get")
        return super().get(key)

    def put(self, key: str, entry: Entry) -> None:
        self.pass_by("put")
        super().put(key, entry)


class Leased(SQLiteBackend):
    """A file of which one operation is held up, whatever patience the call has."""

    def __init__(self, path: Path, held: str, gate: Gate) -> None:
        super().__init__(path)
        self.held = held
        self.gate = gate
        self.done: list[str] = []
        self.released = threading.Event()

    def pass_by(self, operation: str) -> None:
        """What is held waits here."""
        if operation == self.held:
            self.gate.pass_through()

    def claim(
        self, key: str, scope: Scope, token: str, seconds: float, *, max_age: float | None
    ) -> Claim:
        self.pass_by("claim")
        claim = super().claim(key, scope, token, seconds, max_age=max_age)
        self.done.append("claim")
        return claim

    def release(self, key: str, token: str) -> None:
        self.pass_by("release")
        super().release(key, token)
        self.done.append("release")
        self.released.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def asking(backend: Backend) -> Any:
    """A function that is cached there."""

    @cached_structured(backend=backend, version=1)
    async def ask(text: str) -> str:
        return text

    return ask


async def cancelled_at(gate: Gate, call: Any) -> asyncio.Task[Any]:
    """The call's task, cancelled where the gate holds it."""
    task = asyncio.ensure_future(call)
    await asyncio.to_thread(gate.reached.wait)
    task.cancel()
    return task


async def test_one_who_waits_for_a_read_leaves_at_once(gate):
    configure(backend_timeout="1h")

    ask = asking(Plain("get", gate))

    task = await cancelled_at(gate, ask("a"))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not gate.late


async def test_what_was_paid_for_is_stored_where_that_comes_in_time(gate):
    configure(backend_timeout="1h")
    backend = Plain("put", gate)

    ask = asking(backend)

    task = await cancelled_at(gate, ask("a"))
    asyncio.get_running_loop().call_soon(gate.opened.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(backend.kept) == 1


async def test_one_who_waits_for_a_write_leaves_when_the_patience_of_the_call_is_over(gate):
    configure(backend_timeout="1ms")

    ask = asking(Plain("put", gate))

    task = await cancelled_at(gate, ask("a"))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not gate.late


async def test_a_lease_that_is_taken_after_its_caller_left_is_given_back_then(gate, tmp_path):
    configure(backend_timeout="1ms")
    with Leased(tmp_path / "a.db", "claim", gate) as backend:

        @cached_structured(backend=backend, version=1)
        async def ask(text: str) -> str:
            return text

        task = await cancelled_at(gate, ask("a"))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not gate.late
        assert backend.done == []
        gate.opened.set()
        assert await asyncio.to_thread(backend.released.wait, 30)
        assert backend.done == ["claim", "release"]
        assert await ask("a") == "a"


async def test_one_who_gives_his_lease_back_leaves_too(gate, tmp_path, model):
    configure(backend_timeout="1ms")
    with Leased(tmp_path / "a.db", "release", gate) as backend:
        model.hold()
        ask = cached_structured(backend=backend, version=1)(model.acomplete)
        task = asyncio.create_task(ask("a"))
        await asyncio.to_thread(model.wait_begun)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not gate.late
        gate.opened.set()
        assert await asyncio.to_thread(backend.released.wait, 30)
        assert backend.done == ["claim", "release"]
