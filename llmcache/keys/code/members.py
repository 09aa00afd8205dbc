"""The members of classes that are read: of a class as a whole, of `self` one by one."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from llmcache.keys.code.body import Body
from llmcache.keys.code.chains import CHANGED, Chain, is_item, shown_chain
from llmcache.keys.code.classes import (
    below_descriptor,
    defines,
    found_in,
    inner_of,
    is_replaceable,
    methods_of,
    plain_members,
)
from llmcache.keys.code.kinds import foreign_name, function_of, named, qualified
from llmcache.keys.code.pieces import BY_BODY, Reading, Values
from llmcache.keys.project import Project
from llmcache.keys.shapes import is_hook

__all__ = ["Members"]

NAMES_OF_CLASSES = frozenset({"__name__", "__qualname__", "__module__"})


class Walk(Protocol):
    """What is asked of the walk that meets a class."""

    project: Project
    values: Values
    reading: Reading
    subject: type | None
    parsing: bool
    met: dict[tuple[int, int], object]

    def count(self, label: str, digest: bytes) -> None: ...
    def watch(self, namespace: Mapping[str, Any], name: str) -> object: ...
    def value(self, label: str, value: Any, rest: Chain) -> None: ...
    def helper(self, value: Any, function: types.FunctionType) -> None: ...
    def function(self, function: types.FunctionType, label: str, *, own: bool = False) -> None: ...
    def layered(self, function: Any, label: str, *, own: bool) -> None: ...
    def partial(self, label: str, value: Any) -> None: ...
    def registered(self, registry: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]: ...
    def docstring(self, value: Any) -> None: ...


class Members:
    """The part of a walk that deals with classes."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def known_class(self, kind: type, rest: Chain) -> None:
        """A class: of one attribute only that, else its schema and the code of its methods."""
        self.walk.reading.classes[id(kind)] = kind
        if not self.walk.project.owns(kind.__module__):
            self.walk.count(f"name {foreign_name(kind)}", named(kind))
            if self.walk.project.fields_count(kind.__module__):
                self.walk.values.schema(kind, self.walk.reading, self.walk)
            return
        if rest and self.class_attribute(kind, rest):
            return
        self.whole_class(kind)

    def class_attribute(self, kind: type, rest: Chain) -> bool:
        """Whether `rest` begins with an attribute of a project class, which then is followed."""
        if rest[0] in NAMES_OF_CLASSES:
            name = f"constant {qualified(kind)}.{rest[0]}"
            self.walk.count(name, self.walk.values.frozen(getattr(kind, rest[0])))
            return True
        found, owner = found_in(kind, rest[0], self.walk.watch)
        if owner is None or not self.walk.project.owns(owner.__module__):
            return False
        function = function_of(getattr(found, "__func__", found))
        if function is None:
            self.walk.value(f"constant {qualified(kind)}.{rest[0]}", found, rest[1:])
            return True
        self.walk.helper(getattr(found, "__func__", found), function)
        self.documented(kind, rest[0])
        if isinstance(found, classmethod):
            self.whole_class(kind)
        return True

    def whole_class(self, kind: type) -> None:
        """The schema, and methods and constants of a project class, its bases and metaclass."""
        if (id(kind), 0) in self.walk.met:
            return
        self.walk.met[id(kind), 0] = kind
        self.walk.values.schema(kind, self.walk.reading, self.walk)
        metaclass: type = type(kind)
        for base in (*kind.__mro__, *metaclass.__mro__):
            if self.walk.project.owns(base.__module__):
                self.walk.reading.sized.append((base.__dict__, len(base.__dict__)))
                for name, method in methods_of(base):
                    self.walk.watch(base.__dict__, name)
                    self.method(base.__dict__[name], method, f"method {qualified(base)}.{name}")
                for name, value in plain_members(base, self.walk.project.owns):
                    self.walk.watch(base.__dict__, name)
                    self.walk.value(f"constant {qualified(base)}.{name}", value, ())

    def method(self, found: Any, inner: Any, label: str, *, own: bool = False) -> None:
        """A method with its decorators, and with what a `partialmethod` has filled in."""
        if isinstance(found, functools.partialmethod):
            self.walk.partial(label, found)
        self.walk.layered(inner, label, own=own and not isinstance(found, staticmethod))
        if isinstance(found, functools.singledispatchmethod):
            for kind, implementation in self.walk.registered(found.dispatcher.registry):
                self.walk.layered(implementation, f"{label} for {qualified(kind)}", own=own)

    def documented(self, kind: type, name: str) -> None:
        """What is said of a method: where it says nothing, `inspect.getdoc` asks the bases."""
        for base in kind.__mro__:
            if name in base.__dict__:
                self.walk.docstring(base.__dict__[name])

    def read_by(self, function: types.FunctionType, body: Body) -> None:
        """Everything that a function with the subject as `self` reads of it."""
        reading = self.walk.reading
        handed_on = body.whole or (body.returned and not self.walk.parsing)
        reading.whole = reading.whole or handed_on
        for chain in sorted(body.own):
            self.own(chain, function)
        for chain in body.left_out:
            if chain[0] == function.__code__.co_varnames[0]:
                reading.unkeyed[f"self.{shown_chain(chain[1:])}"] = BY_BODY

    def own(self, chain: Chain, function: types.FunctionType | None) -> None:
        """An attribute of `self`: the subject's own methods are followed, data is noted."""
        subject = self.walk.subject
        assert subject is not None  # noqa: S101 - the caller has made sure of it  # nosec B101
        chain = chain[1:] if chain[0] == CHANGED else chain
        if not chain or is_item(chain[0]):
            self.walk.reading.whole = True
            return
        replaceable = chain[0] != "super()"
        if not replaceable:
            owner = next((b for b in subject.__mro__ if defines(b, function)), subject)
            found, base = found_in(subject, chain[1], self.walk.watch, after=owner)
            chain = chain[1:]
        elif chain[0] == "__class__":
            self.walk.count("class of self", self.walk.values.frozen(qualified(subject)))
            self.known_class(subject, chain[1:])
            return
        else:
            found, base = found_in(subject, chain[0], self.walk.watch)
        method = below_descriptor(found)
        if method is None or base is None:
            self.walk.reading.own.setdefault(chain[0], set()).add(chain[1:])
        elif self.walk.project.wrote(method):
            self.method(found, inner_of(found), f"method {qualified(method)}", own=True)
            self.documented(subject, chain[0])
            if replaceable and is_replaceable(found):
                self.walk.reading.methods.add(chain[0])
        elif base is not object and not (self.walk.parsing and is_hook(chain[0], base)):
            self.walk.reading.whole = True
