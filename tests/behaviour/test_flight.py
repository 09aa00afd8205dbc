"""One call per question, whoever asks, and what the others get when its leader goes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from llmcache import cached_structured, record
from llmcache.engine import answering
from llmcache.events import Miss, Wait
from llmcache.flight.flight import Flight


def only_flight() -> Flight[Any]:
    """The one flight that is under way."""
    (flight,) = answering.flights.running.values()
    return flight


def in_threads(count: int, work: Any) -> tuple[ThreadPoolExecutor, list[Any]]:
    pool = ThreadPoolExecutor(count)
    return pool, [pool.submit(work) for _ in range(count)]


@contextmanager
def loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """A second loop, running in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_threads_share_one_call_and_each_has_his_own_object(pair, model, wait_interested):
    model.hold()
    pool, futures = in_threads(50, lambda: pair.ask("a"))
    model.wait_begun()
    wait_interested(49)
    model.release()
    answers = [future.result() for future in futures]
    pool.shutdown()
    assert model.calls == 1
    assert len({id(answer) for answer in answers}) == 50
    assert {(answer.text, answer.number) for answer in answers} == {("a", 1)}


async def test_tasks_of_two_loops_and_threads_share_one_call(pair, model, wait_interested):
    model.hold()
    with loop_in_thread() as other:
        here = [asyncio.create_task(pair.aask("a")) for _ in range(100)]
        there = [asyncio.run_coroutine_threadsafe(pair.aask("a"), other) for _ in range(100)]
        pool, threads = in_threads(8, lambda: pair.ask("a"))
        await asyncio.to_thread(model.wait_begun)
        await asyncio.to_thread(wait_interested, 207)
        model.release()
        answers = [await task for task in here]
        answers += [await asyncio.wrap_future(future) for future in (*there, *threads)]
        pool.shutdown()
    assert model.calls == 1
    assert len({id(answer) for answer in answers}) == 208


def test_who_waited_is_told_as_a_wait(pair, model, wait_interested):
    model.hold()

    def told() -> list[str]:
        with record() as calls:
            pair.ask("a")
        return [type(event).__name__ for event in calls if isinstance(event, Miss | Wait)]

    pool, futures = in_threads(4, told)
    model.wait_begun()
    wait_interested(3)
    model.release()
    assert sorted(future.result()[0] for future in futures) == ["Miss", "Wait", "Wait", "Wait"]
    pool.shutdown()


class Exit(BaseException):
    """Something that is not an error of the function: an exit, an interrupt."""


def test_an_exception_reaches_all_who_wait_and_nobody_later(pair, model, wait_interested):
    model.hold()
    model.error = ValueError("once")
    pool, futures = in_threads(5, lambda: pair.ask("a"))
    model.wait_begun()
    wait_interested(4)
    model.release()
    assert {id(future.exception()) for future in futures} == {id(model.error)}
    pool.shutdown()
    model.error = None
    assert (pair.ask("a").number, model.calls) == (2, 2)


@pytest.mark.parametrize("exit_", [Exit, KeyboardInterrupt, SystemExit])
def test_when_a_leading_thread_exits_one_of_the_waiters_leads(pair, model, exit_, wait_interested):
    model.hold()
    model.error = exit_()
    leader = ThreadPoolExecutor(1).submit(pair.ask, "a")
    model.wait_begun()
    pool, waiters = in_threads(4, lambda: pair.ask("a"))
    wait_interested(4)
    error, model.error = model.error, None
    model.complete_error = error
    # the leader alone exits: it reads the error when it is let go, the next one finds none
    model.error = error
    once = model.leave

    def leave() -> None:
        model.leave = once
        try:
            once()
        finally:
            model.error = None

    model.leave = leave
    model.release()
    assert isinstance(leader.exception(), exit_)
    assert {waiter.result().number for waiter in waiters} == {2}
    assert model.calls == 2
    pool.shutdown()


async def test_a_cancelled_caller_fails_nobody_else(pair, model, wait_interested):
    model.hold()
    leader = asyncio.create_task(pair.aask("a"))
    await asyncio.to_thread(model.wait_begun)
    others = [asyncio.create_task(pair.aask("a")) for _ in range(3)]
    pool, threads = in_threads(2, lambda: pair.ask("a"))
    await asyncio.to_thread(wait_interested, 6)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    model.release()
    answers = [await task for task in others]
    answers += [await asyncio.wrap_future(future) for future in threads]
    pool.shutdown()
    assert {answer.number for answer in answers} == {1}
    assert model.calls == 1


