"""redis-py's connections, but held to the time that an exchange has, and closed at once.

redis-py bounds each step on a socket, so a server that sends a byte now and then is waited for
without end; and to close, its asyncio connections wait until the server took all that is in hand.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from llmcache.clock import SYSTEM

__all__ = ["Limit", "LimitedSocket", "limited", "unlingering"]

monotonic: Callable[[], float] = SYSTEM.monotonic

SLACK = 0.001
"""Seconds by which a socket may be wrong: to set its time-out is a call of the system."""


class Limit:
    """The moment at which the exchange that is under way is given up, by the monotonic clock."""

    def __init__(self) -> None:
        self.begin(math.inf)

    def begin(self, due: float) -> None:
        """Hold a new exchange to this moment."""
        self.due: float = due
        self.looked: bool = False

    def left(self) -> float:
        """Seconds until then.

        Raises:
            TimeoutError: There are none.
        """
        left = self.due - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def left_to_receive(self) -> float:
        """As `left`, but with one last look: what came while the thread could not run is there."""
        left = self.due - monotonic()
        if left > 0:
            return left
        if self.looked:
            raise TimeoutError
        self.looked = True
        return SLACK


class LimitedSocket:
    """A socket that sends and receives within the limit, however often it is asked."""

    def __init__(self, socket: Any, limit: Limit) -> None:
        self.socket = socket
        self.limit = limit
        self.timeout: float = math.inf

    def hold(self, left: float) -> None:
        """Let the next step on the socket take no longer than what is left, to a millisecond."""
        if not -SLACK < left - self.timeout < SLACK:
            self.socket.settimeout(left)
            self.timeout = left

    def sendall(self, data: bytes) -> None:
        """As that of a socket."""
        self.hold(self.limit.left())
        self.socket.sendall(data)

    def recv(self, size: int) -> bytes:
        """As that of a socket."""
        self.hold(self.limit.left_to_receive())
        received: bytes = self.socket.recv(size)
        return received

    def recv_into(self, buffer: Any) -> int:
        """As that of a socket; asked by the parser of hiredis."""
        self.hold(self.limit.left_to_receive())
        size: int = self.socket.recv_into(buffer)
        return size

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)


@functools.cache
def limited(kind: Any) -> Any:
    """A kind of connection for threads, whose every step keeps to its `limit`."""

    class Limited(kind):  # type: ignore[misc]  # known at run time only
        def __init__(self, **options: Any) -> None:
            self.limit = Limit()
            super().__init__(**options)

        def _connect(self) -> LimitedSocket:
            return LimitedSocket(super()._connect(), self.limit)

        @property
        def socket_timeout(self) -> float:
            return self.limit.left()

        @socket_timeout.setter
        def socket_timeout(self, _: float | None) -> None:
            """Redis-py sets its own, which has no part in this."""

        socket_connect_timeout = socket_timeout

    return Limited


@functools.cache
def unlingering(kind: Any) -> Any:
    """A kind of connection for event loops that is closed at once, whatever is in hand."""

    class Unlingering(kind):  # type: ignore[misc]  # known at run time only
        async def disconnect(self, nowait: bool = True, **told: Any) -> None:  # noqa: ARG002, FBT001, FBT002 - redis-py's own signature
            writer = self._writer
            try:
                await super().disconnect(nowait=True, **told)
            finally:
                if writer is not None:
                    writer.transport.abort()

    return Unlingering
