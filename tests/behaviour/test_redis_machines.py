"""Machines that share one Redis: one request in all, and each goes on when it is cut off.

A machine is a process with a cache directory of its own that reaches the server over a link of
its own, which a test can cut.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from llmcache.testing.redis import RedisServer, server_or_skip

pytest.importorskip("redis")

HANG = 30
SCRIPT = Path(__file__).with_name("redis_machine.py")


class Link:
    """A wire to the server: bytes go both ways until it is cut, then nowhere, unnoticed."""

    def __init__(self, server: RedisServer) -> None:
        self.target = ("127.0.0.1", server.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.stop, stopped = socket.socketpair()
        self.selector.register(stopped, selectors.EVENT_READ)
        self.stopped = stopped
        self.ends: list[socket.socket] = []
        self.thread = threading.Thread(target=self.carry)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def cut(self) -> None:
        """Carry nothing from now on; connections stay open, as with a pulled cable."""
        self.stop.send(b"x")
        self.thread.join()

    def __exit__(self, *_: object) -> None:
        if self.thread.is_alive():
            self.cut()
        self.selector.close()
        for end in (*self.ends, self.listener, self.stop, self.stopped):
            end.close()

    def carry(self) -> None:
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.stopped:
                    return
                if key.fileobj is self.listener:
                    self.connect()
                else:
                    self.pass_on(key.fileobj, key.data)

    def connect(self) -> None:
        near, _ = self.listener.accept()
        far = socket.create_connection(self.target)
        self.ends += [near, far]
        self.selector.register(near, selectors.EVENT_READ, far)
        self.selector.register(far, selectors.EVENT_READ, near)

    def pass_on(self, end: Any, other: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = end.recv(65_536)
            other.sendall(data)
        if not data:
            self.selector.unregister(end)
            with contextlib.suppress(OSError):
                other.shutdown(socket.SHUT_WR)


class Model:
    """Answers each request with a number of its own, while the gate is open, and counts them."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
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

    def __init__(self, model: Model, url: str, directory: Path, callers: int, mode: str) -> None:
        directory.mkdir()
        self.process = subprocess.Popen(  # noqa: S603 - the script beside this file
            [sys.executable, SCRIPT, str(model.port), url, str(callers), mode],
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


Start = Callable[[str, int, str], Machine]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with server_or_skip() as server:
        yield server


@pytest.fixture
def machine(model: Model, tmp_path: Path) -> Iterator[Start]:
    """Starts a machine: its backend, its callers, how they call."""
    started: list[Machine] = []

    def start(url: str, callers: int, mode: str) -> Machine:
        started.append(Machine(model, url, tmp_path / str(len(started)), callers, mode))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture
def model() -> Iterator[Model]:
    with Model() as model:
        yield model


def test_four_processes_with_eight_callers_each_make_one_request(
    server: RedisServer, model: Model, machine: Start, mode: str
) -> None:
    url = f"{server.url}?prefix=four-{mode}"
    starting = [machine(url, 8, mode) for n in range(4)]
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
    server: RedisServer, model: Model, machine: Start
) -> None:
    url = f"memory+{server.url}?prefix=tasks"
    starting = [machine(url, 100, "async") for n in range(2)]
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
    server: RedisServer, model: Model, machine: Start, mode: str, cut_off: str
) -> None:
    """Both answer; who cannot see the other any more makes a call of its own.

    A waiter learns that its leader is cut off when the lease runs out, after six seconds.
    """
    with Link(server) as leaders, Link(server) as waiters:
        query = f"?prefix=cut-{cut_off}-{mode}"
        leader = machine(leaders.url + query, 1, mode).ready()
        waiter = machine(waiters.url + query, 1, mode).ready()
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
    assert model.count <= 2


@pytest.mark.endurance
def test_after_a_kill_of_the_leader_another_machine_answers(
    server: RedisServer, model: Model, machine: Start, mode: str
) -> None:
    """Once the lease has run out, which takes six seconds at most."""
    url = f"{server.url}?prefix=killed-{mode}"
    leader = machine(url, 1, mode).ready()
    waiter = machine(url, 1, mode).ready()
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
    model: Model, machine: Start, mode: str
) -> None:
    one = machine("redis://127.0.0.1:1", 8, mode).ready()
    for question in ("first", "second"):
        one.ask(question)
        assert len(one.read()) == 8
    one.end()
    assert model.count >= 2
