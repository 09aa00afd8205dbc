"""Objects that code reads, by what it reads of them."""

from __future__ import annotations

import contextvars
import copy
import types
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.code.bytecode import digest_of_template
from llmcache.keys.code.chains import CHANGED, Chain, is_item, item
from llmcache.keys.code.follow import Follower
from llmcache.keys.code.kinds import (
    CONTAINERS,
    PLAIN,
    call_of,
    function_of,
    is_quiet,
    label_of,
    qualified,
)
from llmcache.keys.code.pieces import BY_BODY, MISSING, Piece, Reading, Remembered
from llmcache.keys.project import Project
from llmcache.keys.secrets import is_secret_name
from llmcache.keys.values.canonical import digest
from llmcache.keys.values.stream import DEPTH_LIMIT, References

__all__ = ["Objects"]

looking: contextvars.ContextVar[frozenset[tuple[int, frozenset[Chain]]]] = contextvars.ContextVar(
    "looking", default=frozenset()
)
"""The objects being looked at, each with what is read of it."""

BUILTIN = frozenset({"builtins", "datetime", "decimal", "uuid", "pathlib", "re", "collections"})


class Prints(References, Protocol):
    """What is asked of the fingerprints."""

    project: Project
    files: bool

    def follower(self, reading: Reading, subject: type | None = None) -> Follower: ...
    def folded(self, reading: Reading) -> bytes: ...
    def at(self, files: bool, *, withholds: bool = False) -> References: ...  # noqa: FBT001 - as `Live`


