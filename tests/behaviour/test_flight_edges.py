"""What must not happen round a shared call: a hang, a lost lease, a changed exception."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llmcache import (
    BackendWarning,
    CacheMissError,
    ConfigurationError,
    LRUBackend,
    SQLiteBackend,
    cached_structured,
    configure,
)
from llmcache import mode as mode_of
from llmcache.backends.base import Claim, Held, Nothing, Scope
from llmcache.engine import answering, flow
from llmcache.engine.steps import Ask, Pause
from llmcache.flight.board import Flights, Lead
from llmcache.flight.leases import Renewals


@pytest.mark.parametrize("kind", [StopIteration, concurrent.futures.CancelledError, GeneratorExit])
def test_an_exception_that_means_something_to_python_arrives_as_it_was(made, model, mode, kind):
    if mode == "async" and kind is StopIteration:
        pytest.skip("a coroutine cannot raise it")
    ask = made()
    model.error = kind("as it was")
    with pytest.raises(kind) as caught:
        ask("a")
    assert caught.value is model.error
    assert not answering.flights.running


async def test_it_reaches_who_waits_in_another_colour_too(pair, model, wait_interested):
    model.hold()
    model.error = StopIteration("once")
    leader = ThreadPoolExecutor(1).submit(pair.ask, "a")
    await asyncio.to_thread(model.wait_begun)
    waiter = asyncio.create_task(pair.aask("a"))
    await asyncio.to_thread(wait_interested, 1)
    model.release()
    with pytest.raises(RuntimeError) as caught:
        await waiter
    assert caught.value.__cause__ is leader.exception() is model.error


class SlowClaims(SQLiteBackend):
    """Holds the first claim after it was taken, before it is told."""

    def __init__(self, path: Any) -> None:
        super().__init__(path)
        self.taken, self.gate = threading.Event(), threading.Event()

    def claim(self, *args: Any, **named: Any) -> Any:
        claimed = super().claim(*args, **named)
        self.taken.set()
        assert self.gate.wait(60)
        return claimed


async def test_a_caller_cancelled_during_its_claim_leaves_no_lease(tmp_path, model):
    configure(backend_timeout="1h")
    with SlowClaims(tmp_path / "a.db") as backend:
        asked = cached_structured(backend=backend, version=1)(model.acomplete)
        caller = asyncio.create_task(asked("a"))
        await asyncio.to_thread(backend.taken.wait)
        caller.cancel()
        await asyncio.sleep(0)
        backend.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        with sqlite3.connect(backend.path) as raw:
            leases = raw.execute("SELECT count(*) FROM lease").fetchone()
        raw.close()
        assert (leases, model.calls) == ((0,), 0)


async def test_the_last_caller_that_leaves_sees_the_work_end(backend):
    steps: list[str] = []

    @cached_structured(backend=backend, version=1, ignore=["steps"])
    async def ask(steps: list[str] = steps) -> int:
        try:
            steps.append("began")
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")
        return 1

    caller = asyncio.create_task(ask())
    while not steps:
        await asyncio.sleep(0.001)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert steps == ["began", "cleaned up"]


@pytest.fixture
def stopped() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that the test runs in pieces."""
    loop = asyncio.new_event_loop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_a_loop_that_stops_in_the_middle_holds_nobody_up(pair_in_memory, model, stopped):
    pair = pair_in_memory
    model.hold()
    task = stopped.create_task(pair.aask("a"))
    while not model.calls:
        stopped.run_until_complete(asyncio.sleep(0.001))
    waiter = ThreadPoolExecutor(1).submit(pair.ask, "a")
    model.wait_begun()
    model.wait_begun()
    model.release()
    assert waiter.result(60).number == 2
    assert stopped.run_until_complete(task).number == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_nor_does_one_that_is_thrown_away(pair_in_memory, model):
    pair = pair_in_memory
    model.hold()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    task = loop.create_task(pair.aask("a"))
    while not model.calls:
        loop.run_until_complete(asyncio.sleep(0.001))
    loop.close()
    del task, loop
    gc.collect()
    model.release()
    assert pair.ask("a").number == 2


