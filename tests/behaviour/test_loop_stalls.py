"""An event loop goes on while another process holds the database file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcache import SQLiteBackend, cached_structured

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""
IN_FLIGHT = 40
ALLOWED = 0.05
"""Seconds by which the cache may add to the longest stall of the loop."""
ROUNDS = 8
"""Turns at most, until one of them shows that it does not."""


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Locks the file of the test, in another process, until the test ends."""
    started = []

    def lock() -> None:
        holder = subprocess.Popen(  # noqa: S603 - the interpreter of the tests
            [sys.executable, "-c", HOLD, tmp_path / "a.db"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"

    yield lock
    for holder in started:
        holder.communicate("let go\n")


async def longest_stall(work: Callable[[], Awaitable[Any]], seconds: float) -> tuple[float, float]:
    """Seconds between two turns of the loop, at most, while work is done; and what that took.

    It is done again until so many seconds are over.
    """
    clock = asyncio.get_running_loop().time
    began = last = clock()
    longest = 0.0
    while True:
        task = asyncio.ensure_future(work())
        while not task.done():
            await asyncio.sleep(0.001)
            now = clock()
            last, longest = now, max(longest, now - last)
        await task
        if last - began >= seconds:
            return longest, last - began


async def ask(text: str) -> str:
    """The model: it takes a moment, and none of the loop's time."""
    await asyncio.sleep(0.02)
    return text


@pytest.mark.filterwarnings("ignore::llmcache.BackendWarning")
async def test_a_locked_file_stalls_the_loop_no_longer_than_no_cache_would(tmp_path, locked):
    """Both are measured in turns, for equally long, and the quietest turn counts.

    Others use the machine too, and may stop either for longer than what is allowed.
    """
    with SQLiteBackend(tmp_path / "a.db") as backend:
        cached = cached_structured(backend=backend, version=1)(ask)
        stored = [f"stored {number}" for number in range(IN_FLIGHT // 2)]
        await asyncio.gather(*map(cached, stored))
        locked()
        more: list[float] = []
        while len(more) < ROUNDS and min(more, default=ALLOWED + 1) > ALLOWED:
            texts = stored + [f"new {len(more)} {number}" for number in range(IN_FLIGHT // 2)]
            with_it, took = await longest_stall(lambda: asyncio.gather(*map(cached, texts)), 0.0)  # noqa: B023 - used at once
            without, _ = await longest_stall(lambda: asyncio.gather(*map(ask, texts)), took)  # noqa: B023 - as above
            more.append(with_it - without)
        assert cached.cache_info().hits == len(more) * len(stored)
    assert min(more) <= ALLOWED, more