class Objects:
    """The part of the fingerprints that deals with objects.

    Args:
        prints: The fingerprints.
    """

    def __init__(self, prints: Prints) -> None:
        self.prints = prints
        self.by_chains: Remembered[dict[frozenset[Chain], Reading]] = Remembered()
        self.by_functions: Remembered[dict[type, Reading]] = Remembered()

    def of(self, prints: Prints) -> Objects:
        """The same, sharing all that is known, for other fingerprints."""
        other = copy.copy(self)
        other.prints = prints
        return other

    def value_pieces(
        self, label: str, value: Any, rests: Iterable[Chain], *, files: bool
    ) -> Iterator[Piece]:
        """A value that is read, or where only parts of it are read, those."""
        if any(rests) and isinstance(value, CONTAINERS):
            yield from self.items_of(label, value, rests, files=files)
        elif type(value) in PLAIN and not is_secret_name(label):
            yield label, digest(value, path=label, references=self.prints)
        elif (client := self.prints.of_client(value)) is not None:
            yield label, client
        elif is_quiet(value):
            return
        elif is_secret_name(label):
            yield label, "a secret by its name"
        elif all(rests) and type(value).__module__ not in BUILTIN and not isinstance(value, type):
            yield from self.attributes_of(label, value, rests, files=files)
        else:
            yield from self.whole_value(label, value, files=files)

    def whole_value(self, label: str, value: Any, *, files: bool) -> Iterator[Piece]:
        """The canonical form; of a callable of the project that has none, its code."""
        try:
            public = self.prints.at(files, withholds=True)
            yield label, digest(value, path=label, references=public, files=files)
        except UncacheableArgumentError as refused:
            call = call_of(type(value))
            if call is not None and self.prints.project.wrote(call):
                yield from self.attributes_of(label, value, {("__call__",)}, files=files)
            elif self.is_bound_method(value):
                yield from self.bound_pieces(label, value, files=files)
            else:
                code = digest_of_template(value) or self.code_of(value)
                if code:
                    yield f"{label}: code", code
                held = refused.type_name.rpartition(".")[2]  # for a container, of what is in it
                shown = label_of(value) if refused.path == label else held
                yield label, f"{shown} has no stable form"

    def code_of(self, value: Any) -> bytes:
        """The code of its class; of a container that of the classes of what is in it."""
        held = [value]
        if isinstance(value, dict | list | tuple | set | frozenset):
            held += [*value.values()] if isinstance(value, dict) else [*value]
        kinds = {type(one.__self__ if type(one) is types.MethodType else one) for one in held}
        return b"".join(sorted(map(self.prints.of_class, kinds)))

    def is_bound_method(self, value: Any) -> bool:
        """Whether it is a function of the project that is bound to an object."""
        function = function_of(value) if isinstance(value, types.MethodType) else None
        return function is not None and self.prints.project.wrote(function)

    def items_of(
        self, label: str, value: Any, rests: Iterable[Chain], *, files: bool
    ) -> Iterator[Piece]:
        """Of a container that the body changes, the items that it reads by literal keys."""
        changed = any(rest[:1] == (CHANGED,) for rest in rests)
        if changed:
            yield label, BY_BODY
        elif not all(rest and is_item(rest[0]) for rest in rests):
            yield from self.value_pieces(label, value, {()}, files=files)
            return
        for rest in rests:
            if rest and is_item(rest[0]):
                held = held_item(value, rest[0])
                yield from self.value_pieces(label + rest[0], held, {rest[1:]}, files=files)

    def attributes_of(
        self, label: str, value: Any, rests: Iterable[Chain], *, files: bool
    ) -> Iterator[Piece]:
        """What is read of an object; where that leads back to itself, it ends."""
        place = (id(value), frozenset(rests))
        if place in looking.get():
            return
        if len(looking.get()) >= DEPTH_LIMIT:
            yield label, f"it is nested more than {DEPTH_LIMIT} levels deep"
            return
        outer = looking.set(looking.get() | {place})
        try:
            found = [*self.pieces_of_attributes(label, value, rests, files=files)]
        finally:
            looking.reset(outer)
        yield from found

    def pieces_of_attributes(
        self, label: str, value: Any, rests: Iterable[Chain], *, files: bool
    ) -> Iterator[Piece]:
        """Data by value, methods by code; where all of it is handed on, it counts as a whole."""
        reads = frozenset(rest[1:] if rest[:1] == (CHANGED,) else rest for rest in rests)
        reading = self.object_reading(type(value), reads)
        if reading.whole and reads == {("__call__",)}:
            yield label, f"{label_of(value)} has no stable form"
        elif reading.whole:
            yield from self.whole_value(label, value, files=files)
        yield from self.pieces_by(label, value, reading, files=files)

    def bound_pieces(self, label: str, method: types.MethodType, *, files: bool) -> Iterator[Piece]:
        """A function and what it reads of the object that it is bound to."""
        held = method.__self__
        reading = self.bound_reading(type(held), method.__func__)
        if reading.whole:
            yield from self.whole_value(label, held, files=files)
        yield from self.pieces_by(label, held, reading, files=files)

    def pieces_by(
        self, label: str, value: Any, reading: Reading, *, files: bool
    ) -> Iterator[Piece]:
        """Data by value, methods by code."""
        if reading.parts or reading.live:
            yield f"{label}: code", self.prints.folded(reading)
        yield from self.own_pieces(label, value, reading, files=files)

    def own_pieces(
        self, label: str, value: Any, reading: Reading, *, files: bool
    ) -> Iterator[Piece]:
        """The attributes of one object that are read, and what it holds in the place of methods."""
        for name, rests in reading.own.items():
            held = getattr(value, name, MISSING)
            if held is MISSING:
                yield f"{label}.{name}", b"missing"
            else:
                yield from self.value_pieces(f"{label}.{name}", held, rests, files=files)
        if reading.methods and not isinstance(value, type):
            own = getattr(value, "__dict__", {})
            for name in sorted(reading.methods.intersection(own)):
                yield from self.value_pieces(f"{label}.{name}", own[name], {()}, files=files)

    def object_reading(self, kind: type, reads: frozenset[Chain]) -> Reading:
        """What the class of an object says about the attributes that are read of it."""
        known = self.by_chains.get(kind)
        if known is None:
            known = {}
            self.by_chains.put(kind, known)
        reading = known.get(reads)
        if reading is None or not reading.current():
            reading = Reading()
            follower = self.prints.follower(reading, kind)
            for chain in sorted(reads):
                follower.members.own(chain, None)
            known[reads] = reading
        return reading

    def bound_reading(self, kind: type, function: Any) -> Reading:
        """What a function reads that has an object of a class as `self`."""
        known = self.by_functions.get(function)
        if known is None:
            known = {}
            self.by_functions.put(function, known)
        reading = known.get(kind)
        if reading is None or not reading.current():
            reading = known[kind] = Reading()
            label = f"method {qualified(function)}"
            self.prints.follower(reading, kind).layered(function, label)
        return reading


def held_item(container: Any, step: str) -> object:
    """An item by its step; None where there is none, without making one."""
    entries = container.items() if isinstance(container, dict) else enumerate(container)
    return next((value for key, value in entries if item(key) == step), None)
