"""An interrupt at any moment of a call: no flight stays on the board, and no lease in the store.

It is raised in the call itself, at one moment after the other of what stands between a caller and
the store.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from llmcache import SQLiteBackend, cached_structured
from llmcache.engine import answering, driving, flow
from llmcache.flight import board, flight, leases

INTERRUPTED = {module.__file__ for module in (answering, board, driving, flight, flow, leases)}


class Interrupt:
    """Raises `KeyboardInterrupt` in this thread at the n-th moment at which Python could.

    It looks for signals where a function is entered and when a built-in one has returned.
    """

    def __init__(self, at: int) -> None:
        self.left = at

    def passes(self, frame: FrameType, event: str, argument: object) -> None:
        """Something was called, or has returned."""
        if event in {"call", "c_return"} and frame.f_code.co_filename in INTERRUPTED:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def interrupted(call: Callable[[], object], at: int) -> bool:
    """Whether the call has so many moments; it was interrupted at that one then."""
    interrupt = Interrupt(at)
    sys.setprofile(interrupt.passes)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return interrupt.left <= 0


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[SQLiteBackend]:
    with SQLiteBackend(tmp_path / "a.db") as backend:
        yield backend


def wait_for_no_lease(path: Path) -> None:
    """What could not be given back in the call is given back by the thread, and not renewed.

    Only who gives a lease back removes its row: that of one that expires stays.
    """
    turn = threading.Event()
    with sqlite3.connect(path) as raw:
        for _ in range(30_000):
            (standing,) = raw.execute("SELECT count(*) FROM lease").fetchone()
            if not standing and not leases.renewals.due():
                break
            turn.wait(0.001)
    raw.close()
    assert (standing, leases.renewals.due()) == (0, [])


# An interrupt in a finalizer, and a coroutine that was not awaited because of one.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_no_flight_and_no_lease_stays_after_an_interrupt_at_any_moment(backend, mode, request):
    @cached_structured(backend=backend, name="ask", version=1)
    def ask(text: str) -> str:
        return text

    @cached_structured(backend=backend, name="ask", version=1)
    async def aask(text: str) -> str:
        return text

    def call(text: str) -> object:
        return ask(text) if mode == "sync" else asyncio.run(aask(text))

    call("the file is made, and all is imported")
    gc.freeze()  # so that each collection below looks at little
    request.addfinalizer(gc.unfreeze)
    for at in itertools.count(1):
        text = f"question {at}"
        if not interrupted(lambda text=text: call(text), at):
            break
        if mode == "async":
            gc.collect()  # a task and its exception hold each other
        # One whose loop has stopped is taken off by the next caller.
        assert all(one.stranded for one in answering.flights.running.values()), at
        wait_for_no_lease(backend.path)
        assert ask(text) == text
    assert at > 50
