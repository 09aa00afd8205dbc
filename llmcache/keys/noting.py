"""What lies below the digests that a key is made of, noted while an explanation is made."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

from llmcache.keys.code.pieces import Reading

__all__ = ["Noted", "noting", "noting_now"]


class Noted:
    """What was met.

    Attributes:
        readings: By address, what classes, functions and objects were found to be made of, of
            which a key holds the digest alone.
        unkeyed: What else does not count, with the reason.
    """

    def __init__(self) -> None:
        self.readings: dict[int, Reading] = {}
        self.unkeyed: dict[str, str] = {}

    def all(self) -> Iterator[Reading]:
        """The readings; looking at one may lead to others, which follow."""
        told = set[int]()
        while rest := [address for address in self.readings if address not in told]:
            for address in rest:
                told.add(address)
                yield self.readings[address]


collecting: contextvars.ContextVar[Noted | None] = contextvars.ContextVar(
    "collecting", default=None
)


def noting_now() -> Noted | None:
    """Where to note; None: nobody asks."""
    return collecting.get()


@contextmanager
def noting() -> Iterator[Noted]:
    """Note what is met within."""
    noted = Noted()
    outer = collecting.set(noted)
    try:
        yield noted
    finally:
        collecting.reset(outer)
