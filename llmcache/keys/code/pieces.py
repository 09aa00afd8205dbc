"""What a set of functions reads, as pieces that count, and how to tell that one has changed."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

__all__ = [
    "BY_BODY",
    "MISSING",
    "Live",
    "Piece",
    "Reading",
    "Remembered",
    "Values",
    "content",
    "framed_piece",
]

Found = TypeVar("Found")
MISSING: Final = object()
Piece = tuple[str, bytes | str]
"""A name with a digest, or with the reason why it is left out."""
Live = Callable[[bool], Iterator[Piece]]
"""Pieces made anew at each call; the argument says whether files may be read."""
BY_BODY: Final = "the body itself changes it"


@dataclass(slots=True, eq=False, repr=False)
class Reading:
    """The result of following a set of functions.

    Attributes:
        parts: The pieces that stay as they are while no watched name changes.
        live: The pieces that are made at each call: mutable values, clients, the environment.
        watched: A namespace, a name in it, and what was found there; `MISSING` where nothing was.
        cells: Closure cells and what was in them.
        unkeyed: What is left out, with the reason.
        classes: The classes that were met, by address, in the order of reading.
        sized: Classes and registries that were gone through, each with how many names it had.
        documented: The functions whose docstring counts, each with that.
        own: The attributes of the first parameter that are read, each with what is read of it.
        methods: Its methods that are read: an object may hold another one in the place of each.
        whole: Whether that parameter counts as a whole.
        secret_parameters: Parameters of the outermost function that only reach `api_key=`.
        pinned: The code and the globals stay out.
        functions: The functions that were read, each with its code and defaults.
        finer: Of some parts what they are made of, which explanations tell in their place.
        fixed: A hash fed with all parts, once it was asked for.
    """

    pinned: bool = False
    parts: dict[str, bytes] = field(default_factory=dict)
    live: list[Live] = field(default_factory=list)
    watched: list[tuple[Mapping[str, Any], str, object]] = field(default_factory=list)
    cells: list[tuple[types.CellType, object]] = field(default_factory=list)
    unkeyed: dict[str, str] = field(default_factory=dict)
    classes: dict[int, type] = field(default_factory=dict)
    sized: list[tuple[Sized, int]] = field(default_factory=list)
    documented: list[tuple[types.FunctionType, str | None]] = field(default_factory=list)
    own: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    methods: set[str] = field(default_factory=set)
    whole: bool = False
    secret_parameters: frozenset[str] = frozenset()
    functions: list[tuple[types.FunctionType, types.CodeType, object, object]] = field(
        default_factory=list
    )
    finer: dict[str, dict[str, bytes]] = field(default_factory=dict)
    fixed: Any = None

    def add(self, label: str, digest: bytes) -> str:
        """Count a piece; two different ones of one name are numbered. Returns its name."""
        name, number = label, 1
        while self.parts.get(name, digest) != digest:
            number += 1
            name = f"{label} ({number})"
        self.parts[name] = digest
        self.fixed = None
        return name

    def current(self) -> bool:
        """Whether all names still lead to the very objects that were found."""
        for namespace, name, value in self.watched:
            if namespace.get(name, MISSING) is not value:
                return False
        for cell, value in self.cells:
            if content(cell) is not value:
                return False
        for function, code, defaults, named in self.functions:
            if (
                function.__code__ is not code
                or function.__defaults__ is not defaults
                or function.__kwdefaults__ is not named
            ):
                return False
        for gone_through, size in self.sized:
            if len(gone_through) != size:
                return False
        return not self.documented or all(fn.__doc__ is text for fn, text in self.documented)

    def state(self, start: bytes = b"") -> Any:
        """A hash fed with all parts that stay, to be copied for each call."""
        state = hashlib.sha256(start)
        state.update(b"%d[" % len(self.parts))
        for name, digest in sorted(self.parts.items()):
            state.update(framed_piece(name, digest))
        return state

    def pieces(self, files: bool) -> Iterator[Piece]:  # noqa: FBT001 - as `Live`
        """All live pieces."""
        for live in self.live:
            yield from live(files)

    def details(self, files: bool) -> Iterator[Piece]:  # noqa: FBT001 - as `Live`
        """All pieces, as an explanation tells them."""
        for name, digest in self.parts.items():
            yield from self.finer.get(name, {name: digest}).items()
        yield from self.pieces(files)

    def digest(self, files: bool) -> bytes:  # noqa: FBT001 - as `Live`
        """All of it in 32 bytes."""
        if self.fixed is None:
            self.fixed = self.state()
        state = self.fixed.copy() if self.live else self.fixed
        for name, what in self.pieces(files):
            if isinstance(what, bytes):
                state.update(framed_piece(name, what))
        return bytes(state.digest())


class Remembered(Generic[Found]):
    """What was found out about objects, by their identity; the older half goes when it is full.

    Not weak, since what is found refers to the object itself: classes and functions made at run
    time are let go of by the bound.
    """

    def __init__(self, most: int = 256) -> None:
        self.most = most
        self.found: dict[int, tuple[object, Found]] = {}

    def get(self, subject: object) -> Found | None:
        """What was found of this very object."""
        known = self.found.get(id(subject))
        return None if known is None else known[1]

    def put(self, subject: object, found: Found) -> None:
        """Remember it; the object is kept, so that no other one takes its address."""
        if len(self.found) >= self.most:
            for address in list(self.found)[: self.most // 2]:
                self.found.pop(address, None)
        self.found[id(subject)] = (subject, found)

    def clear(self) -> None:
        """Forget everything."""
        self.found.clear()


class Values(Protocol):
    """How values are keyed: what a walk over code asks for, and is not told."""

    asking: frozenset[str]

    def frozen(self, value: object) -> bytes:
        """The digest of a value that cannot change."""

    def live(self, label: str, value: object, rest: tuple[str, ...]) -> Live:
        """The pieces of a value that can, or of what `rest` leads to from it."""

    def variable(self, name: str) -> Live:
        """The piece of an environment variable."""

    def annotations(self, function: types.FunctionType, reading: Reading, walk: Any) -> bytes:
        """The annotations of a function, whose classes and validators are added as of a schema."""

    def schema(self, kind: Any, reading: Reading, walk: Any) -> bytes:
        """Add the pieces of a type, its validators by the `walk`; returns its outer form."""


def framed_piece(name: str, digest: bytes) -> bytes:
    """A piece with the lengths of its name and its digest."""
    label = name.encode("utf-8", "surrogatepass")
    return b"%d:%b%d:%b" % (len(label), label, len(digest), digest)


def content(cell: types.CellType) -> object:
    """What is in a cell; `MISSING` before the first assignment."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING
