"""From a function to all that it reads, through helpers, classes and modules of the project."""

from __future__ import annotations

import functools
import hashlib
import types
from typing import Any

from llmcache.keys.body import Body, Chain, assigned
from llmcache.keys.canonical import FileNeeded
from llmcache.keys.clients import is_client
from llmcache.keys.code import body_of, known, layers
from llmcache.keys.kinds import (
    foreign_name,
    function_of,
    is_environment,
    is_environment_lookup,
    is_frozen,
    is_quiet,
    is_secret_name,
    named,
    qualified,
)
from llmcache.keys.members import Members
from llmcache.keys.pieces import MISSING, Live, Reading, Values, content
from llmcache.keys.project import Project, shown_module

__all__ = ["Follower"]


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
        self.members: Members = Members(self)

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
            if type(layer) is types.FunctionType and self.project.wrote(layer):
                innermost = layer.__dict__.get("__wrapped__") is None
                module = shown_module(layer.__globals__.get("__name__"))
                name = label if innermost else f"decorator {module}.{layer.__code__.co_qualname}"
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
        for shown in body.withheld:
            who = label.removeprefix("code of ")
            self.reading.unkeyed[f"secret {shown}"] = f"{who} passes it as api_key="
        self.reads(function, body)
        if own and self.subject is not None:
            self.reading.whole = self.reading.whole or body.whole
            for chain in sorted(body.own):
                if not assigned(("self", *chain), body) and not assigned(("cls", *chain), body):
                    self.members.own(chain, function)

    def count(self, label: str, digest: bytes) -> None:
        """A piece of code, which a pinned function does without."""
        if not self.reading.pinned:
            self.reading.add(label, digest)

    def live(self, live: Live) -> None:
        """As `count`, for what may change."""
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
        """A variable that is looked up by this name."""
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
            self.value(f"default {qualified(function)}.{name}", value, ())

    def name(self, function: types.FunctionType, chain: Chain) -> None:
        """What a chain leads to, from the closure or the globals of a function."""
        root, rest = chain[0], chain[1:]
        if root in function.__code__.co_freevars:
            cell = (function.__closure__ or ())[function.__code__.co_freevars.index(root)]
            value = content(cell)
            self.reading.cells.append((cell, value))
            pinned, self.reading.pinned = self.reading.pinned, False
            if root != "__class__":
                self.value(f"closure {qualified(function)}.{root}", value, rest)
            self.reading.pinned = pinned
            return
        value = self.watch(function.__globals__, root)
        if value is not MISSING:
            self.value(f"constant {shown_module(function.__module__)}.{root}", value, rest)

    def reach(self, function: types.FunctionType, chain: Chain) -> object:
        """What a chain leads to, without counting it; MISSING where it does not."""
        return attribute(self.watch(function.__globals__, chain[0]), chain[1:])

    def watch(self, namespace: Any, name: str) -> object:
        """What a name leads to now; the key is made anew once it leads elsewhere."""
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
            self.members.known_class(value, rest)
        elif is_client(value):
            self.client(label, value)
        elif not is_quiet(value) and not self.callable(label, value):
            self.data(label, value, rest)

    def client(self, label: str, value: object) -> None:
        """A client, which counts for a pinned function too."""
        called = label.replace("constant", "client", 1)
        self.reading.live.append(self.values.live(called, value, ()))

    def callable(self, label: str, value: Any) -> bool:
        """Whether the value is a function of any kind, which then is followed."""
        function = function_of(value)
        if isinstance(value, functools.partial):
            self.partial(label, value)
            self.value(label, value.func, ())
        elif isinstance(value, types.MethodType):
            self.method(label, value)
        elif function is not None:
            self.helper(value, function)
        elif callable(value) and hasattr(value, "__qualname__"):
            self.count(f"name {label}", named(value))
        else:
            return False
        return True

    def data(self, label: str, value: Any, rest: Chain) -> None:
        """A value that is no code."""
        if is_secret_name(label) or any(map(is_secret_name, rest)):
            self.reading.unkeyed[".".join((label, *rest))] = "a secret by its name"
        elif is_frozen(value):
            self.count(label, self.values.frozen(value))
        else:
            self.live(self.values.live(label, value, rest))

    def helper(self, value: Any, function: types.FunctionType) -> None:
        """A function that is read: the project's by its code, others by name."""
        if not self.project.wrote(function):
            self.count(f"name {foreign_name(function)}", named(function))
            return
        label = f"helper {qualified(function)}"
        self.layered(value, label)
        self.function(function, label)
        self.defaults(function)

    def partial(self, label: str, value: functools.partial[Any]) -> None:
        """The arguments that a partial has taken already."""
        for place, argument in enumerate(value.args):
            self.value(f"{label}: argument {place}", argument, ())
        for name, argument in sorted(value.keywords.items()):
            self.value(f"{label}: argument {name}", argument, ())

    def method(self, label: str, value: types.MethodType) -> None:
        """A bound method: its function, with the object it is bound to as `self`."""
        name = value.__func__.__name__
        if isinstance(value.__self__, type):
            self.members.known_class(value.__self__, (name,))
        else:
            self.live(self.values.live(label, value.__self__, (name,)))

    def module(self, module: types.ModuleType, rest: Chain) -> None:
        """A module of the project is gone through; another one counts by its name."""
        if not self.project.owns(module.__name__):
            dotted = ".".join((shown_module(module.__name__), *rest))
            found = attribute(module, rest)
            if is_client(found):
                self.client(f"client {dotted}", found)
            else:
                self.count(f"name {dotted}", hashlib.sha256(dotted.encode()).digest())
            return
        if rest:
            value = self.watch(vars(module), rest[0])
            if value is MISSING:
                value = getattr(module, rest[0], MISSING)
            self.value(f"constant {shown_module(module.__name__)}.{rest[0]}", value, rest[1:])


def attribute(value: Any, names: Chain) -> object:
    """What a chain of attributes leads to, or MISSING."""
    for name in names:
        value = getattr(value, name, MISSING)
    return value
