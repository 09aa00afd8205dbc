"""From a function to all that it reads, through helpers, classes and modules of the project."""

from __future__ import annotations

import functools
import hashlib
import types
from typing import Any, Protocol

from llmcache.keys.body import Body, Chain
from llmcache.keys.canonical import FileNeeded
from llmcache.keys.classes import found_in, methods_of, plain_members
from llmcache.keys.clients import is_client
from llmcache.keys.code import body_of, known, layers
from llmcache.keys.kinds import (
    function_of,
    is_environment,
    is_frozen,
    is_quiet,
    is_secret_name,
    qualified,
)
from llmcache.keys.pieces import MISSING, Live, Reading, content
from llmcache.keys.project import Project, shown_module

__all__ = ["Follower", "Values"]


class Values(Protocol):
    """How values are keyed: what the follower asks for, and is not told."""

    def frozen(self, value: object) -> bytes:
        """The digest of a value that cannot change."""

    def live(self, label: str, value: object, rest: Chain) -> Live:
        """The pieces of a value that can, or of what `rest` leads to from it."""

    def variable(self, name: str) -> Live:
        """The piece of an environment variable."""

    def schema(self, kind: Any, reading: Reading, follower: Follower) -> bytes:
        """Add the pieces of a type."""


class Follower:
    """One walk. Whatever is found goes into `reading`.

    Args:
        project: Whose code counts by what it does.
        values: How values are keyed.
        reading: Where to.
        subject: The class that `self` is an instance of, or that `cls` is.
        files: Whether source files may be read.
    """

    def __init__(
        self,
        project: Project,
        values: Values,
        reading: Reading,
        *,
        subject: type | None = None,
        files: bool = True,
    ) -> None:
        self.project = project
        self.values = values
        self.reading = reading
        self.subject = subject
        self.files = files
        self.met: dict[tuple[int, bool], object] = {}
        self.docstrings = False

    def outermost(self, function: Any, label: str) -> None:
        """The decorated callable itself, whatever kind it is of."""
        if isinstance(function, functools.partial):
            self.partial(label, function)
            self.outermost(function.func, label)
        elif isinstance(function, types.MethodType):
            self.method("self", function)
        elif isinstance(function, classmethod | staticmethod):
            self.layered(function.__func__, label)
        elif function_of(function) is not None:
            self.layered(function, label)
        else:
            self.reading.live.append(self.values.live("self", function, ("__call__",)))

    def layered(self, function: Any, label: str) -> None:
        """A function and the project's layers round it, or a third party's by nothing at all."""
        for layer in layers(function):
            if type(layer) is types.FunctionType and self.project.owns(layer.__module__):
                innermost = layer.__dict__.get("__wrapped__") is None
                name = label if innermost else f"helper {qualified(layer)}"
                self.function(layer, name, own=innermost)

    def function(self, function: types.FunctionType, label: str, *, own: bool = False) -> None:
        """A function of the project: its code, and all that it reads.

        Args:
            function: The function.
            label: What it is called.
            own: Whether its `self` is the subject.
        """
        if (id(function), own) in self.met:
            return
        self.met[id(function), own] = function
        if not self.files and not known(function):
            raise FileNeeded
        body = body_of(function)
        self.count(label, body.digest)
        if not body.from_source:
            self.reading.unkeyed[label] = (
                "no source that matches: read from bytecode, for this version of Python only"
            )
        if body.reads_docstring and function.__doc__:
            self.count(f"docstring of {qualified(function)}", self.values.frozen(function.__doc__))
        self.reads(function, body)
        if own and self.subject is not None:
            self.reading.whole = self.reading.whole or body.whole
            for chain in sorted(body.own):
                if not assigned(("self", *chain), body) and not assigned(("cls", *chain), body):
                    self.own(chain, function)

    def count(self, label: str, digest: bytes) -> None:
        """A piece of code, which a pinned function does without."""
        if not self.reading.pinned:
            self.reading.add(label, digest)

    def live(self, live: Live) -> None:
        if not self.reading.pinned:
            self.reading.live.append(live)

    def reads(self, function: types.FunctionType, body: Body) -> None:
        """Everything a body reads by name."""
        for chain in sorted(body.chains):
            if not assigned(chain, body):
                self.name(function, chain)
        for chain, what in sorted(body.lookups, key=repr):
            if is_environment_lookup(self.reach(function, chain)):
                name = what if isinstance(what, str) else self.reach(function, what)
                if isinstance(name, str):
                    self.environment(name)
        for chain in body.computed_lookups:
            if is_environment_lookup(self.reach(function, chain)):
                self.reading.unkeyed["environment"] = "read by a name that is computed"

    def environment(self, name: str) -> None:
        if is_secret_name(name):
            self.reading.unkeyed[f"environment {name}"] = "a secret by its name"
        else:
            self.live(self.values.variable(name))

    def defaults(self, function: types.FunctionType) -> None:
        """The default values of a helper; those of the outermost function come with a call."""
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        given = function.__defaults__ or ()
        listed = dict(zip(names[len(names) - len(given) :], given, strict=True))
        for name, value in sorted({**listed, **(function.__kwdefaults__ or {})}.items()):
            self.value(f"default {name} of {qualified(function)}", value, ())

    def name(self, function: types.FunctionType, chain: Chain) -> None:
        """What a chain leads to, from the closure or the globals of a function."""
        root, rest = chain[0], chain[1:]
        if root in function.__code__.co_freevars:
            cell = (function.__closure__ or ())[function.__code__.co_freevars.index(root)]
            value = content(cell)
            self.reading.cells.append((cell, value))
            pinned, self.reading.pinned = self.reading.pinned, False
            if root != "__class__":
                self.value(f"closure {root} of {qualified(function)}", value, rest)
            self.reading.pinned = pinned
            return
        value = self.watch(function.__globals__, root)
        if value is not MISSING:
            self.value(f"constant {shown_module(function.__module__)}.{root}", value, rest)

    def reach(self, function: types.FunctionType, chain: Chain) -> object:
        """What a chain leads to, without counting it; MISSING where it does not."""
        value = self.watch(function.__globals__, chain[0])
        for attribute in chain[1:]:
            value = getattr(value, attribute, MISSING)
        return value

    def watch(self, namespace: Any, name: str) -> object:
        value = namespace.get(name, MISSING)
        self.reading.watched.append((namespace, name, value))
        return value

    def value(self, label: str, value: Any, rest: Chain) -> None:
        """One value that is read, and the attributes that are read of it."""
        if value is MISSING or is_environment(value):
            return
        if isinstance(value, types.ModuleType):
            self.module(value, rest)
        elif isinstance(value, type):
            self.known_class(value, rest)
        elif is_client(value):
            self.reading.live.append(
                self.values.live(label.replace("constant", "client", 1), value, ())
            )
        elif is_quiet(value):
            return
        elif is_secret_name(label):
            self.reading.unkeyed[label] = "a secret by its name"
        elif isinstance(value, functools.partial):
            self.partial(label, value)
            self.value(label, value.func, ())
        elif isinstance(value, types.MethodType):
            self.method(label, value)
        elif (function := function_of(value)) is not None:
            self.helper(value, function)
        elif is_frozen(value):
            self.count(label, self.values.frozen(value))
        elif callable(value) and hasattr(value, "__qualname__"):
            self.count(f"name {label}", named(value))
        else:
            self.live(self.values.live(label, value, rest))

    def helper(self, value: Any, function: types.FunctionType) -> None:
        """A function that is read: the project's by its code, others by name."""
        label = f"helper {qualified(function)}"
        if not self.project.owns(function.__module__):
            self.count(label, named(function))
            return
        self.layered(value, label)
        self.function(function, label)
        self.defaults(function)

    def partial(self, label: str, value: functools.partial[Any]) -> None:
        for place, argument in enumerate(value.args):
            self.value(f"{label}: argument {place}", argument, ())
        for name, argument in sorted(value.keywords.items()):
            self.value(f"{label}: argument {name}", argument, ())

    def method(self, label: str, value: types.MethodType) -> None:
        """A bound method: its function, with the object it is bound to as `self`."""
        name = value.__func__.__name__
        if isinstance(value.__self__, type):
            self.known_class(value.__self__, (name,))
        else:
            self.live(self.values.live(label, value.__self__, (name,)))

    def module(self, module: types.ModuleType, rest: Chain) -> None:
        """A module of the project is gone through; another one counts by its name."""
        if not self.project.owns(module.__name__):
            dotted = ".".join((shown_module(module.__name__), *rest))
            found = functools.reduce(lambda at, name: getattr(at, name, MISSING), rest, module)
            if is_client(found):
                self.reading.live.append(self.values.live(f"client {dotted}", found, ()))
            else:
                self.count(f"name {dotted}", hashlib.sha256(dotted.encode()).digest())
            return
        if rest:
            value = self.watch(vars(module), rest[0])
            if value is MISSING:
                value = getattr(module, rest[0], MISSING)
            self.value(f"constant {shown_module(module.__name__)}.{rest[0]}", value, rest[1:])

    def known_class(self, kind: type, rest: Chain) -> None:
        """A class: of one attribute only that, else its schema and the code of its methods."""
        self.reading.classes[kind] = None
        if not self.project.owns(kind.__module__):
            self.count(f"name {qualified(kind)}", named(kind))
            if self.project.fields_count(kind.__module__):
                self.values.schema(kind, self.reading, self)
            return
        if rest and self.class_attribute(kind, rest):
            return
        self.whole_class(kind)

    def class_attribute(self, kind: type, rest: Chain) -> bool:
        """Whether `rest` begins with an attribute of a project class, which then is followed."""
        found, owner = found_in(kind, rest[0], self.watch)
        if owner is None or not self.project.owns(owner.__module__):
            return False
        function = function_of(getattr(found, "__func__", found))
        if function is None:
            self.value(f"constant {qualified(kind)}.{rest[0]}", found, rest[1:])
            return True
        self.helper(getattr(found, "__func__", found), function)
        if isinstance(found, classmethod):
            self.whole_class(kind)
        return True

    def whole_class(self, kind: type) -> None:
        if (id(kind), False) in self.met:
            return
        self.met[id(kind), False] = kind
        self.values.schema(kind, self.reading, self)
        for base in kind.__mro__:
            if self.project.owns(base.__module__):
                for name, function in methods_of(base):
                    self.function(function, f"method {qualified(base)}.{name}")
                for name, value in plain_members(base):
                    self.watch(base.__dict__, name)
                    self.value(f"constant {qualified(base)}.{name}", value, ())

    def own(self, chain: Chain, function: types.FunctionType | None) -> None:
        """An attribute of `self`: the subject's own methods are followed, data is noted."""
        subject = self.subject
        assert subject is not None  # noqa: S101 - asked only where there is one
        if chain[0] == "super()":
            owner = next((b for b in subject.__mro__ if defines(b, function)), subject)
            found, base = found_in(subject, chain[1], self.watch, after=owner)
            chain = chain[1:]
        elif chain[0] == "__class__":
            self.known_class(subject, chain[1:])
            return
        else:
            found, base = found_in(subject, chain[0], self.watch)
        method = below_descriptor(found)
        if method is None or base is None:
            self.reading.own.setdefault(chain[0], set()).add(chain[1:])
        elif self.project.owns(method.__module__):
            self.function(method, f"method {qualified(method)}", own=True)
        elif base is not object:
            self.reading.whole = True


def below_descriptor(found: Any) -> types.FunctionType | None:
    """The function behind a method, a property or a cached property of a class."""
    if isinstance(found, type) or found is MISSING:
        return None
    for name in ("fget", "func", "__func__"):
        inner = getattr(found, name, None)
        if callable(inner):
            return function_of(inner)
    return function_of(found)


def defines(base: type, function: types.FunctionType | None) -> bool:
    """Whether this is the class whose body the function was written in."""
    name = function.__name__ if function else ""
    return name in base.__dict__ and below_descriptor(base.__dict__[name]) is function


def is_environment_lookup(value: object) -> bool:
    """`os.environ`, `os.getenv`, and the look-ups that are methods of the former."""
    return is_environment(value) or is_environment(getattr(value, "__self__", None))


def assigned(chain: Chain, body: Body) -> bool:
    """Whether the body itself assigns what the chain passes through."""
    return any(chain[: len(written)] == written for written in body.assigned)


def named(value: Any) -> bytes:
    """Somebody else's function or class: its package and name, whatever module it now lies in."""
    module = str(getattr(value, "__module__", "")).partition(".")[0]
    return hashlib.sha256(f"{module}:{getattr(value, '__qualname__', '')}".encode()).digest()
