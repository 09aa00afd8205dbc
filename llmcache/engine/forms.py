"""What a function gave that is not a plain result, as it is stored and handed out again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from typing import Any

from llmcache.codecs import ResultCodec, split

__all__ = [
    "ASYNC_STREAM",
    "AWAITABLE",
    "RETURNING_STREAM",
    "STREAM",
    "async_copies",
    "copies",
    "parts_of",
    "ready",
]

STREAM = b"\0i"
ASYNC_STREAM = b"\0I"
RETURNING_STREAM = b"\0r"
AWAITABLE = b"\0a"
"""The marks of a stream, an async stream, a stream whose last part is what the generator returned,
and an awaitable.

They stand before the codec's own bytes, which never begin with a NUL.
"""


def parts_of(data: bytes) -> tuple[bytes, list[bytes]]:
    """The mark, none for a plain result, and what the codec wrote: one value, or each of a stream.

    Raises:
        Unreadable: When it is damaged.
    """
    mark = data[:2]
    if mark in {STREAM, ASYNC_STREAM, RETURNING_STREAM}:
        return mark, split(data[2:])
    return (mark, [data[2:]]) if mark == AWAITABLE else (b"", [data])


async def ready(value: Any) -> Any:
    """What a function that returns an awaitable returns on a hit."""
    return value


def copies(
    codec: ResultCodec, dumped: Sequence[bytes], returned: bytes | None
) -> Generator[Any, None, Any]:
    """Replay a stored stream, with what it returned at its end."""
    for data in dumped:
        yield codec.load(data)
    return None if returned is None else codec.load(returned)


async def async_copies(codec: ResultCodec, dumped: Sequence[bytes]) -> AsyncIterator[Any]:
    """As `copies`, async."""
    for data in dumped:
        yield codec.load(data)
