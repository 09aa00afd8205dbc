"""Readings folded to digests, where what they read may lead back to them.

A registry that holds a function which reads the registry has no innermost reading to begin with.
Such readings are told apart as the nodes of a graph are: each by what stays of it, then twice more
by what it reads with the digests of its neighbours from the round before. The digest of one of
them is that of the last round with those of all that can be reached from it, in whichever order
they are met.
"""

from __future__ import annotations

import contextvars
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llmcache.keys.code.pieces import Reading

__all__ = ["Folds", "folding", "within"]

ROUNDS = 2

within: contextvars.ContextVar[frozenset[int]] = contextvars.ContextVar(
    "within", default=frozenset()
)
"""The classes and validators being read: what they hold may lead back to them."""

current: contextvars.ContextVar[Folds | None] = contextvars.ContextVar("current", default=None)


class Circular(Exception):  # noqa: N818 - not a failure: the outermost fold begins anew
    """A reading was met again while it was being folded."""


@contextmanager
def folding() -> Iterator[Folds]:
    """The folds under way, or new ones; what was found is shared by all within."""
    under_way = current.get()
    if under_way is not None:
        yield under_way
        return
    folds = Folds()
    token = current.set(folds)
    try:
        yield folds
    finally:
        current.reset(token)


class Folds:
    """The folds of one value.

    Attributes:
        readings: What was met, by the address of what was read, which is kept alive by it.
        open: The readings being folded, where none leads back to itself.
        round: The round in which the readings of a circle are folded; 0: in none.
    """

    def __init__(self) -> None:
        self.readings: dict[int, tuple[object, Reading]] = {}
        self.open: set[int] = set()
        self.round: int = 0
        self.straight: dict[tuple[int, frozenset[int]], bytes] = {}
        self.found: dict[tuple[int, int], bytes] = {}
        self.beside: dict[int, set[int]] = {}
        self.node: int = 0

    def reading(self, subject: object, make: Callable[[], Reading]) -> Reading:
        """What a function or class reads: within one fold always the same."""
        known = self.readings.get(id(subject))
        if known is None:
            known = self.readings[id(subject)] = (subject, make())
        return known[1]

    def folded(self, subject: object, *, files: bool) -> bytes:
        """The digest of a reading that was met; within a circle that of the round before."""
        node = id(subject)
        if self.round:
            self.beside[self.node].add(node)
            return self.of_round(node, self.round - 1, files=files)
        place = (node, within.get())
        if place not in self.straight:
            self.straight[place] = self.begun(node, files=files)
        return self.straight[place]

    def begun(self, node: int, *, files: bool) -> bytes:
        """The digest of a reading by those of all that it reads."""
        if node in self.open:
            raise Circular
        self.open.add(node)
        try:
            return self.readings[node][1].digest(files)
        except Circular:
            if len(self.open) > 1:
                raise
        finally:
            self.open.discard(node)
        return self.of_circle(node, files=files)

    def of_circle(self, node: int, *, files: bool) -> bytes:
        """The digest of a reading from which a circle can be reached."""
        reached, pending = {node}, [node]
        while pending:
            one = pending.pop()
            self.of_round(one, ROUNDS, files=files)
            fresh = self.beside[one] - reached
            reached |= fresh
            pending += fresh
        all_of_them = sorted(self.of_round(one, ROUNDS, files=files) for one in reached)
        state = hashlib.sha256(self.of_round(node, ROUNDS, files=files))
        state.update(b"".join(all_of_them))
        return state.digest()

    def of_round(self, node: int, number: int, *, files: bool) -> bytes:
        """The digest of a reading in one round."""
        reading = self.readings[node][1]
        if number == 0:
            return bytes(reading.state().digest())
        if (node, number) not in self.found:
            outer, self.round, self.node = (self.round, self.node), number, node
            around = within.set(frozenset())
            self.beside.setdefault(node, set())
            try:
                self.found[node, number] = reading.digest(files)
            finally:
                within.reset(around)
                self.round, self.node = outer
        return self.found[node, number]
