"""One process of the session that the ledger is checked against: `ledger_worker.py URL NAME`.

What it does, and so what must be counted, stands in `test_ledger_session.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import BaseModel

from llmcache import CacheMissError, cached_structured, configure, mode, open_backend
from llmcache.backends.base import Entry
from llmcache.codecs import Usage as Taken
from llmcache.engine import answering
from llmcache.engine.keeping import tell_usage
from llmcache.errors import BackendUnavailableError
from llmcache.ledger import book
from llmcache.testing import ManualClock

URL, NAME = sys.argv[1], sys.argv[2]
clock = ManualClock(start=1_800_000_000.0 // 86_400 * 86_400)
configure(clock=clock, backend_timeout="1m")
book.FLUSH_PATIENCE = 60.0
backend: Any = open_backend(URL, clock=clock)


class Usage(BaseModel):
    """As providers tell it."""

    prompt_tokens: int = 10
    completion_tokens: int = 2


class Reply(BaseModel):
    """An answer that says what it took, as a completion does."""

    text: str
    model: str = "small"
    usage: Usage = Usage()
    choices: list[str] = []


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what others do, at most for so long that they will not do it any more."""
    for _ in range(30_000):
        if holds():
            return
        time.sleep(0.001)
    raise AssertionError


def held_for(waiters: int) -> Callable[[], bool]:
    """Whether so many follow what runs; a task counts as a waiter of its own."""
    return lambda: any(each.interested >= waiters for each in answering.flights.running.values())


options: dict[str, Any] = {
    "backend": backend,
    "name": "ask",
    "version": 1,
    "ttl": "1h",
    "stale_if_error": "1h",
    "ignore": ["fails", "until"],
}


ran: list[str] = []
"""The questions that really were asked, one for each run."""


@cached_structured(**options)
def ask(text: str, *, fails: bool = False, until: Callable[[], bool] = lambda: True) -> Reply:
    ran.append(text)
    wait_until(until)
    if fails:
        raise ValueError(text)
    clock.advance(2)
    return Reply(text=text)


@cached_structured(**options)
async def aask(
    text: str, *, fails: bool = False, until: Callable[[], bool] = lambda: True
) -> Reply:
    ran.append(text)
    await asyncio.to_thread(wait_until, until)
    clock.advance(2)
    return Reply(text=text)


@cached_structured(**{**options, "stale_while_revalidate": "1h", "ignore": ()})
def soon(text: str) -> Reply:
    ran.append(text)
    clock.advance(2)
    return Reply(text=text)


@cached_structured(**{**options, "ignore": ()})
def spell(text: str) -> Iterator[Reply]:
    """A stream that says what it took when it ends, as that of a cached client does."""
    ran.append(text)
    yield Reply(text=text)
    last = Reply(text=text)
    tell_usage(last, Taken("small", 10, 2))
    yield last


@cached_structured(on_uncacheable="bypass", **{**options, "ignore": ()})
def odd(thing: Any) -> Reply:
    return Reply(text=str(type(thing)))


def of_this_process(text: str) -> str:
    """A question that no other process asks."""
    return f"{NAME} {text}"


def hits_and_misses() -> None:
    """Two misses (absent); 3 hits, 4 by threads, 5 by tasks."""
    first, second = of_this_process("first"), of_this_process("second")
    ask(first)
    ask(second)
    for _ in range(3):
        ask(first)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, [first] * 4))

    async def tasks() -> None:
        await asyncio.gather(*[aask(first) for _ in range(5)])

    asyncio.run(tasks())


def waits() -> None:
    """Two misses (absent), one of a thread and one of a task; 2 waits of threads, 3 of tasks."""
    one, other = of_this_process("threads"), of_this_process("tasks")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: ask(one, until=held_for(2)), range(3)))

    async def tasks() -> None:
        await asyncio.gather(*[aask(other, until=held_for(4)) for _ in range(4)])

    asyncio.run(tasks())


def other_reasons() -> None:
    """A miss each: refresh, unreadable, error, offline (which is refused)."""
    text = of_this_process("first")
    ask.cache_refresh(text)
    key = ask.cache_key(of_this_process("second")).digest
    found = backend.get(key)
    assert isinstance(found, Entry)
    backend.put(key, found._replace(value=b"junk"))
    ask(of_this_process("second"))
    with contextlib.suppress(ValueError):
        ask(of_this_process("wrong"), fails=True)
    with mode("offline"), contextlib.suppress(CacheMissError):
        ask(of_this_process("never"))


def stale_answers() -> None:
    """After expiry: a stale answer for an error, one in mode offline, a miss (expired)."""
    clock.advance("65m")
    text = of_this_process("first")
    ask(text, fails=True)
    with mode("offline"):
        ask(text)
    ask(text)


def refreshes_behind_the_caller() -> None:
    """A miss (absent), a stale answer (revalidate) with its refresh, a hit."""
    text = of_this_process("soon")
    soon(text)
    clock.advance("65m")
    soon(text)
    wait_until(lambda: not answering.refreshes.running)
    soon(text)


def streams() -> None:
    """A miss (absent) and a hit, each read to its end."""
    for _ in range(2):
        assert len(list(spell(of_this_process("spelled")))) == 2


def bypasses_and_failures() -> None:
    """Two bypasses for the mode, one for the argument; a failure of the store, and its miss."""
    with mode("off"):
        ask("off")
        ask("off")
    odd(object())

    def failing(key: str) -> Any:
        raise BackendUnavailableError("gone", operation="get")

    backend.get = failing
    ask(of_this_process("failing"))
    del backend.get


def hits_of_a_child() -> None:
    """Two hits in a child of multiprocessing, which ends without `atexit`."""
    child = multiprocessing.get_context("fork").Process(target=two_hits)
    child.start()
    child.join()
    assert child.exitcode == 0


def two_hits() -> None:
    for _ in range(2):
        ask(of_this_process("first"))


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    refreshes_behind_the_caller()
    hits_and_misses()
    waits()
    other_reasons()
    stale_answers()
    streams()
    bypasses_and_failures()
    hits_of_a_child()
    backend.close()
    print(len(ran))  # noqa: T201 - for the test
