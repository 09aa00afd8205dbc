"""Machines that share one Redis: one request in all, and each goes on when it is cut off."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

pytest.importorskip("redis")

HANG = 30
SCRIPT = Path(__file__).with_name("redis_machine.py")


class Model:
    """Answers each request with a number of its own, while the gate is open, and counts them."""

    def __init__(self, directory: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.path = str(directory / "model")
        self.listener.bind(self.path)
        self.listener.listen(256)
        self.gate = threading.Event()
        self.gate.set()
        self.changed = threading.Condition()
        self.count = 0
        self.threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start(self.accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        self.threads.append(threading.Thread(target=work, args=arguments))
        self.threads[-1].start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.start(self.answer, self.listener.accept()[0])

    def answer(self, caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            caller.makefile().readline()
            with self.changed:
                self.count += 1
                number = self.count
                self.changed.notify_all()
            self.gate.wait()
            caller.sendall(b"answer %d\n" % number)

    def wait_for(self, count: int) -> None:
        """Until so many requests have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.count >= count, HANG)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """No answer while inside."""
        self.gate.clear()
        yield
        self.gate.set()


class Machine:
    """One process of `redis_machine.py`, ready."""

    def __init__(self, model: Model, link: Any, how: list[str], directory: Path) -> None:
        directory.mkdir()
        self.process = subprocess.Popen(  # noqa: S603 - the script beside this file
            link.inside(directory, [sys.executable, str(SCRIPT), model.path, *how]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "LLMCACHE_DIR": str(directory)},
        )

    def ready(self) -> Self:
        self.read()
        return self

    def ask(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def read(self) -> Any:
        """The next line it prints; what went wrong there, where it printed none."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        return json.loads(line)

    def end(self) -> None:
        """Let it end, and show that it ended well."""
        _, errors = self.process.communicate()
        assert "Traceback" not in errors

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


Start = Callable[[Any, str, int, str], Machine]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    with Model(tmp_path) as model:
        yield model


@pytest.fixture
def machine(model: Model, tmp_path: Path) -> Iterator[Start]:
    """Starts a machine: its link, its backend, its callers, how they call."""
    started: list[Machine] = []

    def start(link: Any, url: str, callers: int, mode: str) -> Machine:
        directory = tmp_path / f"machine-{len(started)}"
        started.append(Machine(model, link, [url, str(callers), mode], directory))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_four_processes_with_eight_callers_each_make_one_request(
    network: Any, model: Model, machine: Start, mode: str
) -> None:
    links = [network.link(), network.link()] * 2
    starting = [machine(link, f"{link.url}?timeout=1m", 8, mode) for link in links]
    group = [one.ready() for one in starting]
    for question in ("first", "second", "third"):
        before = model.count
        with model.held():
            for one in group:
                one.ask(question)
            model.wait_for(before + 1)
        found = {answer for one in group for answer in one.read()}
        assert (len(found), model.count - before) == (1, 1)
    for one in group:
        one.end()


def test_two_hundred_tasks_on_two_machines_make_one_request(
    network: Any, model: Model, machine: Start
) -> None:
    links = [network.link(), network.link()]
    starting = [machine(link, f"memory+{link.url}?timeout=1m", 100, "async") for link in links]
    group = [one.ready() for one in starting]
    with model.held():
        for one in group:
            one.ask("question")
        model.wait_for(1)
    answers = [answer for one in group for answer in one.read()]
    assert (len(answers), len(set(answers)), model.count) == (200, 1, 1)
    for one in group:
        one.end()


@pytest.mark.parametrize("cut_off", ["waiter", pytest.param("leader", marks=pytest.mark.endurance)])
def test_a_link_that_is_cut_in_the_middle_of_a_flight_hangs_nobody(
    network: Any, model: Model, machine: Start, mode: str, cut_off: str
) -> None:
    """Both answer; who cannot see the other any more makes a call of its own.

    A waiter learns that its leader is cut off when the lease runs out, after six seconds.
    """
    leaders, waiters = network.link(), network.link()
    leader = machine(leaders, leaders.url, 1, mode).ready()
    waiter = machine(waiters, waiters.url, 1, mode).ready()
    with model.held():
        leader.ask("question")
        model.wait_for(1)
        waiter.ask("question")
        (leaders if cut_off == "leader" else waiters).cut()
        if cut_off == "waiter":
            model.wait_for(2)
    assert len(leader.read()) == 1
    assert len(waiter.read()) == 1
    leader.end()
    waiter.end()
    assert model.count == 2


@pytest.mark.endurance
def test_after_a_kill_of_the_leader_another_machine_answers(
    network: Any, model: Model, machine: Start, mode: str
) -> None:
    """Once the lease has run out, which takes six seconds at most."""
    links = [network.link(), network.link()]
    leader, waiter = (machine(link, link.url, 1, mode).ready() for link in links)
    with model.held():
        leader.ask("question")
        model.wait_for(1)
        waiter.ask("question")
        leader.process.kill()
        leader.process.communicate()
        model.wait_for(2)
    assert len(waiter.read()) == 1
    waiter.end()
    assert model.count == 2


def test_without_a_server_every_call_is_made_and_none_fails(
    network: Any, model: Model, machine: Start, mode: str
) -> None:
    one = machine(network.link(), "redis://127.0.0.1:1", 1, mode).ready()
    for number, question in enumerate(("first", "first", "second"), 1):
        one.ask(question)
        assert one.read() == [f"answer {number}\n"]
    one.end()
    assert model.count == 3
