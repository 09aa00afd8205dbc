"""What a request took, heard from Instructor's hooks where the result does not say it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

from llmcache.codecs import Usage, usage_of
from llmcache.engine.keeping import tell_usage

__all__ = ["Meter"]

CUMULATIVE = frozenset({"CompletionUsage", "Usage"})
"""Usage that Instructor sums up over its re-asks itself, in the completion."""


class Meter:
    """Listens to one request."""

    def __init__(self) -> None:
        self.completions: list[Any] = []
        self.streamed: list[Usage] = []

    def hooks(self, given: Any) -> Any:
        """The hooks of the request, and with them our own."""
        from instructor.core.hooks import Hooks  # noqa: PLC0415 - of an extra, here where a client is at hand

        own = Hooks()
        own.on("completion:response", self.hear)
        return own if given is None else given + own

    def hear(self, response: Any) -> None:
        """A completion has come, or a stream of one begins."""
        source = getattr(response, "_iterator", None)
        if isinstance(source, AsyncIterator):
            response._iterator = self.awatched(source)  # noqa: SLF001 - the SDKs have no other place to look on
        elif isinstance(source, Iterator):
            response._iterator = self.watched(source)  # noqa: SLF001 - as above
        else:
            self.completions.append(response)

    def watched(self, pieces: Iterator[Any]) -> Iterator[Any]:
        """The pieces of a stream, looked at as they pass."""
        for piece in pieces:
            self.streamed += usages_in(piece)
            yield piece

    async def awatched(self, pieces: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """As `watched`, async."""
        async for piece in pieces:
            self.streamed += usages_in(piece)
            yield piece

    def usage(self) -> Usage | None:
        """What the request took in all, as far as was heard."""
        found = [usage for each in self.completions if (usage := usage_of(each)) is not None]
        last = getattr(self.completions[-1], "usage", None) if found else None
        if len(found) > 1 and type(last).__name__ not in CUMULATIVE:
            return Usage(
                found[-1].model,
                sum(usage.input_tokens or 0 for usage in found),
                sum(usage.output_tokens or 0 for usage in found),
            )
        return found[-1] if found else last_said(self.streamed)

    def tell(self, result: object) -> None:
        """Say it of the result, for the entry and the events."""
        usage = self.usage()
        if usage is not None:
            tell_usage(result, usage)

    def items(self, source: Any) -> Iterator[Any]:
        """A stream, with what it took said of its last item."""
        item: Any = None
        with closing(source):
            for item in source:
                yield item
        self.tell(item)

    async def aitems(self, source: Any) -> AsyncIterator[Any]:
        """As `items`, async."""
        item: Any = None
        async with aclosing(source):
            async for item in source:
                yield item
        self.tell(item)


def usages_in(piece: Any) -> list[Usage]:
    """What a piece of a stream says: OpenAI's last chunk, Anthropic's first and last event."""
    if getattr(piece, "type", None) == "message_delta":
        said = getattr(piece, "usage", None)
        return [Usage(None, None, getattr(said, "output_tokens", None))]
    held = (piece, getattr(piece, "message", None), getattr(piece, "response", None))
    return [usage for each in held if (usage := usage_of(each)) is not None]


def last_said(said: list[Usage]) -> Usage | None:
    """The last word on each count."""

    def last(read: Callable[[Usage], Any]) -> Any:
        return next((read(each) for each in reversed(said) if read(each) is not None), None)

    if not said:
        return None
    return Usage(
        last(lambda each: each.model),
        last(lambda each: each.input_tokens),
        last(lambda each: each.output_tokens),
    )
