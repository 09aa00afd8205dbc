"""Every way in which a leader can end, against every kind of caller that waits for it.

The table is `OUTCOMES`; what it says is driven by gates alone. A leader is held in the middle of
its call, a caller comes to wait, and only then does the leader end as its row says.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from llmcache import BackendWarning, SQLiteBackend, cached_structured, configure
from llmcache.engine import answering

SCRIPT = Path(__file__).with_name("worker_leads.py")

LEADERS_ANSWER, OWN_ANSWER, LEADERS_ERROR = "the leader's answer", "its own answer", "its error"

#   how the leader ends  → a caller in this process,  a caller in another process
OUTCOMES = {
    "result": (LEADERS_ANSWER, LEADERS_ANSWER),
    "exception": (LEADERS_ERROR, OWN_ANSWER),
    "stop iteration": (LEADERS_ERROR, OWN_ANSWER),
    "cancelled": (OWN_ANSWER, OWN_ANSWER),
    "interrupt": (OWN_ANSWER, OWN_ANSWER),
    "system exit": (OWN_ANSWER, OWN_ANSWER),
    "fork": (LEADERS_ANSWER, LEADERS_ANSWER),
    "lost lease": (LEADERS_ANSWER, OWN_ANSWER),
    "backend gone": (LEADERS_ANSWER, OWN_ANSWER),
    "killed": (OWN_ANSWER, OWN_ANSWER),
}

RAISED: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: ValueError("the leader's"),
    "stop iteration": StopIteration,
    "cancelled": asyncio.CancelledError,
    "interrupt": KeyboardInterrupt,
    "system exit": SystemExit,
}


class Model:
    """Its first call is held, and ends as it is told; later ones answer at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = 0
        self.begun, self.gate = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.forks = False
        self.in_child: Callable[[], int] = lambda: 1
        self.child = 0

    def enter(self) -> int:
        with self.lock:
            self.calls += 1
            number = self.calls
        self.begun.set()
        return number

    def end(self, number: int) -> int:
        if number == 1 and self.forks:
            self.child = os.fork()
            if self.child == 0:
                os._exit(self.in_child())
        if number == 1 and self.error is not None:
            raise self.error
        return number

    def complete(self) -> int:
        number = self.enter()
        if number == 1:
            assert self.gate.wait(60)
        return self.end(number)

    async def acomplete(self) -> int:
        number = self.enter()
        while number == 1 and not self.gate.is_set():
            await asyncio.sleep(0.001)
        return self.end(number)


