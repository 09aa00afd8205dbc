"""What a stream has given so far, and how it ended.

Items are kept as the codec's bytes, so that each reader has his own; a stream with an item that
cannot be encoded goes on, with that and later items as they came, and is not stored.
"""

from __future__ import annotations

from typing import Any

from llmcache.codecs import ResultCodec, Unstorable
from llmcache.flight.raising import SharedError

__all__ = ["Gone", "Items", "refuse"]


class Gone(Exception):  # noqa: N818 - a signal to a reader, never an error of the user
    """This reader cannot be served on: ask anew. `given`: the items that he has had."""

    def __init__(self, given: int) -> None:
        self.given = given


class Items:
    """What a stream has given so far, and how it ended.

    Attributes:
        returned: What a generator returned at its end, and `ending` that in the codec's bytes.
        ended: No more will come.
        broken: It ended through no fault of its readers: each may ask anew.
        error: What the source raised, for each reader who comes to that point.
        exit: What ended it from within and is nobody else's: for one reader alone.
    """

    def __init__(self, codec: ResultCodec) -> None:
        self.codec = codec
        self.dumped: list[bytes] = []
        self.plain: list[Any] = []
        self.unstorable: Unstorable | None = None
        self.returned: Any = None
        self.ending: bytes | None = None
        self.ended = False
        self.broken = False
        self.error: SharedError | None = None
        self.exit: BaseException | None = None

    def __len__(self) -> int:
        return len(self.plain)

    def add(self, item: Any) -> None:
        """Take the next item; readers look without a lock, so it is complete when it counts."""
        if self.unstorable is None:
            try:
                self.dumped.append(self.codec.dump(item).data)
            except Unstorable as error:
                self.unstorable = error
        self.plain.append(item)

    def give(self, position: int) -> Any:
        """One reader's own copy of an item."""
        if position < len(self.dumped):
            return self.codec.load(self.dumped[position])
        return self.plain[position]

    def close(self, returned: Any) -> None:
        """The source is exhausted; what it returned is kept after its items, unless it is None."""
        self.returned = returned
        if returned is not None and self.unstorable is None:
            try:
                self.ending = self.codec.dump(returned).data
            except Unstorable as error:
                self.unstorable = error

    def give_returned(self) -> Any:
        """One reader's own copy of what the source returned."""
        return self.returned if self.ending is None else self.codec.load(self.ending)

    def says_end(self, given: int) -> None:
        """Tell a reader who has had all items how it ended; returns where that was well.

        Raises:
            Gone: It broke off.
            BaseException: What the source raised.
        """
        own, self.exit = self.exit, None
        if own is not None:
            raise own
        if self.broken:
            raise Gone(given)
        if self.error is not None:
            self.error.throw()


def refuse(sent: Any) -> None:
    """Nothing can be sent into a stream that others read too, or that is replayed.

    Raises:
        TypeError: When something was.
    """
    if sent is not None:
        raise TypeError("A cached generator takes no values through send(); leave it uncached.")
