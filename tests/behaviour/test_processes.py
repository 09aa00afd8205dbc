"""Processes on one file: one request in all, dead leaders replaced, forked children alive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from llmcache import SQLiteBackend, cached_structured
from llmcache.testing import LoopbackProvider

SCRIPT = Path(__file__).with_name("worker_asks.py")


class Worker:
    """One process of `worker_asks.py`, ready."""

    def __init__(self, provider: LoopbackProvider, database: str, threads: int, mode: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - the interpreter of the tests
            [sys.executable, SCRIPT, provider.openai_url, database, str(threads), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.read()

    def read(self) -> Any:
        """The next line it prints."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def go(self, text: str) -> None:
        """Let it ask."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Let it end, and wait for that."""
        self.process.communicate()


def workers(count: int, *arguments: Any) -> list[Worker]:
    """So many workers, started at once, all ready."""
    started: list[Worker] = []
    threads = [
        threading.Thread(target=lambda: started.append(Worker(*arguments))) for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return started


@pytest.mark.parametrize("runs", [3, pytest.param(100, id="100", marks=pytest.mark.endurance)])
def test_four_processes_with_eight_callers_each_make_one_request(provider, tmp_path, mode, runs):
    provider.delay = 0.3
    database = f"sqlite:///{tmp_path}/shared.db"
    group = workers(4, provider, database, 8, mode)
    try:
        for run in range(runs):
            for worker in group:
                worker.go(f"question {run}")
            found = {answer for worker in group for answer in worker.read()}
            assert (run, len(found), provider.count) == (run, 1, run + 1)
    finally:
        for worker in group:
            worker.end()


def test_a_new_process_finds_what_an_earlier_one_stored(provider, tmp_path, mode):
    found = []
    for _ in range(2):
        worker = Worker(provider, f"sqlite:///{tmp_path}/shared.db", 1, mode)
        worker.go("question")
        found.append(worker.read())
        worker.end()
    assert found[0] == found[1]
    assert provider.count == 1


def test_after_a_kill_of_the_leader_another_process_answers(provider, tmp_path, mode):
    database = f"sqlite:///{tmp_path}/shared.db"
    leader, waiter = workers(2, provider, database, 1, mode)
    with provider.hold():
        leader.go("question")
        provider.wait_for(1)
        waiter.go("question")
        leader.process.send_signal(signal.SIGKILL)
        leader.process.communicate()
        provider.wait_for(2)
    assert len(waiter.read()) == 1
    waiter.end()
    assert provider.count == 2


@pytest.mark.parametrize("forks", [5, pytest.param(50, id="50", marks=pytest.mark.endurance)])
def test_a_child_forked_in_the_middle_of_a_computation_answers(tmp_path, forks, forked):
    """The child is given another key, and the one that its parent computes: for that it waits."""
    with SQLiteBackend(tmp_path / "a.db") as backend:
        inside, go_on = threading.Semaphore(0), threading.Semaphore(0)
        parent = os.getpid()

        @cached_structured(backend=backend, version=1, ignore=["gates"], name="ask")
        def ask(text: str, gates: Any = (inside, go_on)) -> str:
            if text.startswith("held") and os.getpid() == parent:
                gates[0].release()
                assert gates[1].acquire(timeout=60)
            return text

        for number in range(forks):
            held = f"held {number}"
            thread = threading.Thread(target=ask, args=(held,))
            thread.start()
            assert inside.acquire(timeout=60)
            expected = ["other", held]
            answered = forked(lambda asked=expected: [ask(text) for text in asked] == asked)
            go_on.release()
            assert answered()
            thread.join()
            assert ask(held) == held
