"""A language model provider on this machine, for tests, examples and the demo."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from llmcache.testing.provider.answers import Failure
from llmcache.testing.provider.clients import Clients
from llmcache.testing.provider.exchange import WIRES, Exchange, Wire
from llmcache.testing.provider.ledger import Ledger
from llmcache.testing.provider.pauses import AbandonedError, Gate, Pauses
from llmcache.testing.provider.request import Request, kept_headers
from llmcache.testing.provider.script import Script
from llmcache.testing.provider.server import Handler, Server

__all__ = ["LoopbackProvider"]

PATIENCE = 30.0
"""Seconds that `wait_for` blocks at most: a failing test ends."""


class LoopbackProvider(Clients):
    """A real HTTP server on 127.0.0.1 that speaks the OpenAI and Anthropic wire formats.

    It answers `/v1/chat/completions`, `/v1/responses` and `/v1/messages`, whole and streamed,
    with whatever the request's tools or JSON schema want, made up from the messages: the same
    question gets the same answer, another question mostly another one. `script` says otherwise.

    A context manager, sync and async; it listens from `__enter__` (or `start`) on.

    Args:
        port: 0 takes a free one.
        delay: Seconds before each answer.
        chunk_delay: Seconds before each piece of a stream.
        alias: A host name, such as `"provider.invalid"`, that the clients made here see in place
            of 127.0.0.1 and the port; they reach it through this server as their HTTP proxy. The
            base URL is then the same in every run, and so are cache keys that contain it.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        delay: float = 0.0,
        chunk_delay: float = 0.0,
        alias: str | None = None,
    ) -> None:
        super().__init__()
        self.wanted_port = port
        self.delay = delay
        self.chunk_delay = chunk_delay
        self.alias = alias
        self.ledger: Ledger = Ledger()
        self.scripted: Script = Script()
        self.pauses: Pauses = Pauses()
        self.numbers: itertools.count[int] = itertools.count(1)
        self.server: Server | None = None

    def start(self) -> Self:
        """Listen and answer. Done by `with`.

        Raises:
            OSError: The port is taken.
        """
        self.server = Server(self.wanted_port, self.receive)
        self.server.start()
        return self

    def close(self) -> None:
        """Interrupt what is held, close clients made here and every socket. Twice is fine."""
        self.pauses.closing.set()
        self.close_clients()
        server, self.server = self.server, None
        if server is not None:
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close_async_clients()
        await asyncio.to_thread(self.close)

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            RuntimeError: It is not started, or closed.
        """
        if self.server is None:
            raise RuntimeError("the provider listens only inside `with LoopbackProvider() as ...:`")
        return self.server.server_port

    @property
    def requests(self) -> list[Request]:
        """The requests for an answer so far, in the order they arrived."""
        with self.ledger.changed:
            return list(self.ledger.requests)

    @property
    def count(self) -> int:
        """How many requests for an answer have arrived."""
        return len(self.ledger.requests)

    @property
    def in_flight(self) -> int:
        """How many are not answered yet."""
        return len(self.ledger.in_flight)

    @property
    def most_in_flight(self) -> int:
        """The most that were not answered yet at one time."""
        return self.ledger.most_in_flight

    @property
    def abandoned(self) -> int:
        """How many clients hung up while they were held, delayed or streamed to."""
        return self.ledger.abandoned

    def reset(self) -> None:
        """Forget the requests, the counts and the script, and open all gates."""
        self.pauses.release()
        self.scripted.set(())
        self.ledger.forget()

    def script(self, *answers: Any) -> None:
        """Say what to answer, in place of what was scripted before.

        Args:
            answers: Each request takes the next: a dict, list or pydantic object (structured), a
                str (plain text), an `Answer`, a `Failure`, or a function of the `Request` that
                returns one of these or None. When they are used up, answers are made up again.
                A single function answers every request. None at all: everything is made up.
        """
        self.scripted.set(answers)

    def hold(
        self,
        when: Callable[[Request], bool] = lambda _request: True,
        *,
        after_chunks: int | None = None,
    ) -> Gate:
        """Hold answers from now on: `with provider.hold() as gate: ... gate.release()`.

        Args:
            when: Which requests are held; all by default.
            after_chunks: None holds before the answer; a number holds a stream after so many
                pieces have been sent.
        """
        return self.pauses.hold(when, after_chunks)

    def wait_for(self, count: int, timeout: float = PATIENCE) -> None:
        """Block until `count` requests have arrived since the start or `reset`.

        Raises:
            TimeoutError: Fewer arrived within `timeout` seconds.
        """
        reached = lambda: len(self.ledger.requests) >= count  # noqa: E731 - read once, in the next line
        self.ledger.wait_until(reached, timeout, f"{count} requests")

    def wait_until_idle(self, timeout: float = PATIENCE) -> None:
        """Block until nothing is in flight, abandoned requests included.

        Raises:
            TimeoutError: Something still was after `timeout` seconds.
        """
        self.ledger.wait_until(
            lambda: not self.ledger.in_flight, timeout, "the end of all requests"
        )

    async def wait_for_async(self, count: int, timeout: float = PATIENCE) -> None:  # noqa: ASYNC109 - as `wait_for`
        """As `wait_for`, async."""
        await asyncio.to_thread(self.wait_for, count, timeout)

    def receive(self, connection: Handler, path: str, content: bytes) -> None:
        """Answer one HTTP request; what the server calls in the connection's thread."""
        if connection.command == "GET" and path == "/":
            counted = {"count": self.count, "most_in_flight": self.most_in_flight}
            connection.send_json(200, counted, {})
            return
        wire = WIRES.get(path)
        try:
            body = json.loads(content) if wire else None
        except ValueError:
            body = None
        if wire is None or not isinstance(body, dict):
            status = 404 if wire is None else 400
            error = {"error": {"message": f"{connection.command} {path} is not understood here."}}
            connection.send_json(status, error, {})
            return
        self.answer(connection, wire, path, body)

    def answer(self, connection: Handler, wire: Wire, path: str, body: dict[str, Any]) -> None:
        """Record a request and see it through."""
        scripted = self.scripted.take()
        headers = kept_headers(connection.headers.items())
        asked = wire.asked(body)
        request = self.ledger.arrive(
            next(self.numbers),
            lambda number: Request(
                number=number, path=path, body=body, headers=headers, asked=asked
            ),
        )
        number = request.number
        leave = lambda: self.ledger.leave(number)  # noqa: E731 - handed on in the next line
        exchange = Exchange(connection, wire, request, self.pauses, leave)
        try:
            outcome = self.scripted.outcome(scripted, request)
        except Exception as error:  # noqa: BLE001 - a script is the test's code; its failure is the answer
            outcome = Failure(status=500, message=f"The script failed: {error!r}")
        try:
            exchange.run(outcome, delay=self.delay, chunk_delay=self.chunk_delay)
        except (AbandonedError, OSError):
            self.ledger.leave(number, abandoned=True)
            connection.drop()
        finally:
            self.ledger.leave(number)
