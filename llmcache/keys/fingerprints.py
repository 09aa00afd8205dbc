"""Types, functions, clients and the values that code reads, as digests."""

from __future__ import annotations

import contextvars
import copy
import os
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.canonical import digest
from llmcache.keys.chains import CHANGED, Chain, is_item, item
from llmcache.keys.clients import client_digest, is_client
from llmcache.keys.follow import Follower
from llmcache.keys.kinds import (
    CONTAINERS,
    PLAIN,
    call_of,
    function_of,
    is_quiet,
    is_secret_name,
    label_of,
    named,
)
from llmcache.keys.parsing import Walk, follow_validator
from llmcache.keys.pieces import BY_BODY, MISSING, Live, Piece, Reading, Remembered
from llmcache.keys.project import Project
from llmcache.keys.schema import describe_type

__all__ = ["Fingerprints"]

ALIASES_KEPT = 256
BUILTIN = frozenset({"builtins", "datetime", "decimal", "uuid", "pathlib", "re", "collections"})


within: contextvars.ContextVar[frozenset[int]] = contextvars.ContextVar(
    "within", default=frozenset()
)
"""The classes and validators being read: what they hold may lead back to them."""


class Fingerprints:
    """What the canonical encoder and the follower ask, for one project.

    Args:
        project: Whose code counts by what it does.
        files: Whether source files may be read; where not, `FileNeeded` is raised instead.
        pinned: Whether the code of arguments stays out.
    """

    def __init__(self, project: Project, *, files: bool = True, pinned: bool = False) -> None:
        self.project = project
        self.pinned = pinned
        self.files = files
        self.of_types: Remembered[Reading] = Remembered()
        self.of_functions: Remembered[Reading] = Remembered()
        self.of_objects: Remembered[dict[frozenset[Chain], Reading]] = Remembered()
        self.aliases: dict[Any, Any] = {}

    def at(self, files: bool) -> Fingerprints:  # noqa: FBT001 - as `Live`
        """The same, sharing all that is known, where files may be read or may not."""
        other = self if self.files is files else copy.copy(self)
        other.files = files
        return other

    def follower(self, reading: Reading, subject: type | None = None) -> Follower:
        """A walk that adds to `reading`."""
        return Follower(self.project, self, reading, subject=subject, files=self.files)

    # What the canonical encoder asks.

    def of_type(self, kind: Any, path: str) -> bytes:  # noqa: ARG002 - References says so
        """A class, generic alias or the like by its schema, a project class by its code too."""
        return self.type_reading(kind).digest(self.files)

    def of_function(self, function: Any, path: str) -> bytes:  # noqa: ARG002 - References says so
        """A function by name and code, with all that it reads; a third party's by name."""
        plain = function_of(function)
        if plain is None or not self.project.wrote(plain):
            return named(plain or function)
        reading = self.of_functions.get(plain)
        if reading is None or not reading.current():
            reading = Reading()
            self.follower(reading).value("function", plain, ())
            self.of_functions.put(plain, reading)
        return reading.digest(self.files)

    def of_class(self, kind: type) -> bytes:
        """The code of a project class; nothing within its own constants, where it is known."""
        if self.pinned or not self.project.owns(kind.__module__) or id(kind) in within.get():
            return b""
        outer = within.set(within.get() | {id(kind)})
        try:
            return self.type_reading(kind).digest(self.files)
        finally:
            within.reset(outer)

    def of_client(self, value: object) -> bytes | None:
        """The identity of a client, 32 bytes; None: not one."""
        return client_digest(value)

    def type_reading(self, kind: Any) -> Reading:
        """What a type is made of; remembered by the class, or by the alias."""
        known = kind if isinstance(kind, type) else self.same_alias(kind)
        reading = self.of_types.get(known)
        if reading is None or not reading.current():
            reading = Reading()
            follower = self.follower(reading)
            if isinstance(kind, type):
                follower.members.known_class(kind, ())
            else:
                self.result(kind, reading, follower)
            self.of_types.put(known, reading)
        return reading

    def same_alias(self, alias: Any) -> Any:
        """One object for all equal aliases: `list[User]` is made anew wherever it is written."""
        if len(self.aliases) > ALIASES_KEPT:
            self.aliases.clear()
        try:
            return self.aliases.setdefault(alias, alias)
        except TypeError:
            return alias

    # What the follower asks.

    def frozen(self, value: object) -> bytes:
        """The digest of a value that cannot change."""
        return digest(value, path="", references=self)

    def live(self, label: str, value: object, rest: Chain) -> Live:
        """The pieces of a value at each call."""
        rests = frozenset({rest})

        def client(files: bool) -> Iterator[Piece]:  # noqa: ARG001, FBT001 - as `Live`
            yield label, client_digest(value) or b"none"

        def pieces(files: bool) -> Iterator[Piece]:  # noqa: FBT001 - as `Live`
            return self.at(files).value_pieces(label, value, rests, files=files)

        if is_client(value):
            return client
        return pieces

    def variable(self, name: str) -> Live:
        """The value of an environment variable at each call."""
        label = f"environment {name}"

        def pieces(files: bool) -> Iterator[Piece]:  # noqa: ARG001, FBT001 - as `Live`
            value = os.environ.get(name)
            yield (
                label,
                b"unset" if value is None else b"set:" + value.encode(errors="surrogateescape"),
            )

        return pieces

    def schema(self, kind: Any, reading: Reading, walk: Walk) -> bytes:
        """Add the pieces of a type; its outer form is returned."""
        pinned, reading.pinned = reading.pinned, False

        def function(value: Any, owner: type | None) -> bytes:
            return follow_validator(walk, value, owner) + self.told_apart(value)

        described = describe_type(
            kind,
            function=function,
            value=self.canonical_or_nothing,
            by_fields=lambda known: self.project.fields_count(known.__module__),
        )
        for name, piece in described.pieces.items():
            reading.add(name, piece)
        for known in described.classes:
            reading.classes[id(known)] = known
            for name in ("__doc__", "__pydantic_core_schema__"):
                found = known.__dict__.get(name, MISSING)
                reading.watched.append((known.__dict__, name, found))
        reading.pinned = pinned
        return described.outer

    def told_apart(self, validator: Any) -> bytes:
        """What one of several validators of one name was made with; empty: nothing."""
        bare = isinstance(validator, types.FunctionType) and validator.__closure__ is None
        own = isinstance(getattr(validator, "__self__", None), type)
        descriptor = isinstance(validator, classmethod | staticmethod)
        if bare or own or descriptor or id(validator) in within.get():
            return b""
        outer = within.set(within.get() | {id(validator)})
        try:
            return self.canonical_or_nothing(validator) or b""
        finally:
            within.reset(outer)

    def result(self, kind: Any, reading: Reading, walk: Walk) -> None:
        """Add the pieces of a type, its outer form among them."""
        reading.add("response type", self.schema(kind, reading, walk))

    def canonical_or_nothing(self, value: object) -> bytes | None:
        """The digest of a value, or None where it has no stable form."""
        try:
            return digest(value, path="", references=self)
        except UncacheableArgumentError:
            return None

    # Objects, by what is read of them.

    def value_pieces(
        self, label: str, value: Any, rests: Iterable[Chain], *, files: bool
    ) -> Iterator[Piece]:
        """A value that is read, or where only parts of it are read, those."""
        if any(rests) and isinstance(value, CONTAINERS):
            yield from self.items_of(label, value, rests, files=files)
        elif type(value) in PLAIN and not is_secret_name(label):
            yield label, digest(value, path=label, references=self)
        elif (client := self.of_client(value)) is not None:
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
            yield label, digest(value, path=label, references=self, files=files)
        except UncacheableArgumentError:
            call = call_of(type(value))
            if call is not None and self.project.wrote(call):
                yield from self.attributes_of(label, value, {("__call__",)}, files=files)
            else:
                yield label, f"{label_of(value)} has no stable form"

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
        """What is read of an object: data by value, its own methods by code."""
        rests = {rest[1:] if rest[:1] == (CHANGED,) else rest for rest in rests}
        reading = self.object_reading(type(value), frozenset(rests))
        if reading.whole:
            if rests == {("__call__",)}:
                yield label, f"{label_of(value)} has no stable form"
            else:
                yield from self.whole_value(label, value, files=files)
        if reading.parts or reading.live:
            yield f"{label}: code", reading.digest(files)
        yield from self.own_pieces(label, value, reading.own, files=files)

    def own_pieces(
        self, label: str, value: Any, own: Mapping[str, set[Chain]], *, files: bool
    ) -> Iterator[Piece]:
        """The attributes of one object that are read."""
        for name, rests in own.items():
            held = getattr(value, name, MISSING)
            if held is MISSING:
                yield f"{label}.{name}", b"missing"
            else:
                yield from self.value_pieces(f"{label}.{name}", held, rests, files=files)

    def object_reading(self, kind: type, rests: frozenset[Chain]) -> Reading:
        """What the class of an object says about the attributes that are read of it."""
        known = self.of_objects.get(kind)
        if known is None:
            known = {}
            self.of_objects.put(kind, known)
        reading = known.get(rests)
        if reading is None or not reading.current():
            reading = Reading()
            follower = self.follower(reading, kind)
            for chain in sorted(rests):
                follower.members.own(chain, None)
            known[rests] = reading
        return reading


def held_item(container: Any, step: str) -> object:
    """An item by its step; None where there is none, without making one."""
    entries = container.items() if isinstance(container, dict) else enumerate(container)
    return next((value for key, value in entries if item(key) == step), None)
