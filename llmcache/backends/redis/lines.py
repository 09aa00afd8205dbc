"""Connections that are opened here: redis-py's, without the client and the pool it puts round them.

Polling a connection before each use, retrying and keeping metrics takes redis-py longer than the
exchange itself. Here a connection is used as it is, and one that proves to be dead is opened anew
within the same exchange.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any

from llmcache.backends.redis.alarms import Alarms
from llmcache.backends.redis.failures import is_cut, is_reply
from llmcache.backends.redis.steps import BATCH, Scan, Words
from llmcache.clock import SYSTEM

__all__ = ["AsyncLines", "Callbacks", "Lines"]

Callbacks = Mapping[str | bytes | int, Callable[..., Any]]
BEGIN, COMMIT = ("MULTI",), ("EXEC",)


class Lines:
    """The connections of all threads; each carries one exchange at a time.

    Closed, they still serve, each connection for one exchange: what a thread that outlives the
    backend has to say gets through, and leaves nothing open.

    Args:
        make: Makes a connection of redis-py, not yet open, with a `Limit`.
        callbacks: What redis-py makes of the replies to some commands.
        most: How many there may be.
    """

    def __init__(self, make: Callable[[], Any], callbacks: Callbacks, most: int) -> None:
        self.make = make
        self.callbacks = callbacks
        self.idle: SimpleQueue[Any] = SimpleQueue()
        self.lock: threading.Lock = threading.Lock()
        self.unopened: int = most
        self.closed: bool = False

    def one(self, words: Words, due: float) -> Any:
        """The reply to one command, raised where it is an error.

        Args:
            words: The command.
            due: When to give up, by the monotonic clock.
        """
        line, whole = self.take(due), False
        try:
            reply = said(line, words)
            whole = True
        except Exception as error:
            whole = is_reply(error)
            raise
        finally:
            self.give(line, whole=whole)
        shaped = self.callbacks.get(words[0])
        return reply if shaped is None else shaped(reply)

    def many(self, commands: list[Words], due: float, *, atomic: bool) -> list[Any]:
        """The replies to commands that are sent together, an error as a reply."""
        sent = [BEGIN, *commands, COMMIT] if atomic else commands
        line, whole = self.take(due), False
        try:
            replies = all_said(line, sent)
            whole = True
        finally:
            self.give(line, whole=whole)
        return committed(replies) if atomic else replies

    def scan(self, step: Scan, due: float) -> tuple[Any, list[bytes]]:
        """One step over the keys."""
        position, keys = self.one(scanning(step), due)
        return position or None, keys

    def take(self, due: float) -> Any:
        """A connection that nobody else uses, held to that moment.

        Raises:
            TimeoutError: All are in use, for too long.
        """
        try:
            line = self.idle.get_nowait()
        except Empty:
            line = self.another(due)
        line.limit.begin(due)
        return line

    def another(self, due: float) -> Any:
        """A new connection, or the next that is given back."""
        with self.lock:
            if self.unopened:
                self.unopened -= 1
                return self.make()
        try:
            return self.idle.get(timeout=max(0.0, due - SYSTEM.monotonic()))
        except Empty:
            raise TimeoutError("all connections are in use") from None

    def give(self, line: Any, *, whole: bool) -> None:
        """Take a connection back; one in the middle of an exchange opens anew when next used."""
        if self.closed or not whole:
            line.disconnect()
        self.idle.put(line)
        if self.closed:  # meanwhile, perhaps
            self.close()

    def close(self) -> None:
        """Close what nobody uses now, and from now on each as soon as it is given back."""
        self.closed = True
        unused = []
        with contextlib.suppress(Empty):
            while True:
                unused.append(self.idle.get_nowait())
        for line in unused:
            line.disconnect()
            self.idle.put(line)


class AsyncLines:
    """As `Lines`, of the running event loop; who asks gives up, see `Alarms`."""

    def __init__(self, make: Callable[[], Any], callbacks: Callbacks, most: int) -> None:
        self.make = make
        self.callbacks = callbacks
        self.idle: list[Any] = []
        self.opened: list[Any] = []
        self.alarms: Alarms = Alarms()
        self.free: asyncio.Semaphore = asyncio.Semaphore(most)
        self.closed: bool = False

    async def one(self, words: Words) -> Any:
        """As `Lines.one`, async."""
        async with self.free:
            line, whole = self.take(), False
            try:
                reply = await asaid(line, words)
                whole = True
            except Exception as error:
                whole = is_reply(error)
                raise
            finally:
                await self.give(line, whole=whole)
        shaped = self.callbacks.get(words[0])
        return reply if shaped is None else shaped(reply)

    async def many(self, commands: list[Words], *, atomic: bool) -> list[Any]:
        """As `Lines.many`, async."""
        sent = [BEGIN, *commands, COMMIT] if atomic else commands
        async with self.free:
            line, whole = self.take(), False
            try:
                replies = await aall_said(line, sent)
                whole = True
            finally:
                await self.give(line, whole=whole)
        return committed(replies) if atomic else replies

    async def scan(self, step: Scan) -> tuple[Any, list[bytes]]:
        """As `Lines.scan`, async."""
        position, keys = await self.one(scanning(step))
        return position or None, keys

    def take(self) -> Any:
        """A connection that nobody else uses; whoever comes here may have one."""
        if self.idle:
            return self.idle.pop()
        line = self.make()
        self.opened.append(line)
        return line

    async def give(self, line: Any, *, whole: bool) -> None:
        """As `Lines.give`, async; cancelled or not, the connection is there again."""
        try:
            if not whole or self.closed:
                await line.disconnect()
        finally:
            self.idle.append(line)

    async def close(self) -> None:
        """As `Lines.close`, but also what is in use, as the event loop may be about to end.

        Nothing is waited for, so that no cancellation can come in between.
        """
        self.closed = True
        for line in self.opened:
            await line.disconnect()


def said(line: Any, words: Words) -> Any:
    """The reply to one command, over a new connection where the one there was is dead."""
    try:
        line.send_command(*words)
        return line.read_response()
    except Exception as error:
        if not is_cut(error):
            raise
    line.limit.left()
    line.send_command(*words)
    return line.read_response()


async def asaid(line: Any, words: Words) -> Any:
    """As `said`, async."""
    try:
        await line.send_command(*words)
        return await line.read_response()
    except Exception as error:
        if not is_cut(error):
            raise
    await line.send_command(*words)
    return await line.read_response()


def all_said(line: Any, commands: list[Words]) -> list[Any]:
    """As `said`, for many commands at once; an error reply is one of the replies."""
    packed = line.pack_commands(commands)
    try:
        line.send_packed_command(packed)
        return [reply_of(line) for _ in commands]
    except Exception as error:
        if not is_cut(error):
            raise
    line.limit.left()
    line.send_packed_command(packed)
    return [reply_of(line) for _ in commands]


async def aall_said(line: Any, commands: list[Words]) -> list[Any]:
    """As `all_said`, async."""
    packed = line.pack_commands(commands)
    try:
        await line.send_packed_command(packed)
        return [await areply_of(line) for _ in commands]
    except Exception as error:
        if not is_cut(error):
            raise
    await line.send_packed_command(packed)
    return [await areply_of(line) for _ in commands]


def reply_of(line: Any) -> Any:
    """The next reply, an error as a value."""
    try:
        return line.read_response()
    except Exception as error:
        if is_reply(error):
            return error
        raise


async def areply_of(line: Any) -> Any:
    """As `reply_of`, async."""
    try:
        return await line.read_response()
    except Exception as error:
        if is_reply(error):
            return error
        raise


def committed(replies: list[Any]) -> list[Any]:
    """The replies to the commands of a transaction; the first error raised."""
    found = replies[-1]
    for reply in (*replies, *(found if isinstance(found, list) else ())):
        if isinstance(reply, Exception):
            raise reply
    return list(found)


def scanning(step: Scan) -> Words:
    """The words of one step over the keys."""
    return ("SCAN", step.position or 0, "MATCH", step.pattern, "COUNT", BATCH)
