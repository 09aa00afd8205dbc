"""The ways to a server: one for all threads, one for each event loop, anew in a child.

What was passed in is the caller's: it is used, never closed. What is opened here is closed here,
that of an event loop with the loop at the latest.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from llmcache.backends.forks import forkable
from llmcache.backends.redis.address import Client, ServerAddress
from llmcache.backends.redis.given import AsyncGivenServer, GivenServer
from llmcache.backends.redis.lines import AsyncLines, Lines
from llmcache.errors import ConfigurationError

__all__ = ["Clients", "GivenClients", "OwnClients"]

Loop = asyncio.AbstractEventLoop


class Clients(ABC):
    """Where a driver gets its way to the server from."""

    native = True
    """Whether there is a way for event loops; else the sync one is driven in a thread."""

    @abstractmethod
    def for_thread(self) -> Lines | GivenServer:
        """The way for calls that block."""

    @abstractmethod
    async def for_loop(self) -> AsyncLines | AsyncGivenServer:
        """The way for the running event loop."""

    def loop_for_threads(self) -> Loop | None:
        """The event loop that has to work for threads too, as there is no client for them."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Close what was opened here."""

    @abstractmethod
    async def aclose(self) -> None:
        """As `close`, async."""


class GivenClients(Clients):
    """Clients that the caller opened, of one colour or both."""

    def __init__(self, client: Client | None, async_client: Client | None) -> None:
        self.client: GivenServer | None = None if client is None else GivenServer(client)
        self.async_client = async_client
        self.native: bool = async_client is not None
        self.server: AsyncGivenServer | None = None

    def for_thread(self) -> GivenServer:
        """As `Clients.for_thread`."""
        if self.client is None:
            raise ConfigurationError(
                "This RedisBackend was given an asyncio client only, and a sync function asks it: "
                "pass a URL, or a sync client as well, RedisBackend(client, async_client=...).",
                name="backend",
                value="an asyncio client",
                allowed="a URL, which serves both kinds of functions",
            )
        return self.client

    def loop_for_threads(self) -> Loop | None:
        """As `Clients.loop_for_threads`: a thread that renews leases has no loop of its own."""
        if self.client is not None or self.server is None:
            return None
        loop = self.server.alarms.loop
        return loop if loop.is_running() and not runs_here(loop) else None

    async def for_loop(self) -> AsyncGivenServer:
        """As `Clients.for_loop`; a client belongs to the first loop that uses it."""
        if self.async_client is not None and (
            self.server is None or self.server.alarms.loop.is_closed()
        ):
            self.server = AsyncGivenServer(self.async_client)
        if self.server is None or self.server.alarms.loop is not asyncio.get_running_loop():
            raise ConfigurationError(
                "The asyncio client of this RedisBackend belongs to another event loop: pass a "
                "URL, and each loop gets a client of its own.",
                name="backend",
                value="an asyncio client",
                allowed="a URL, which serves any number of loops",
            )
        return self.server

    def close(self) -> None:
        """As `Clients.close`: nothing was."""

    async def aclose(self) -> None:
        """As `Clients.aclose`: nothing was."""


def runs_here(loop: Loop) -> bool:
    """Whether this very thread runs the loop, and must not wait for it."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The connections of an event loop, and the generator that closes them with the loop."""

    loop: Loop
    lines: AsyncLines
    keeper: AsyncGenerator[AsyncLines]


held: set[Kept] = set()
"""All of this process: connections outlive a backend that is dropped before their loop ends."""

inherited: list[object] = []
"""What the parent of this process opened: not even collected, for closing an asyncio socket would
take it out of the poll set that both processes share."""


class OwnClients(Clients):
    """Connections by a URL, opened when first needed."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self.begin(closed=False)
        forkable(self)

    def begin(self, *, closed: bool) -> None:
        """No connections yet."""
        self.lock: threading.Lock = threading.Lock()
        self.lines: Lines = self.address.lines()
        self.lines.closed = closed
        self.by_loop: dict[Loop, Kept] = {}

    def for_thread(self) -> Lines:
        """As `Clients.for_thread`."""
        return self.lines

    async def for_loop(self) -> AsyncLines:
        """As `Clients.for_loop`."""
        loop = asyncio.get_running_loop()
        kept = self.by_loop.get(loop)
        if kept is not None:
            return kept.lines
        keeper = self.lines_until_closed()
        kept = Kept(loop, await anext(keeper), keeper)
        with self.lock:
            self.by_loop = {
                other: kept for other, kept in self.by_loop.items() if not other.is_closed()
            }
            self.by_loop[loop] = kept
        hold(kept)
        return kept.lines

    async def lines_until_closed(self) -> AsyncGenerator[AsyncLines]:
        """New connections, suspended until they are closed, by `aclose` or by the end of the loop.

        `asyncio.run` closes the generators of a loop before the loop: the one moment at which its
        sockets can be closed without the user's help.
        """
        lines = self.address.async_lines()
        lines.closed = self.lines.closed
        try:
            yield lines
        finally:
            await lines.close()

    def close(self) -> None:
        """As `Clients.close`; in loops that run it is done soon, in others when they end."""
        self.lines.close()
        with self.lock:
            running = [loop for loop in self.by_loop if loop.is_running()]
            ending = [(loop, self.by_loop.pop(loop)) for loop in running]
        for loop, kept in ending:
            asyncio.run_coroutine_threadsafe(end(kept), loop)

    async def aclose(self) -> None:
        """As `Clients.aclose`."""
        with self.lock:
            kept = self.by_loop.pop(asyncio.get_running_loop(), None)
        self.close()
        if kept is not None:
            await end(kept)

    def forked(self) -> None:
        """As `Forkable.forked`: the child opens its own."""
        inherited.append((self.lines, self.by_loop, set(held)))
        held.clear()
        self.begin(closed=self.lines.closed)


def hold(kept: Kept) -> None:
    """Keep connections until their loop has ended."""
    for other in tuple(held):
        if other.loop.is_closed():
            held.discard(other)
    held.add(kept)


async def end(kept: Kept) -> None:
    """Let the generator close the connections."""
    held.discard(kept)
    await kept.keeper.aclose()