def test_nor_is_its_lease_kept_alive(stopped):
    renewals = Renewals()
    renewals.start = lambda: None  # the rounds are looked at here

    async def compute() -> None:
        lease = renewals.take(SQLiteBackend("unused.db"), "key", "seat")
        renewals.keep(lease)
        await asyncio.sleep(0)
        assert renewals.due() == [lease]
        await asyncio.get_running_loop().create_future()

    task = stopped.create_task(compute())
    stopped.run_until_complete(asyncio.sleep(0.001))
    assert renewals.due() == []
    task.cancel()


async def test_a_loop_that_waits_for_a_thread_that_asks_for_its_task_does_not_hang(
    model, wait_interested
):
    """The circle closes last in the thread, through a task that itself waits for nothing."""
    backend = LRUBackend()
    inside, go_on = threading.Event(), threading.Event()

    @cached_structured(backend=backend, name="task", version=1, ignore=["gate"])
    async def by_task(gate: Any) -> str:
        while not gate.is_set():
            await asyncio.sleep(0.001)
        return "task"

    @cached_structured(backend=backend, name="task", version=1, ignore=["gate"])
    def by_thread(gate: Any) -> str:
        return "thread"

    @cached_structured(backend=backend, name="other", version=1, ignore=["gates"])
    def other(gates: Any) -> str:
        inside.set()
        assert go_on.wait(60)
        return by_thread(gate)

    gate = threading.Event()
    task = asyncio.create_task(by_task(gate))
    while not answering.flights.running:
        await asyncio.sleep(0.001)
    pool = ThreadPoolExecutor(2)
    leader = pool.submit(other, None)
    await asyncio.to_thread(inside.wait)

    def release() -> None:
        wait_interested(1, other.cache_key(None).digest)
        go_on.set()

    pool.submit(release)
    assert other(None) == "thread"
    assert leader.result(60) == "thread"
    gate.set()
    assert await task == "task"


