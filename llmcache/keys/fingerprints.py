"""Types, functions, clients and the values that code reads, as digests."""

from __future__ import annotations

import copy
import hashlib
import os
import types
from collections.abc import Callable, Iterator
from typing import Any, get_origin

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.clients import held_facts, is_client, other_headers
from llmcache.keys.code.chains import Chain
from llmcache.keys.code.follow import Follower
from llmcache.keys.code.kinds import function_of, label_of, named
from llmcache.keys.code.objects import Objects
from llmcache.keys.code.parsing import Walk, follow_validator
from llmcache.keys.code.pieces import MISSING, Live, Piece, Reading, Remembered, framed_piece
from llmcache.keys.folding import folding, within
from llmcache.keys.identities import Identity, client_digest
from llmcache.keys.noting import noting_now
from llmcache.keys.project import Project, shown_module
from llmcache.keys.result import evaluated
from llmcache.keys.schema import describe_type
from llmcache.keys.shapes import shown_by
from llmcache.keys.values.canonical import digest

__all__ = ["Fingerprints"]

ALIASES_KEPT = 256


UNKNOWN = "not known to change answers"


class Fingerprints:
    """What the canonical encoder and the follower ask, for one project.

    Args:
        project: Whose code counts by what it does.
        files: Whether source files may be read; where not, `FileNeeded` is raised instead.
        pinned: Whether the code of arguments stays out.
        asking: What counts besides, as code asks for it.
    """

    def __init__(
        self,
        project: Project,
        *,
        files: bool = True,
        pinned: bool = False,
        asking: frozenset[str] = frozenset(),
    ) -> None:
        self.project = project
        self.asking = asking
        self.pinned = pinned
        self.files = files
        self.withholds: bool = False
        self.twins: dict[tuple[bool, bool], Fingerprints] = {(files, False): self}
        self.of_types: Remembered[Reading] = Remembered()
        self.of_functions: Remembered[Reading] = Remembered()
        self.objects: Objects = Objects(self)
        self.aliases: dict[tuple[Any, str], Any] = {}

    def at(self, files: bool, *, withholds: bool = False) -> Fingerprints:  # noqa: FBT001 - as `Live`
        """The same, sharing all that is known, for other files and secrets.

        Args:
            files: Whether source files may be read.
            withholds: Whether secrets stay out, as they do of what code reads.
        """
        twin = self.twins.get((files, withholds))
        if twin is None:
            twin = copy.copy(self)
            twin.files, twin.withholds, twin.objects = files, withholds, self.objects.of(twin)
            self.twins[files, withholds] = twin
        return twin

    def follower(self, reading: Reading, subject: type | None = None) -> Follower:
        """A walk that adds to `reading`."""
        return Follower(self.project, self, reading, subject=subject, files=self.files)

    # What the canonical encoder asks.

    def of_type(self, kind: Any) -> bytes:
        """A class, generic alias or the like by its schema, a project class by its code too."""
        known = kind if isinstance(kind, type) else self.same_alias(kind)
        return self.folded_within(known, lambda: self.type_reading(known))

    def of_function(self, function: Any) -> bytes:
        """A function by name and code, with all that it reads; a third party's by name."""
        plain = function_of(function)
        if plain is None or not self.project.wrote(plain):
            return named(plain or function)
        return self.folded_within(plain, lambda: self.function_reading(plain))

    def of_class(self, kind: type) -> bytes:
        """The code of a project class; nothing within its own constants, where it is known."""
        if self.pinned or not self.project.owns(kind.__module__) or id(kind) in within.get():
            return b""
        outer = within.set(within.get() | {id(kind)})
        try:
            code = self.folded_within(kind, lambda: self.type_reading(kind))
        finally:
            within.reset(outer)
        shown = repr(sorted(shown_by(kind)))
        return hashlib.sha256(code + shown.encode()).digest() if shown != "[]" else code

    def met_module(self, module: types.ModuleType) -> None:
        """A module of the project that is handed on counts by its name; said where asked."""
        noted = noting_now()
        if noted is not None and self.project.owns(module.__name__):
            noted.unkeyed[f"module {shown_module(module.__name__)}"] = "handed on as a whole"

    def met_secret(self, what: str) -> None:
        """A secret within what the code reads stays out; said where asked."""
        noted = noting_now()
        if noted is not None:
            noted.unkeyed[what] = "a secret"

    def of_client(self, value: object) -> bytes | None:
        """The identity of a client, 32 bytes; None: not one."""
        found = client_digest(value)
        if found is None:
            return None
        noted, kind = noting_now(), value.__class__.__name__
        if noted is not None:
            noted.unkeyed.update(
                (f"header {name} of {kind}", UNKNOWN) for name in other_headers(value)
            )
        more = []
        for fact, held in held_facts(value):
            form = self.canonical_or_nothing(held)
            if form is not None:
                more.append((fact, form.hex()))
            elif noted is not None:
                noted.unkeyed[f"{fact} of {kind}"] = f"{label_of(held)} has no stable form"
        return Identity.of((*found.facts, *more)) if more else found

    def function_reading(self, plain: types.FunctionType) -> Reading:
        """What a function of the project is made of."""
        reading = self.of_functions.get(plain)
        if reading is None or not reading.current():
            reading = Reading()
            self.follower(reading).value("function", plain, ())
            self.of_functions.put(plain, reading)
        return reading

    def type_reading(self, kind: Any) -> Reading:
        """What a type is made of; remembered by the class, or by the alias."""
        reading = self.of_types.get(kind)
        if reading is None or not reading.current():
            reading = Reading()
            follower = self.follower(reading)
            if isinstance(kind, type):
                follower.members.known_class(kind, ())
            else:
                self.result(kind, reading, follower)
                origin = get_origin(kind)
                if isinstance(origin, type) and self.project.owns(origin.__module__):
                    follower.members.known_class(origin, ())
            self.of_types.put(kind, reading)
        return reading

    def same_alias(self, alias: Any) -> Any:
        """One object for all aliases that are alike: `list[User]` is made anew wherever it stands.

        Unions and literals in another order are equal, and other prompts.
        """
        if len(self.aliases) > ALIASES_KEPT:
            self.aliases.clear()
        try:
            return self.aliases.setdefault((alias, repr(alias)), alias)
        except TypeError:
            return alias

    def folded_within(self, subject: object, make: Callable[[], Reading]) -> bytes:
        """The reading of a function or class in 32 bytes; it may lead back to itself."""
        with folding() as folds:
            reading = folds.reading(subject, make)
            note(reading)
            return folds.folded(subject, files=self.files)

    def folded(self, reading: Reading) -> bytes:
        """A reading in 32 bytes; noted where somebody asks what lies below."""
        return self.folded_within(reading, lambda: reading)

    # What the follower asks.

    def frozen(self, value: object) -> bytes:
        """The digest of a value that cannot change."""
        return digest(value, path="", references=self)

    def live(self, label: str, value: object, rest: Chain) -> Live:
        """The pieces of a value at each call."""
        rests = frozenset({rest})

        def client(files: bool) -> Iterator[Piece]:  # noqa: ARG001, FBT001 - as `Live`
            yield label, self.of_client(value) or b"none"

        def pieces(files: bool) -> Iterator[Piece]:  # noqa: FBT001 - as `Live`
            with folding():
                found = [*self.at(files).objects.value_pieces(label, value, rests, files=files)]
            yield from found

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
        for label, piece in described.pieces.items():
            name = reading.add(label, piece)
            finer = described.finer.get(label, {})
            if finer:
                reading.finer[name] = {name + n.removeprefix(label): d for n, d in finer.items()}
        for known in described.classes:
            reading.classes[id(known)] = known
            for name in ("__doc__", "__pydantic_core_schema__"):
                found = known.__dict__.get(name, MISSING)
                reading.watched.append((known.__dict__, name, found))
        reading.pinned = pinned
        return described.outer

    def annotations(self, function: types.FunctionType, reading: Reading, walk: Walk) -> bytes:
        """What a function says of its parameters and its result, as a schema would count."""
        state = hashlib.sha256()
        for name, said in sorted(function.__annotations__.items()):
            kind = evaluated(function, said)
            state.update(framed_piece(name, self.schema(kind or said, reading, walk)))
        return state.digest()

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
            return digest(value, path="", references=self, files=self.files)
        except UncacheableArgumentError:
            return None


def note(reading: Reading) -> None:
    """Note a reading where somebody asks what lies below a digest."""
    noted = noting_now()
    if noted is not None:
        noted.readings[id(reading)] = reading