async def test_the_last_caller_that_leaves_cancels_the_work(pair, model, wait_interested):
    model.hold()
    callers = [asyncio.create_task(pair.aask("a")) for _ in range(3)]
    await asyncio.to_thread(model.wait_begun)
    await asyncio.to_thread(wait_interested, 3)
    work = only_flight().task
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not answering.flights.running
    model.release()
    assert (await pair.aask("a")).number == 2


async def test_a_function_that_is_cancelled_from_within_cancels_its_caller_alone(
    model, backend, wait_interested
):
    @cached_structured(backend=backend, version=1, ignore=["model"])
    async def ask(model: Any = model) -> int:
        number = model.enter()
        while not model.gate.is_set():
            await asyncio.sleep(0.001)
        if number == 1:
            raise asyncio.CancelledError
        return number

    model.hold()
    leader = asyncio.create_task(ask())
    await asyncio.to_thread(model.wait_begun)
    other = asyncio.create_task(ask())
    await asyncio.to_thread(wait_interested, 2)
    model.release()
    with pytest.raises(asyncio.CancelledError):
        await leader
    assert await other == 2


async def test_a_timeout_round_a_call_stops_the_caller_and_not_the_others(pair, model):
    model.hold()
    leader = asyncio.create_task(pair.aask("a"))
    await asyncio.to_thread(model.wait_begun)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pair.aask("a"), 0.01)
    model.release()
    assert (await leader).number == model.calls == 1


def test_a_recursive_call_with_the_same_key_does_not_wait_for_itself(backend, mode):
    depth = []

    @cached_structured(backend=backend, version=1, ignore=["depth"])
    def ask(depth: list[int] = depth) -> int:
        depth.append(1)
        return ask() + 1 if len(depth) < 3 else 0

    @cached_structured(backend=backend, version=1, ignore=["depth"])
    async def aask(depth: list[int] = depth) -> int:
        depth.append(1)
        return await aask() + 1 if len(depth) < 3 else 0

    assert (ask() if mode == "sync" else asyncio.run(aask())) == 2


def test_two_leaders_that_ask_for_each_others_keys_do_not_hang(backend):
    both = threading.Barrier(2)

    @cached_structured(backend=backend, version=1, ignore=["first"])
    def ask(name: str, *, first: bool = True) -> str:
        if not first:
            return f"{name} alone"
        both.wait(30)
        return f"{name} after {ask({'a': 'b', 'b': 'a'}[name], first=False)}"

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, "ab"))
    assert len(answers) == 2
    assert any("alone" in answer for answer in answers)


async def test_a_sync_call_on_the_loop_thread_never_waits_for_a_flight_of_that_loop(pair, model):
    model.hold()
    leader = asyncio.create_task(pair.aask("a"))
    await asyncio.to_thread(model.wait_begun)
    threading.Timer(0, model.release).start()
    assert pair.ask("a").number == 2
    assert (await leader).number in {1, 2}


def test_a_caller_follows_no_longer_than_max_wait(model, backend):
    @cached_structured(backend=backend, max_wait=0.01, version=1, ignore=["model"])
    def ask(model: Any = model) -> int:
        number = model.enter()
        if number == 1:
            assert model.gate.wait(30)
        return number

    model.hold()
    leader = ThreadPoolExecutor(1).submit(ask)
    model.wait_begun()
    assert ask() == 2
    model.release()
    assert leader.result() == 1


async def test_a_loop_that_ends_in_the_middle_hands_its_work_to_a_waiter(
    pair, model, wait_interested
):
    model.hold()

    def run_and_end() -> None:
        async def main() -> None:
            task = asyncio.create_task(pair.aask("a"))
            await asyncio.to_thread(model.wait_begun)
            await asyncio.to_thread(wait_interested, 2)
            del task

        asyncio.run(main())

    ending = asyncio.create_task(asyncio.to_thread(run_and_end))
    while not answering.flights.running:
        await asyncio.sleep(0.001)
    waiter = asyncio.create_task(pair.aask("a"))
    await ending
    model.release()
    assert (await waiter).number == 2