async def test_who_is_cancelled_takes_no_coroutine_from_the_others(model, wait_interested):
    @cached_structured(backend=LRUBackend(), version=1, ignore=["model"])
    def ask(text: str, model: Any = model) -> Any:
        return model.acomplete(text)

    model.hold()
    first = asyncio.create_task(ask("a"))
    await asyncio.to_thread(model.wait_begun)
    second = asyncio.create_task(ask("a"))
    await asyncio.to_thread(wait_interested, 2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    model.release()
    assert (await second).number == model.calls == 1


def counted(function: Any) -> int:
    info = function.cache_info()
    return info.hits + info.misses + info.stale + info.waits + info.bypassed


def test_a_call_that_raises_counts_once_too(made, model):
    ask = made()
    model.error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        ask("a")
    assert (counted(ask.function), ask.cache_info().misses) == (1, 1)
    with pytest.raises(CacheMissError):
        ask.via(mode="offline")("a")
    assert (counted(ask.function), ask.cache_info().misses) == (2, 2)


def test_so_does_one_that_waited_for_a_call_that_raised(pair, model, wait_interested):
    model.hold()
    model.error = ValueError("no")
    pool = ThreadPoolExecutor(3)
    callers = [pool.submit(pair.ask, "a") for _ in range(3)]
    model.wait_begun()
    wait_interested(2)
    model.release()
    assert all(caller.exception() for caller in callers)
    info = pair.ask.cache_info()
    assert (info.misses, info.waits) == (1, 2)


def after_failure_of_another_kind(ask: Any) -> BaseException | None:
    """What the call raises while the caller handles an error of his own."""
    try:
        return {}["his own"]
    except KeyError:
        try:
            ask("a")
        except ValueError as error:
            return error
    return None


def test_an_error_that_many_raise_stays_as_it_was(pair, model, wait_interested):
    """It does not name what those who raise it were handling."""
    model.error = ValueError("no")
    model.error.__cause__ = cause = OSError("why")
    model.hold()
    with ThreadPoolExecutor(21) as pool:
        leader = pool.submit(pair.ask, "a")
        model.wait_begun()
        others = [pool.submit(after_failure_of_another_kind, pair.ask) for _ in range(20)]
        wait_interested(20)
        model.release()
        assert leader.exception() is model.error
        assert all(other.result() is model.error for other in others)
    assert (model.error.__cause__, model.error.__context__) == (cause, None)


async def test_so_does_one_that_many_tasks_raise(pair, model, wait_interested):
    """Nor does its traceback grow with those who wait."""
    model.error = ValueError("no")
    lengths = []
    for waiters in (2, 50):
        model.hold()
        callers = [asyncio.create_task(pair.aask("a")) for _ in range(waiters)]
        await asyncio.to_thread(wait_interested, waiters)
        model.release()
        errors = await asyncio.gather(*callers, return_exceptions=True)
        assert all(error is model.error for error in errors)
        lengths.append(len(traceback.extract_tb(model.error.__traceback__)))
        model.error.__traceback__ = None
    assert lengths[0] == lengths[1]


def test_nor_does_an_old_answer_that_cannot_be_read_change_it(made, model, clock):
    """The error goes on with its own cause, where nothing can stand in for it."""
    backend = LRUBackend(clock=clock)
    ask = made(backend=backend, ttl="1m", stale_if_error="1h")
    ask("a")
    key = ask.cache_key("a").digest
    backend.put(key, backend.get(key)._replace(value=b"damaged"))
    clock.advance("2m")
    model.error = ValueError("no")
    model.error.__cause__ = cause = OSError("why")
    with pytest.raises(ValueError, match="no") as caught:
        ask("a")
    assert caught.value.__cause__ is cause


async def test_so_does_one_that_is_cancelled(pair, model, wait_interested):
    model.hold()
    callers = [asyncio.create_task(pair.aask("a")) for _ in range(3)]
    await asyncio.to_thread(model.wait_begun)
    await asyncio.to_thread(wait_interested, 3)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    assert counted(pair.aask) == 3


def test_a_child_forked_while_another_thread_counts_goes_on(made, mode, forked):
    ask = made()
    if mode == "async":
        pytest.skip("the lock is the same")
    ask("a")
    held, go_on = threading.Event(), threading.Event()

    def count() -> None:
        tally = ask.function._self_variant.subject.tally
        with getattr(tally, "counters", tally).lock:
            held.set()
            assert go_on.wait(60)

    thread = threading.Thread(target=count)
    thread.start()
    assert held.wait(60)
    answered = forked(lambda: ask("a").number == 1)
    go_on.set()
    thread.join()
    assert answered()


def test_what_is_not_stored_is_not_handed_on_after_an_invalidation_elsewhere(
    model, wait_interested
):
    """Nothing is written, so nothing is refused by the store: the epoch is asked for."""
    backend = LRUBackend()

    @cached_structured(
        backend=backend, version=1, name="ask", ignore=["model"], cache_if=lambda _: False
    )
    def ask(text: str, model: Any = model) -> int:
        return int(model.complete(text).number)

    model.hold()
    pool = ThreadPoolExecutor(2)
    before = pool.submit(ask, "a")
    model.wait_begun()
    plan = ask._self_variant.plan()
    backend.invalidate(ask.cache_key("a").digest, plan.scope)  # as another process does
    after = pool.submit(ask, "a")
    wait_interested(1)
    model.release()
    assert (before.result(), after.result()) == (1, 2)


def test_following_a_live_leader_is_not_counted_as_waiting_for_storage(made, mode):
    if mode == "async":
        pytest.skip("the steps are the same")
    ask = made().function
    variant = ask._self_variant
    plan = variant.plan()
    call = variant.subject.arguments(ask.__wrapped__, None, ("a",), {})
    question = variant.question(plan, call)
    lease = Renewals().take(None, question.key, question.seat)
    steps = flow.take_turn(question, lease, None)
    step: Any = next(steps)
    for _ in range(100):
        assert isinstance(step, Ask)
        question.patience -= 0.1  # what the claim took
        step = steps.send(Claim(Nothing.ABSENT, 0, Held(1e12)))
        assert isinstance(step, Pause)
        step = steps.send(None)
    assert question.patience == plan.settings.backend_timeout


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_tasks_that_begin_at_once_share_a_call_too(pair, model, wait_interested):
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
    try:
        assert (await pair.aask("at once")).number == 1
        model.hold()
        callers = [asyncio.create_task(pair.aask("a")) for _ in range(5)]
        await asyncio.to_thread(wait_interested, 5)
        callers[0].cancel()
        model.release()
        answers = await asyncio.gather(*callers[1:])
        assert ({answer.number for answer in answers}, model.calls) == ({2}, 2)
    finally:
        asyncio.get_running_loop().set_task_factory(None)


async def test_what_a_function_makes_of_its_own_cancellation_is_nobodys_answer(pair, model):
    @cached_structured(backend=pair.ask.cache_backend, version=1, ignore=["model"])
    async def ask(text: str, model: Any = model) -> str:
        model.enter()
        try:
            while not model.gate.is_set():
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            return "partial"
        return "full"

    model.hold()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask("a"), 0.05)
    model.release()
    assert await ask("a") == "full"


