"""One running stream, read by several callers at their own pace.

Nobody waits for a stream to end. Whoever comes while it runs is first given what has come so far,
and then has the next item pulled when he is the first to need it. The source is closed, and nothing
stored, when it raises or when its last reader leaves early.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Hashable
from typing import Any

from llmcache.flight.board import Flights, inside
from llmcache.flight.flight import Flight, running_loop
from llmcache.flight.items import Gone, Items, refuse
from llmcache.flight.raising import SharedError

__all__ = ["AsyncSharedStream", "LiveStreams", "SharedStream", "Stream"]


class LiveStreams:
    """The streams that run in this process, by key, for as long as somebody may read them."""

    def __init__(self, flights: Flights[Any]) -> None:
        self.flights = flights
        self.begin_anew()

    def begin_anew(self) -> None:
        """In a forked child: what runs runs in the parent."""
        self.lock: threading.RLock = threading.RLock()
        # Weak: one that nobody ever begins to read ends with the generator that was handed out.
        self.running: weakref.WeakValueDictionary[Hashable, Stream] = weakref.WeakValueDictionary()

    def begin(self, key: Hashable, stream: Stream) -> None:
        """Let later callers of the key find the stream."""
        with self.lock:
            self.running[key] = stream

    def end(self, stream: Running) -> None:
        """Nobody need find it any more."""
        with self.lock:
            if self.running.get(stream.node.key) is stream:
                del self.running[stream.node.key]

    def drop(self, outdated: Callable[[Hashable], bool]) -> None:
        """Let later callers of these keys begin anew; those who read now read on."""
        with self.lock:
            for key in [key for key in self.running if outdated(key)]:
                self.running.pop(key, None)

    def find(self, key: Hashable) -> Stream | None:
        """The running stream of a key, or None; never the one that its own source asks for."""
        with self.lock:
            stream = self.running.get(key)
        if stream is None or stream.items.ended or stream.elsewhere:
            return None
        return None if self.flights.closes_circle(stream.node) else stream


class Running:
    """A source that runs, and what its readers of either kind share.

    A reader inside of what another source runs holds that one up from its first item to its last:
    two sources that read what the other has given so far would feed each other without end.

    Args:
        source: What the user's function returned.
        items: Where its items are kept.
        key: What it answers.
        live: Where others find it.
        finish: Told once, when the source is exhausted, before the readers are.
        epoch: That of the key when it was begun; None: it will not be stored.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - it is made in one place
        self,
        source: Any,
        items: Items,
        key: Hashable,
        live: LiveStreams,
        finish: Callable[[Items], Any],
        epoch: int | None,
    ) -> None:
        self.source = source
        self.items = items
        self.live = live
        self.finish = finish
        self.epoch = epoch
        self.node: Flight[Any] = Flight(key, None)
        self.readers: int = 0

    def enter(self) -> None:
        """One reader more."""
        self.readers += 1

    def left_early(self) -> bool:
        """One reader less; whether it was the last and left early, so that no more will come."""
        self.readers -= 1
        if self.readers or self.items.ended:
            return False
        self.items.broken = True
        self.over()
        return True

    def over(self) -> None:
        """No more will come."""
        self.items.ended = True
        self.live.end(self)


