"""One running stream, read by several callers at their own pace.

Nobody waits for a stream to end. Whoever comes while it runs is first given what has come so far,
and then pulls the next item himself when he is the first to need it. Items are kept as the
codec's bytes, so that each reader has his own; a stream with an item that cannot be encoded goes
on, with the items as they came, and is not stored.

The source is closed, and nothing stored, when it raises or when its last reader leaves early.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Iterator
from typing import Any

from llmcache.codecs import ResultCodec, Unstorable

__all__ = [
    "AsyncSharedStream",
    "Gone",
    "Items",
    "LiveStreams",
    "SharedStream",
    "running_loop",
]


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop of this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Gone(Exception):  # noqa: N818 - a signal to a reader that has not begun, never an error of the user
    """The stream was closed before this reader began: ask anew."""


class Items:
    """What a stream has given so far, and how it ended."""

    def __init__(self, codec: ResultCodec) -> None:
        self.codec = codec
        self.dumped: list[bytes] = []
        self.plain: list[Any] = []
        self.unstorable: Unstorable | None = None
        self.ended = False
        self.gone = False
        self.error: BaseException | None = None
        self.readers = 0

    def __len__(self) -> int:
        return len(self.plain)

    def add(self, item: Any) -> None:
        """Take the next item."""
        self.plain.append(item)
        if self.unstorable is not None:
            return
        try:
            self.dumped.append(self.codec.dump(item).data)
        except Unstorable as error:
            self.unstorable = error
            self.dumped.clear()

    def give(self, position: int) -> Any:
        """One reader's own copy of an item."""
        if self.unstorable is not None:
            return self.plain[position]
        return self.codec.load(self.dumped[position])

    def end(self, error: BaseException | None = None) -> None:
        """No more will come."""
        self.ended = True
        self.error = error


class SharedStream:
    """A sync source and its readers, in any threads.

    Args:
        source: What the user's function returned.
        codec: For its items.
        finish: Told once, when the source is exhausted.
        leave: Told once, when it no longer runs, however it ended.
    """

    def __init__(
        self,
        source: Iterator[Any],
        codec: ResultCodec,
        finish: Callable[[Items], None],
        leave: Callable[[], None],
    ) -> None:
        self.source = source
        self.items = Items(codec)
        self.finish = finish
        self.leave = leave
        # Re-entrant: a stream that asks for itself gets Python's own error, not a dead lock.
        self.lock = threading.RLock()

    def read(self) -> Iterator[Any]:
        """A new reader, from the first item on.

        Raises:
            Gone: Before the first item, when the other readers left early meanwhile.
        """
        with self.lock:
            if self.items.gone:
                raise Gone
            self.items.readers += 1
        position = 0
        try:
            while self.ready(position):
                yield self.items.give(position)
                position += 1
        finally:
            with self.lock:
                self.items.readers -= 1
                if not self.items.readers and not self.items.ended:
                    self.stop()

    def ready(self, position: int) -> bool:
        """Whether there is an item at `position`, pulled now if need be; False at the end.

        Raises:
            BaseException: What the source raised, to each reader who comes to that point.
        """
        with self.lock:
            if position < len(self.items):
                return True
            if not self.items.ended:
                self.pull()
            if position < len(self.items):
                return True
            if self.items.error is not None:
                raise self.items.error
            return False

    def pull(self) -> None:
        """Take one item from the source."""
        try:
            item = next(self.source)
        except StopIteration:
            self.items.end()
            self.leave()
            self.finish(self.items)
        except BaseException as error:
            self.items.end(error)
            self.leave()
            if not isinstance(error, Exception):
                raise
        else:
            self.items.add(item)

    def stop(self) -> None:
        """The last reader left early."""
        self.items.gone = True
        self.items.end()
        self.leave()
        close = getattr(self.source, "close", None)
        if close is not None:
            close()


class AsyncSharedStream:
    """As `SharedStream`, for an async source; its readers are tasks of one loop."""

    def __init__(
        self,
        source: AsyncIterator[Any],
        codec: ResultCodec,
        finish: Callable[[Items], Awaitable[None]],
        leave: Callable[[], None],
    ) -> None:
        self.source = source
        self.items = Items(codec)
        self.finish = finish
        self.leave = leave
        self.loop = running_loop()
        self.pulling: asyncio.Task[None] | None = None

    async def read(self) -> AsyncGenerator[Any, None]:
        """As `SharedStream.read`, async."""
        if self.items.gone:
            raise Gone
        self.items.readers += 1
        position = 0
        try:
            while await self.ready(position):
                yield self.items.give(position)
                position += 1
        finally:
            self.items.readers -= 1
            if not self.items.readers and not self.items.ended:
                await self.stop()

    async def ready(self, position: int) -> bool:
        """As `SharedStream.ready`, async. A reader that is cancelled does not disturb the pull."""
        while position >= len(self.items) and not self.items.ended:
            if self.pulling is None or self.pulling.done():
                self.pulling = asyncio.get_running_loop().create_task(self.pull())
            await asyncio.shield(self.pulling)
        if position < len(self.items):
            return True
        if self.items.error is not None:
            raise self.items.error
        return False

    async def pull(self) -> None:
        """Take one item from the source."""
        try:
            item = await anext(self.source)
        except StopAsyncIteration:
            self.items.end()
            self.leave()
            await self.finish(self.items)
        except BaseException as error:
            self.items.end(error)
            self.leave()
            if not isinstance(error, Exception):
                raise
        else:
            self.items.add(item)

    async def stop(self) -> None:
        """The last reader left early: end the pull that is under way, and the source."""
        self.items.gone = True
        self.items.end()
        self.leave()
        if self.pulling is not None and not self.pulling.done():
            self.pulling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.pulling
        close = getattr(self.source, "aclose", None)
        if close is not None:
            await close()


Stream = SharedStream | AsyncSharedStream


class LiveStreams:
    """The streams that run in this process, by key."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: dict[Hashable, Stream] = {}

    def begin(self, key: Hashable, stream: Stream) -> None:
        """Let later callers of the key find the stream."""
        with self.lock:
            self.running[key] = stream

    def end(self, key: Hashable, stream: Stream) -> None:
        """Nobody need find it any more."""
        with self.lock:
            if self.running.get(key) is stream:
                del self.running[key]

    def drop(self, outdated: Callable[[Hashable], bool]) -> None:
        """Let later callers of these keys begin anew; those who read now read on."""
        with self.lock:
            for key in [key for key in self.running if outdated(key)]:
                del self.running[key]

    def find(self, key: Hashable) -> Stream | None:
        """The running stream of a key, or None; an async one only in its own loop."""
        with self.lock:
            stream = self.running.get(key)
        if stream is None or stream.items.ended:
            return None
        if isinstance(stream, AsyncSharedStream) and stream.loop is not running_loop():
            return None
        return stream

    def begin_anew(self) -> None:
        """In a forked child: what runs runs in the parent."""
        self.lock = threading.Lock()
        self.running = {}