def test_a_lead_that_is_let_go_of_before_it_computes_takes_its_flight_off_the_board():
    board: Flights[int] = Flights()
    place = board.join("key", None)
    assert isinstance(place, Lead)
    del place
    gc.collect()
    assert isinstance(board.join("key", None), Lead)


def test_a_lease_that_could_not_be_given_back_is_claimed_by_the_next_call(tmp_path):
    with SQLiteBackend(tmp_path / "a.db", max_bytes=10) as backend:

        @cached_structured(backend=backend, version=1)
        def ask(text: str) -> str:
            return text * 50

        with pytest.warns(BackendWarning):
            assert ask("a") == "a" * 50
        key = ask.cache_key("a").digest
        assert backend.claim(key, Scope("", "any"), "another", 5, max_age=None).held is None


@pytest.mark.parametrize("chosen", ["offline", "readonly"])
def test_a_refresh_calls_or_stores_nothing_that_the_mode_forbids(chosen):
    calls = []

    @cached_structured(backend=LRUBackend(), version=1, ignore=["calls"])
    def ask(text: str, calls: list[int] = calls) -> int:
        calls.append(1)
        return len(calls)

    ask("a")
    with mode_of(chosen):
        assert ask.cache_refresh("a") == 1
    assert ask("a") == 1


@pytest.mark.parametrize("sample", [True, 1.5, [1], object()])
def test_a_sample_is_a_number_or_text(sample):
    @cached_structured(backend=LRUBackend())
    def ask(text: str) -> str:
        return text

    with pytest.raises(ConfigurationError, match="sample="):
        ask.cache_with(sample=sample)


def test_the_handle_takes_no_name_of_the_functions_parameters():
    @cached_structured(backend=LRUBackend())
    def ask(**settings: int) -> int:
        return sum(settings.values())

    assert ask(self=1) == 1
    assert ask.cache_peek(self=1) == 1


def test_an_async_call_is_answered_while_the_interpreter_ends():
    program = (
        "import asyncio, atexit\n"
        "from llmcache import cached_structured\n"
        "@cached_structured(backend='memory://')\n"
        "async def ask(x: int) -> int:\n"
        "    return x\n"
        "atexit.register(lambda: print(asyncio.run(ask(2))))\n"
    )
    done = subprocess.run(  # noqa: S603 - this Python, this text
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("2", "")
