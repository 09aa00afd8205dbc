"""A real Redis or Valkey server for tests: on loopback, in memory, gone with the test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess  # runs a server, for tests  # nosec B404
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from llmcache.clock import SYSTEM

__all__ = [
    "RedisServer",
    "find_redis_server",
    "running_cluster",
    "running_sentinels",
    "server_or_skip",
]

PROGRAMS = ("redis-server", "valkey-server")
SENTINELS = ("redis-sentinel", "valkey-sentinel")
START_PATIENCE = 20.0
SLOTS = 16_384


def find_redis_server() -> str | None:
    """The server's program: `redis-server`, else `valkey-server`; None where neither is there.

    Raises:
        RuntimeError: None is there, and the environment promised one by `EXPECT_REDIS=1`.
    """
    return find_program(PROGRAMS)


def find_program(names: tuple[str, ...]) -> str | None:
    """The first of the programs that is there; see `find_redis_server`."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None and os.environ.get("EXPECT_REDIS") == "1":
        raise RuntimeError(f"EXPECT_REDIS=1, but no program of {', '.join(names)} is on the PATH")
    return found


class RedisServer:
    """One server that can be stopped, frozen, killed and started again at the same place.

    Args:
        program: See `find_redis_server`.
        options: More of the server's own options, such as `("--maxmemory", "5mb")`.

    Attributes:
        port: Its port on 127.0.0.1.
        socket: The path of its Unix socket.
        directory: Where its socket is, and what else a test puts there; removed by `close`.
    """

    def __init__(self, program: str, *options: str) -> None:
        self.program = program
        self.options = options
        self.directory: Path = Path(tempfile.mkdtemp(prefix="llmcache-redis-"))
        self.socket: Path = self.directory / "socket"
        self.keeping: contextlib.ExitStack = contextlib.ExitStack()
        self.port: int = self.keeping.enter_context(kept_port())
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL over TCP."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def socket_url(self) -> str:
        """Its URL over the Unix socket."""
        return f"unix://{self.socket}?db=0"

    def start(self) -> Self:
        """Start it and wait until it takes connections.

        Raises:
            RuntimeError: It ended at once, or does not answer within 20 s.
        """
        command = [self.program, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        command += ["--unixsocket", str(self.socket), *self.options]
        log = (self.directory / "log").open("ab")
        with log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - found on the PATH, loopback only  # nosec B603
        end = SYSTEM.monotonic() + START_PATIENCE
        while not self.answers():
            if self.process.poll() is not None or SYSTEM.monotonic() > end:
                self.kill()
                raise RuntimeError((self.directory / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.01)
        return self

    def answers(self) -> bool:
        """Whether it replies, by the Unix socket, which needs no TLS."""
        with contextlib.suppress(OSError):
            return self.say("PING").startswith((b"+PONG", b"-NOAUTH", b"-LOADING"))
        return False

    def say(self, *words: str) -> bytes:
        """The beginning of the raw reply to one command, without any client library."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(START_PATIENCE)
            probe.connect(str(self.socket))
            probe.sendall(" ".join(words).encode() + b"\r\n")
            return probe.recv(4096)

    def kill(self) -> None:
        """End it at once, as by a crash; what it held is lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop it from running while its sockets stay open: it answers nothing."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one run on."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None:
            self.process.send_signal(number)

    def close(self) -> None:
        """Kill it, remove its directory and leave its port to others."""
        self.kill()
        self.keeping.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    @classmethod
    @contextlib.contextmanager
    def running(cls, program: str, *options: str) -> Iterator[Self]:
        """One that is started now and closed at the end."""
        server = cls(program, *options)
        try:
            yield server.start()
        finally:
            server.close()


@contextlib.contextmanager
def server_or_skip(*options: str) -> Iterator[RedisServer]:
    """A running server for a pytest fixture; without the program, the test says why it skips."""
    with RedisServer.running(program_or_skip(), *options) as server:
        yield server


def program_or_skip(names: tuple[str, ...] = PROGRAMS) -> str:
    """The first of the programs that is there, or the skip of the test."""
    import pytest  # noqa: PLC0415 - llmcache does not need it

    program = find_program(names)
    if program is None:
        pytest.skip(f"no {' or '.join(names)} on the PATH (EXPECT_REDIS=1 makes this fail)")
    return program


@contextlib.contextmanager
def running_cluster(nodes: int = 3) -> Iterator[list[RedisServer]]:
    """A cluster of single servers without replicas, the slots spread evenly; or a skip."""
    program = program_or_skip()
    with contextlib.ExitStack() as running:
        servers = []
        for _ in range(nodes):
            options = ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"]
            options += ["--cluster-port", str(running.enter_context(kept_port()))]
            servers.append(running.enter_context(RedisServer.running(program, *options)))
        for number, server in enumerate(servers):
            first, after = (SLOTS * place // nodes for place in (number, number + 1))
            server.say("CLUSTER", "ADDSLOTSRANGE", str(first), str(after - 1))
            server.say("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            for other in servers[:number]:
                bus = other.options[other.options.index("--cluster-port") + 1]
                server.say("CLUSTER", "MEET", "127.0.0.1", str(other.port), bus)
        while not all(b"cluster_state:ok" in server.say("CLUSTER", "INFO") for server in servers):
            time.sleep(0.05)
        yield servers


@contextlib.contextmanager
def running_sentinels(master: RedisServer, number: int = 3) -> Iterator[list[tuple[str, int]]]:
    """The addresses of sentinels that watch `main`, and replace it half a second after its end."""
    program = program_or_skip(SENTINELS)
    with contextlib.ExitStack() as running:
        ports = [running.enter_context(kept_port()) for _ in range(number)]
        for port in ports:
            file = master.directory / f"sentinel-{port}.conf"
            file.write_text(
                f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master.port} 2\n"
                "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
            )
            command = [program, str(file)]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - as the server  # nosec B603
            running.enter_context(process)
            running.callback(process.kill)
        yield [("127.0.0.1", port) for port in ports]


@contextlib.contextmanager
def kept_port() -> Iterator[int]:
    """A port of 127.0.0.1 that is given to nobody else, whether its server runs or not.

    Linux lets a server that sets SO_REUSEADDR, as Redis does, listen where another socket is bound
    that does not listen. Elsewhere the port is one that was free when it was asked for.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port: int = keeper.getsockname()[1]
        if sys.platform != "linux":
            keeper.close()
        yield port