class SharedStream(Running):
    """A sync source and its readers, in any threads."""

    elsewhere = False  # any thread may read it

    def __init__(self, *made: Any) -> None:
        super().__init__(*made)
        self.count: threading.RLock = threading.RLock()
        self.turn: threading.RLock = threading.RLock()

    def read(self) -> Generator[Any, Any, Any]:
        """A new reader, from the first item on; returns what a source generator returned.

        Raises:
            Gone: The others left before this one began, or waiting on would be waiting for itself.
            TypeError: When something is sent into it.
        """
        with self.live.flights.waiting(self.node, None) as sound:
            with self.count:
                if self.items.broken or not sound:
                    raise Gone(0)
                self.enter()
            position = 0
            try:
                while self.ready(position):
                    refuse((yield self.items.give(position)))
                    position += 1
                return self.items.give_returned()
            finally:
                self.leave()

    def ready(self, position: int) -> bool:
        """Whether there is an item at `position`, pulled now if need be; raises as `says_end`."""
        while position >= len(self.items) and not self.items.ended:
            with self.live.flights.waiting(self.node, running_loop()) as sound:
                if not sound:
                    raise Gone(position)
                with self.turn:
                    if position >= len(self.items) and not self.items.ended:
                        self.pull()
        if position < len(self.items):
            return True
        self.items.says_end(position)
        return False

    def pull(self) -> None:
        """Take one item from the source, or its end."""
        try:
            with inside(self.node):
                self.items.add(next(self.source))
        except StopIteration as end:
            self.items.close(end.value)
            self.conclude()
        except Exception as error:  # noqa: BLE001 - raised to each reader who comes to this point
            self.items.error = SharedError(error)
            self.over()
        except BaseException:
            self.items.broken = True
            self.over()
            raise

    def conclude(self) -> None:
        """Store first: who comes in between still finds the stream."""
        try:
            self.finish(self.items)
        finally:
            self.over()

    def leave(self) -> None:
        """A reader has ended; the last one who does so early closes the source."""
        with self.count:
            if not self.left_early():
                return
        close = getattr(self.source, "close", None)
        if close is not None:
            close()


class AsyncSharedStream(Running):
    """As `SharedStream`, for an async source; its readers are tasks of one loop.

    The source runs in a task of its own, from its first item to its end: what it enters between
    two items (a timeout, a cancel scope, a span) it leaves in the same task and context.
    """

    def __init__(self, *made: Any) -> None:
        super().__init__(*made)
        self.node.loop = running_loop()
        self.wanted: int = 0
        self.asked: asyncio.Event = asyncio.Event()
        self.came: asyncio.Event = asyncio.Event()
        self.pump: asyncio.Task[None] | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether its loop is another one; the first that reads it makes it its own."""
        return self.node.loop not in {None, running_loop()}

    async def read(self) -> AsyncGenerator[Any, Any]:
        """As `SharedStream.read`, async; in another loop than its own it is `Gone`."""
        with self.live.flights.waiting(self.node, None) as sound:
            if self.items.broken or self.elsewhere or not sound:
                raise Gone(0)
            self.node.loop = running_loop()
            self.enter()
            position = 0
            try:
                while await self.ready(position):
                    refuse((yield self.items.give(position)))
                    position += 1
            finally:
                await self.leave()

    async def ready(self, position: int) -> bool:
        """As `SharedStream.ready`, async. A reader that is cancelled does not disturb the pull."""
        while position >= len(self.items) and not self.items.ended:
            with self.live.flights.waiting(self.node, None) as sound:
                if not sound:
                    raise Gone(position)
                if self.pump is None:
                    self.pump = asyncio.get_running_loop().create_task(self.run())
                self.wanted = max(self.wanted, position + 1)
                self.asked.set()
                await self.came.wait()
        if position < len(self.items):
            return True
        self.items.says_end(position)
        return False

    async def run(self) -> None:
        """The task: take items as they are asked for, to the end."""
        try:
            with inside(self.node):
                while await self.take():
                    self.tell()
                await self.finish(self.items)
        except Exception as error:  # noqa: BLE001 - raised to each reader who comes to this point
            self.items.error = SharedError(error)
        except asyncio.CancelledError as exit_:
            self.items.broken, self.items.exit = True, exit_
            await self.close_source()
        except BaseException:
            self.items.broken = True
            raise
        finally:
            self.over()

    async def take(self) -> bool:
        """Take the next item once it is wanted; whether there was one."""
        while len(self.items) >= self.wanted:
            self.asked.clear()
            await self.asked.wait()
        try:
            self.items.add(await anext(self.source))
        except StopAsyncIteration:
            return False
        return True

    def tell(self) -> None:
        """Wake the readers."""
        self.came.set()
        self.came = asyncio.Event()

    def over(self) -> None:
        """As `Running.over`."""
        super().over()
        self.tell()

    async def leave(self) -> None:
        """As `SharedStream.leave`, async."""
        if not self.left_early():
            return
        if self.pump is None:
            await self.close_source()
        else:
            self.pump.cancel()
            await asyncio.wait((self.pump,))

    async def close_source(self) -> None:
        """Let the source end where it stands."""
        close = getattr(self.source, "aclose", None)
        if close is not None:
            await close()


Stream = SharedStream | AsyncSharedStream
