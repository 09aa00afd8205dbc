"""The codec of one function's results."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from pydantic_core import from_json

from llmcache.codecs.catalogue import Catalogue, SeenTypes
from llmcache.codecs.layout import Irregular
from llmcache.codecs.outcomes import DAMAGE, Unreadable, Unstorable, full_name
from llmcache.codecs.regular import Regular

__all__ = ["Dumped", "ResultCodec", "result_codec"]

MOST_ATTEMPTS = 5
"""How often a dump is tried while other threads keep making classes of the same name."""

TABLES = 256  # tables of shapes whose readers are kept; a function's results have a few
CLASSES = 64  # classes whose layouts are kept; each call may make one of its own
CODECS = 512

Reader = Callable[[bytes], Any]


class Dumped(NamedTuple):
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
        self.readers: dict[bytes, tuple[int, Reader]] = {}
        self.layouts: dict[type, Regular] = {}

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
        """As `dump`, once: as plain JSON where that says all, else by the structural codec."""
        from llmcache.codecs.encode import encode  # noqa: PLC0415 - a hit writes nothing

        with contextlib.suppress(Irregular, Unreadable, Unstorable, *DAMAGE):
            return self.compared(value, self.plain(value))
        try:
            return self.compared(value, encode(value, self.catalogue))
        except (Unreadable, *DAMAGE) as error:
            raise Unstorable(
                f"it cannot be taken apart and put together again: {error}",
                type_name=full_name(type(value)),
            ) from error

    def compared(self, value: Any, data: bytes) -> Dumped:
        """The bytes of a value, if they give the same value."""
        from llmcache.codecs.proof import Proof  # noqa: PLC0415 - a hit compares nothing

        restored = self.load(data)
        Proof(self.catalogue).same(value, restored)
        return Dumped(data, restored)

    def plain(self, value: Any) -> bytes:
        """A regular model, or a list of those, as JSON.

        Raises:
            Irregular: Where it is something else.
        """
        from llmcache.codecs.encode import json_text  # noqa: PLC0415 - a hit writes nothing

        many = type(value) is list and bool(value)
        kind = self.catalogue.nearest(type(value[0] if many else value))
        layout = self.layout(kind)
        body = json_text(layout.write(value))
        table = ["P" if many else "p", *self.catalogue.place(kind)[1:], layout.digest]
        return f"{json_text([table])}\n{body}".encode()

    def layout(self, kind: type) -> Regular:
        """The layout of a regular class, made once."""
        found = self.layouts.get(kind)
        if found is None:
            found = Regular(kind)
            if len(self.layouts) >= CLASSES:
                self.layouts.clear()
            self.layouts[kind] = found
        return found

    def load(self, data: bytes) -> Any:
        """The value, made without running any code of its classes.

        Raises:
            Unreadable: Where the bytes are damaged, or name a class that is not to be had.
        """
        table, _, body = data.partition(b"\n")
        try:
            revision, reader = self.readers.get(table, NOT_BUILT)
            if revision != self.catalogue.seen.revision:
                reader = self.build(table)
            return reader(body)
        except DAMAGE as error:
            raise Unreadable(f"the stored value cannot be read: {type(error).__name__}") from error

    def build(self, table: bytes) -> Reader:
        """The reader for a table of shapes, kept until a class is seen anew."""
        revision = self.catalogue.seen.revision
        reader = self.reader(from_json(table))
        if len(self.readers) >= TABLES:
            self.readers.clear()
        self.readers[table] = (revision, reader)
        return reader

    def reader(self, shapes: list[list[Any]]) -> Reader:
        """What reads the values of such shapes."""
        if shapes and shapes[0][0] in ("p", "P"):
            return self.plain_reader(*shapes[0])
        from llmcache.codecs.decode import builders_for, decode  # noqa: PLC0415 - regular models need none of it

        return partial(decode, builders=builders_for(shapes, self.catalogue))

    def plain_reader(self, form: str, name: str, digest: str, layout_digest: str) -> Reader:
        """What reads a regular model, or a list of those, if its class still has this layout."""
        kind = self.catalogue.find(name, digest)
        if kind is None:
            raise Unreadable(f"{name} is not a class that this call can return")
        try:
            layout = self.layout(kind)
        except Irregular as error:
            raise Unreadable(f"{name} is no longer a regular model") from error
        if layout.digest != layout_digest:
            raise Unreadable(f"{name} has other fields than the stored value")
        return layout.reader(of_list=form == "P")


NOT_BUILT: tuple[int, Reader] = (-1, bytes)

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
