"""Machines that share one Redis server, each over a link of its own that a test can cut.

Where it can be had, a machine is a network namespace with a cable to the server's, and a file
system of its own for its cache directory; else a process whose link is a relay.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import selectors
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from llmcache.testing.redis import RedisServer, program_or_skip

pytest.importorskip("redis")

NEEDED = ("ip", "unshare", "mount")

names = (f"llmcache-{os.getpid()}-{number}" for number in itertools.count())


class Link(Protocol):
    """The way of one machine to the server."""

    url: str

    def cut(self) -> None:
        """Carry nothing from now on; connections stay open, as with a pulled cable."""

    def inside(self, directory: Path, command: list[str]) -> list[str]:
        """How to run a command on this machine."""


class Relay:
    """A wire to the server: bytes go both ways until it is cut, then nowhere, unnoticed."""

    def __init__(self, server: RedisServer) -> None:
        self.target = ("127.0.0.1", server.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.stop, stopped = socket.socketpair()
        self.selector.register(stopped, selectors.EVENT_READ)
        self.stopped = stopped
        self.ends: list[socket.socket] = []
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()

    def inside(self, directory: Path, command: list[str]) -> list[str]:
        """See `Link.inside`."""
        return command

    def cut(self) -> None:
        """See `Link.cut`."""
        self.stop.send(b"x")
        self.thread.join()

    def close(self) -> None:
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
        self.ends.append(near)
        far = socket.create_connection(self.target)
        self.ends.append(far)
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


class Cable:
    """A network namespace, and the pair of interfaces that leads from it to the server's."""

    def __init__(self, server: RedisServer, hub: str, number: int) -> None:
        self.name = next(names)
        near, far = f"near{number}", f"far{number}"
        self.url = f"redis://10.77.{number}.1:{server.port}/0"
        self.cutting = ["-n", hub, "link", "set", far, "down"]
        ip("netns", "add", self.name)
        pair = ["add", near, "netns", self.name, "type", "veth"]
        ip("link", *pair, "peer", "name", far, "netns", hub)
        for where, end, address in ((self.name, near, 2), (hub, far, 1)):
            ip("-n", where, "address", "add", f"10.77.{number}.{address}/24", "dev", end)
            ip("-n", where, "link", "set", end, "up")

    def inside(self, directory: Path, command: list[str]) -> list[str]:
        """See `Link.inside`: under a mount of its own, which nobody else sees."""
        alone = 'mount -t tmpfs machine "$0" && exec "$@"'
        shell = ["unshare", "--mount", "sh", "-c", alone, str(directory)]
        return ["ip", "netns", "exec", self.name, *shell, *command]

    def cut(self) -> None:
        """See `Link.cut`."""
        ip(*self.cutting)

    def close(self) -> None:
        ip("netns", "delete", self.name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)  # noqa: S603, S607 - of the system, by root alone


@functools.cache
def why_no_namespaces() -> str:
    """What is missing here for network namespaces; empty: nothing."""
    absent = [program for program in NEEDED if shutil.which(program) is None]
    if absent:
        return f"not found: {', '.join(absent)}"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "true"],  # noqa: S607 - as above
        check=False,
        capture_output=True,
    )
    return tried.stderr.decode().strip()


class Network:
    """One server, and as many links to it as a test wants."""

    def __init__(self, program: str, kind: str, directory: Path) -> None:
        self.kind = kind
        self.closing = contextlib.ExitStack()
        options: tuple[str, ...] = ()
        if kind == "namespaces":
            self.hub = next(names)
            ip("netns", "add", self.hub)
            self.closing.callback(ip, "netns", "delete", self.hub)
            inside = directory / "redis-server"
            inside.write_text(f'#!/bin/sh\nexec ip netns exec {self.hub} {program} "$@"\n')
            inside.chmod(0o700)
            # Nothing but the cables leads to this namespace.
            program, options = str(inside), ("--bind", "0.0.0.0", "--protected-mode", "no")  # noqa: S104 - see above
        self.server = self.closing.enter_context(RedisServer.running(program, *options))
        self.numbers = itertools.count(1)

    def link(self) -> Link:
        """One more link, there until the test ends."""
        if self.kind == "relay":
            link: Relay | Cable = Relay(self.server)
        else:
            link = Cable(self.server, self.hub, next(self.numbers))
        self.closing.callback(link.close)
        return link


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Of namespaces; of relays where there are none, unless `EXPECT_NAMESPACES=1` promised them."""
    missing = why_no_namespaces()
    if missing and os.environ.get("EXPECT_NAMESPACES") == "1":
        pytest.fail(f"EXPECT_NAMESPACES=1, but {missing}")
    network = Network(program_or_skip(), "relay" if missing else "namespaces", tmp_path)
    with network.closing:
        yield network
