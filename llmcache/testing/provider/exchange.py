"""One request answered over one connection: pauses, then a failure, a whole answer or a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from llmcache.testing.provider import wire_chat, wire_messages, wire_responses
from llmcache.testing.provider.answers import Answer, Failure, Reply
from llmcache.testing.provider.asked import Asked
from llmcache.testing.provider.compose import composed
from llmcache.testing.provider.patterns import UnfillableError
from llmcache.testing.provider.pauses import Pauses
from llmcache.testing.provider.request import Request

__all__ = ["WIRES", "Connection", "Exchange", "Wire"]


class Wire(Protocol):
    """What a wire format's module offers."""

    def asked(self, body: Mapping[str, Any], /) -> Asked:
        """What a request's body asks for."""
        ...

    def whole(self, reply: Reply, /) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        ...

    def pieces(self, reply: Reply, body: Mapping[str, Any], /) -> Iterator[str]:
        """The server-sent events of a streamed answer, one piece a step."""
        ...

    def broken(self, failure: Failure, /) -> dict[str, Any]:
        """The body of an error."""
        ...


WIRES: dict[str, Wire] = {
    "/v1/chat/completions": wire_chat,
    "/v1/responses": wire_responses,
    "/v1/messages": wire_messages,
}


class Connection(Protocol):
    """What answering needs of the HTTP connection."""

    def gone(self) -> bool:
        """Whether the client has hung up."""
        ...

    def send_json(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        """Send a whole answer."""
        ...

    def start_stream(self, headers: Mapping[str, str]) -> None:
        """Send the head of a stream."""
        ...

    def send_piece(self, piece: str) -> None:
        """Send one piece of a stream, now."""
        ...

    def end_stream(self) -> None:
        """Send the end of a stream."""
        ...

    def drop(self) -> None:
        """Hang up without another word."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """What answering one request takes.

    Attributes:
        leave: Called right before the last bytes go out, so that a client that has its answer
            is no longer counted as in flight.
    """

    connection: Connection
    wire: Wire
    request: Request
    pauses: Pauses
    leave: Callable[[], None]

    def run(self, outcome: Answer | Failure, *, delay: float, chunk_delay: float) -> None:
        """Answer.

        Raises:
            AbandonedError: The client has gone, or the provider closes.
        """
        gone = self.connection.gone
        self.pauses.pass_gates(self.request, None, gone)
        self.pauses.sleep(delay + outcome.delay, gone)
        if isinstance(outcome, Failure):
            self.fail(outcome)
            return
        asked, number = self.request.asked, self.request.number
        try:
            reply = composed(asked, outcome, number, self.prompt_size())
        except UnfillableError as error:
            self.fail(Failure(status=400, message=f"The loopback provider gives up: {error}"))
            return
        if asked.stream:
            self.stream(reply, outcome, chunk_delay + outcome.chunk_delay)
        else:
            self.leave()
            self.connection.send_json(200, self.wire.whole(reply), self.headers())

    def prompt_size(self) -> int:
        """The length of what is asked, alike whether the answer is streamed or not."""
        counted = {k: v for k, v in self.request.body.items() if not k.startswith("stream")}
        return len(json.dumps(counted))

    def headers(self) -> dict[str, str]:
        """What each answer carries: the request's id, under both SDKs' names for it."""
        name = f"req_loopback_{self.request.number}"
        return {"x-request-id": name, "request-id": name}

    def fail(self, failure: Failure) -> None:
        """Send an error, or hang up."""
        self.leave()
        if failure.drop:
            self.connection.drop()
            return
        headers = self.headers()
        if failure.retry_after is not None:
            headers["Retry-After"] = f"{failure.retry_after:g}"
        self.connection.send_json(failure.status, self.wire.broken(failure), headers)

    def stream(self, reply: Reply, answer: Answer, chunk_delay: float) -> None:
        """Send server-sent events, with what is to happen between them."""
        gone = self.connection.gone
        self.connection.start_stream(self.headers())
        for sent, piece in enumerate(self.wire.pieces(reply, self.request.body)):
            self.pauses.pass_gates(self.request, sent, gone)
            if sent == answer.drop_after_chunks:
                self.leave()
                self.connection.drop()
                return
            self.pauses.sleep(chunk_delay, gone)
            self.connection.send_piece(piece)
        self.leave()
        self.connection.end_stream()