class Telling(SQLiteBackend):
    """Lets the test know when a claim finds the lease taken."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.held = threading.Event()

    def claim(self, *args: Any, **named: Any) -> Any:
        found = super().claim(*args, **named)
        if found.held is not None:
            self.held.set()
        return found


class Loop:
    """A loop in a thread; `ended` is what stopped it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.ended: BaseException | None = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        except BaseException as error:  # noqa: BLE001 - an interrupt in a task stops its loop
            self.ended = error
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))

    def submit(self, coroutine: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def close(self) -> None:
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Worker:
    """One process of `worker_leads.py`."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - the interpreter of the tests
            [sys.executable, "-W", "ignore", SCRIPT, path, "100"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def until(self, *words: str) -> str:
        """Read on until one of these is said."""
        while (said := self.read()) not in words:
            assert said in {"held", "computing"}, said
        return said

    def answer(self) -> int:
        """Let it compute, should it come to that, and read what it was answered."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write("go on\n")
            self.process.stdin.flush()
        while (said := self.read()) in {"held", "computing"}:
            pass
        return int(said)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Scene:
    """One file, one function in two colours, and everything that must be closed at the end."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "store" / "a.db"
        self.model = model = Model()
        self.backend = Telling(self.path)
        self.pool = ThreadPoolExecutor(4)
        self.loops = [Loop(), Loop()]
        self.workers: list[Worker] = []

        @cached_structured(backend=self.backend, name="ask", version=1, ignore=["model"])
        def ask(text: str, model: Any = model) -> int:
            return model.complete()

        @cached_structured(backend=self.backend, name="ask", version=1, ignore=["model"])
        async def aask(text: str, model: Any = model) -> int:
            return await model.acomplete()

        def in_child() -> int:
            """Another key is computed here; for its parent's it waits for the parent."""
            return 0 if [ask("b"), ask("a")] == [2, 1] else 1

        self.ask, self.aask, model.in_child = ask, aask, in_child

    def start_worker(self) -> Worker:
        worker = Worker(self.path)
        self.workers.append(worker)
        return worker

    def lead(self, leader: str) -> Future[Any]:
        """The first call, held."""
        if leader == "task":
            running = self.loops[0].submit(self.aask("a"))
        else:
            running = self.pool.submit(self.ask, "a")
        assert self.model.begun.wait(60)
        return running

    def come_to_wait(self, waiter: str) -> Callable[[], Any]:
        """The second call, once it waits; what is returned gives its answer."""
        if waiter == "process":
            worker = self.start_worker()
            worker.until("held")
            return worker.answer
        (flight,) = answering.flights.running.values() or (None,)
        before = flight.interested if flight is not None else 0
        if waiter == "thread":
            running = self.pool.submit(self.ask, "a")
        else:
            running = self.loops[0 if waiter == "task" else 1].submit(self.aask("a"))
        while flight is not None and flight.interested == before:
            threading.Event().wait(0.001)
        return lambda: running.result(60)

    def close(self) -> None:
        self.model.gate.set()
        for worker in self.workers:
            worker.end()
        for loop in self.loops:
            loop.close()
        self.pool.shutdown()
        self.backend.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    configure(backend_timeout="1m")
    scene = Scene(tmp_path)
    yield scene
    scene.close()


def lose_lease(scene: Scene) -> None:
    """The lease is gone, as after an expiry that was noticed too late."""
    with sqlite3.connect(scene.path, timeout=30) as raw:
        raw.execute("DELETE FROM lease")
    raw.close()


def remove_backend(scene: Scene) -> None:
    """The directory is gone, and another thing is in its place."""
    directory = scene.path.parent
    directory.rename(directory.with_name("away"))
    directory.write_text("not a directory", encoding="utf-8")


def prepare(scene: Scene, how: str) -> None:
    """What ends the leader, short of letting it go on."""
    if how in RAISED:
        scene.model.error = RAISED[how]()
    elif how == "fork":
        scene.model.forks = True
    elif how == "lost lease":
        lose_lease(scene)
    elif how == "backend gone":
        remove_backend(scene)


def came_to(answer: Callable[[], Any], scene: Scene) -> str:
    """What the caller that waited was given."""
    try:
        given = answer()
    except BaseException as error:  # noqa: BLE001 - it is compared
        # A coroutine cannot raise StopIteration: Python makes it a RuntimeError.
        known = error is scene.model.error or error.__cause__ is scene.model.error
        return LEADERS_ERROR if known else repr(error)
    return LEADERS_ANSWER if given == 1 else OWN_ANSWER


WAITERS = ("thread", "task", "other loop", "process")


@pytest.mark.parametrize("waiter", WAITERS)
@pytest.mark.parametrize("leader", ["thread", "task"])
@pytest.mark.parametrize("how", [how for how in OUTCOMES if how != "killed"])
def test_what_a_caller_gets_that_waits_for_a_leader(scene, how, leader, waiter):
    if leader == "task" and how in {"interrupt", "system exit"} and waiter == "task":
        pytest.skip("the loop of both is stopped by it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BackendWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # fork among threads, on purpose
        running = scene.lead(leader)
        answer = scene.come_to_wait(waiter)
        prepare(scene, how)
        if how in {"lost lease", "backend gone"} and waiter == "process":
            scene.workers[0].until("computing")  # it need not wait for the leader's end
        scene.model.gate.set()
        assert came_to(answer, scene) == OUTCOMES[how][waiter == "process"]
        error = own_end(running)
    assert (error is None) == (how not in RAISED)
    if how == "fork":
        assert os.waitstatus_to_exitcode(os.waitpid(scene.model.child, 0)[1]) == 0
    assert not answering.flights.running


def own_end(running: Future[Any]) -> BaseException | None:
    """What the leader itself raised."""
    try:
        return running.exception(60)
    except CancelledError as error:
        return error


@pytest.mark.parametrize("waiter", WAITERS)
def test_what_a_caller_gets_whose_leader_is_killed(scene, waiter, record_property):
    leader = scene.start_worker()
    leader.until("computing")
    scene.model.gate.set()
    if waiter == "process":
        other = scene.start_worker()
        other.until("held")
        answer = other.answer
    else:
        answer = scene.come_to_wait(waiter)
        assert scene.backend.held.wait(60)
    leader.end()
    started = time.monotonic()
    assert answer() == (100 if waiter == "process" else 1)
    record_property("seconds_after_the_kill", round(time.monotonic() - started, 3))
