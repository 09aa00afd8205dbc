"""The codec of one function's results."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from llmcache.codecs.catalogue import Catalogue, SeenTypes
from llmcache.codecs.decode import DAMAGE, Builders, builders_for, decode
from llmcache.codecs.encode import encode
from llmcache.codecs.outcomes import Unreadable, Unstorable, full_name
from llmcache.codecs.proof import Proof

__all__ = ["Dumped", "ResultCodec", "result_codec"]

MOST_ATTEMPTS = 5
"""How often a dump is tried while other threads keep making classes of the same name."""

TABLES = 256  # tables of shapes whose builders are kept; a function's results have a few
CODECS = 512


@dataclass(frozen=True, slots=True)
class Dumped:
    """A value that can be stored.

    Attributes:
        data: Its bytes.
        value: What `load(data)` gives: the same value, of the nearest class that Instructor did
            not make up. The caller of a miss gets this one, so that a hit gives the same.
    """

    data: bytes
    value: Any


class ResultCodec:
    """Values of one function's result type to bytes and back. Safe to use from any thread.

    Args:
        declared: The result type, any annotation; `Any` or None where there is none.
        candidates: More types that results may be or contain, such as a `response_model`.
        seen: Where classes are remembered that nothing declares; None: for this codec alone.
    """

    def __init__(
        self, declared: Any, candidates: tuple[Any, ...] = (), seen: SeenTypes | None = None
    ) -> None:
        self.catalogue: Catalogue = Catalogue(declared, candidates, seen or SeenTypes())
        self.builders: dict[bytes, tuple[int, Builders]] = {}

    def dump(self, value: Any) -> Dumped:
        """Encode, restore and compare.

        Another thread's class of the same name and fields may be seen last just in between; then
        it is done once more.

        Raises:
            Unstorable: Where a part has no stored form or would come back different.
        """
        seen = self.catalogue.seen
        for _ in range(MOST_ATTEMPTS - 1):
            revision = seen.revision
            try:
                return self.proven(value)
            except Unstorable:
                if seen.revision == revision:
                    raise
        return self.proven(value)

    def proven(self, value: Any) -> Dumped:
        """As `dump`, once."""
        try:
            data = encode(value, self.catalogue)
            restored = self.load(data)
            Proof(self.catalogue).same(value, restored)
        except (Unreadable, *DAMAGE) as error:
            raise Unstorable(
                f"it cannot be taken apart and put together again: {error}",
                type_name=full_name(type(value)),
            ) from error
        return Dumped(data, restored)

    def load(self, data: bytes) -> Any:
        """The value, made without running any code of its classes.

        Raises:
            Unreadable: Where the bytes are damaged, or name a class that is not to be had.
        """
        table, _, body = data.partition(b"\n")
        try:
            revision, builders = self.builders.get(table, NOT_BUILT)
            if revision != self.catalogue.seen.revision:
                builders = self.build(table)
            return decode(body, builders)
        except DAMAGE as error:
            raise Unreadable(f"the stored value cannot be read: {type(error).__name__}") from error

    def build(self, table: bytes) -> Builders:
        """The builders for a table of shapes, kept until a class is seen anew."""
        revision = self.catalogue.seen.revision
        builders = builders_for(table, self.catalogue)
        if len(self.builders) >= TABLES:
            self.builders.clear()
        self.builders[table] = (revision, builders)
        return builders


NOT_BUILT: tuple[int, Builders] = (-1, [])

lock: threading.Lock = threading.Lock()
codecs: OrderedDict[Any, ResultCodec] = OrderedDict()


def result_codec(
    declared: Any, candidates: tuple[Any, ...] = (), seen: SeenTypes | None = None
) -> ResultCodec:
    """As `ResultCodec`, the same object for the same arguments; the last 512 are kept."""
    place = (declared, candidates, seen)
    try:
        hash(place)
    except TypeError:
        return ResultCodec(declared, candidates, seen)
    with lock:
        found = codecs.get(place)
        if found is None:
            found = codecs[place] = ResultCodec(declared, candidates, seen)
        codecs.move_to_end(place)
        if len(codecs) > CODECS:
            codecs.popitem(last=False)
    return found
