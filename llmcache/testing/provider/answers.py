"""What a loopback provider can be told to answer, and what it then says, in no wire format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["FILL", "Answer", "Call", "Failure", "Reply"]


class Fill:
    """The type of `FILL`."""

    def __repr__(self) -> str:
        return "FILL"


FILL: Final = Fill()
"""Stands for a value made from the requested schema; without a schema, for a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One scripted answer; what is left out is as a well-behaved model would do it.

    Attributes:
        value: A dict or list goes where the request wants its structure (tool arguments or JSON
            text), valid or not; a str is plain text, even where a tool call was demanded.
        calls: Tool calls as (name, arguments), in place of `value`.
        finish: `"length"`, `"refusal"`, `"content_filter"` or the wire format's own word: why the
            answer ended. None: the ordinary reason.
        refusal: The text of a refusal, in place of `value`.
        delay: Seconds before the first byte, on top of the provider's own delay.
        chunk_delay: Seconds before each piece of a stream, on top of the provider's.
        drop_after_chunks: A stream breaks off, without its end, after this many pieces.
        input_tokens: Tokens of the prompt; None: estimated from its length.
        output_tokens: Tokens of the answer; None: estimated from its length.
        model: The model that the answer names; None: the one that was asked for.
    """

    value: Any = FILL
    calls: Sequence[tuple[str, Any]] = ()
    finish: str | None = None
    refusal: str | None = None
    delay: float = 0.0
    chunk_delay: float = 0.0
    drop_after_chunks: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One scripted failure.

    Attributes:
        status: The HTTP status.
        message: The text of the error.
        retry_after: Seconds for the `Retry-After` header; None: no such header.
        delay: Seconds before it fails, on top of the provider's own delay.
        drop: Close the connection without an answer; `status` and `message` do not count then.
    """

    status: int = 500
    message: str = "The loopback provider was told to fail."
    retry_after: float | None = None
    delay: float = 0.0
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: the name and the arguments as JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the provider says, ready for any wire format.

    Attributes:
        number: Which request since the start this answers; makes ids differ.
        finish: As `Answer.finish`.
    """

    number: int
    model: str
    text: str | None = None
    calls: tuple[Call, ...] = field(default=())
    refusal: str | None = None
    finish: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def created(self) -> int:
        """A moment that grows with the number and is the same in every run."""
        return 1_700_000_000 + self.number
