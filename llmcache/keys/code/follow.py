"""From a function to all that it reads, through helpers, classes and modules of the project."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

from llmcache.keys.clients import is_client
from llmcache.keys.code.chains import CHANGED, Chain, attributes_of, shown_chain
from llmcache.keys.code.classes import found_in
from llmcache.keys.code.docstrings import count_docstring
from llmcache.keys.code.environment import is_environment
from llmcache.keys.code.function import body_of, known, layers, plain_function
from llmcache.keys.code.kinds import (
    CONTAINERS,
    call_of,
    foreign_name,
    function_of,
    is_bound,
    is_frozen,
    is_quiet,
    named,
    qualified,
)
from llmcache.keys.code.members import Members
from llmcache.keys.code.names import Names
from llmcache.keys.code.pieces import BY_BODY, MISSING, Live, Reading, Values
from llmcache.keys.code.said import SAID, Inquiry
from llmcache.keys.project import Project, shown_module
from llmcache.keys.secrets import is_secret_name
from llmcache.keys.values.canonical import FileNeeded

__all__ = ["Follower"]

NO_SOURCE = "no source that matches: read from bytecode, for this version of Python only"


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
        self.met: dict[tuple[int, int], object] = {}
        self.parsing: bool = False
        self.documenting: bool = False
        self.called: types.FunctionType | None = None
        self.watching: set[tuple[int, str]] = set()
        self.members: Members = Members(self)
        self.names: Names = Names(self)

    def outermost(self, function: Any, label: str) -> None:
        """The decorated callable itself, whatever kind it is of."""
        self.called = plain_function(function)
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

    def layered(self, function: Any, label: str, *, own: bool = True) -> None:
        """A function and the project's layers round it, or a third party's by nothing at all."""
        for layer in layers(function):
            if self.is_state(layer):
                called = f"decorator {qualified(type(layer))}"
                self.live(self.values.live(called, layer, ("__call__",)))
            around = function_of(getattr(layer, "_self_wrapper", None))  # of a proxy of wrapt
            if around is not None and self.project.wrote(around):
                self.function(around, f"decorator {qualified(around)}")
            if type(layer) is types.FunctionType and self.project.wrote(layer):
                innermost = layer.__dict__.get("__wrapped__") is None
                module = shown_module(layer.__globals__.get("__name__"))
                name = label if innermost else f"decorator {module}.{layer.__code__.co_qualname}"
                self.function(layer, name, own=own and innermost)

    def is_state(self, layer: Any) -> bool:
        """Whether a decorator is an object of a class of the project, and so may hold something."""
        call = None if type(layer) is types.FunctionType else call_of(type(layer))
        return call is not None and self.project.wrote(call)

    def function(self, function: types.FunctionType, label: str, *, own: bool = False) -> None:
        """A function of the project: its code, and all that it reads.

        Args:
            function: The function.
            label: What it is called.
            own: Whether its `self` is the subject.
        """
        met = (id(function), id(self.subject) if own else 0)
        if met in self.met:
            return
        self.met[met] = self.met[id(function), 0] = function
        if not self.files and not known(function):
            raise FileNeeded
        body = body_of(function)
        self.reading.functions.append(
            (function, function.__code__, function.__defaults__, function.__kwdefaults__)
        )
        self.count(label, body.digest)
        if not body.from_source:
            self.reading.unkeyed[label] = NO_SOURCE
        if body.asks - self.values.asking:
            raise Inquiry(body.asks)
        outer, self.documenting = self.documenting, body.reads_docstring
        self.docstring(function)
        if SAID in self.values.asking and not self.reading.pinned:
            annotated = self.values.annotations(function, self.reading, self)
            self.count(f"annotations of {qualified(function)}", annotated)
        for shown in body.withheld:
            who = label.removeprefix("code of ")
            self.reading.unkeyed[f"secret {shown}"] = f"{who} passes it as api_key="
        self.names.reads(function, body)
        if own and self.subject is not None:
            self.members.read_by(function, body)
        self.documenting = outer
        if function is not self.called:
            self.defaults(function)

    def docstring(self, value: Any) -> None:
        """What is said of a function or a class, where the code that reads it reads docstrings."""
        if self.documenting or SAID in self.values.asking:
            count_docstring(self, value)

    def count(self, label: str, digest: bytes) -> None:
        """A piece of code, which a pinned function does without."""
        if not self.reading.pinned:
            self.reading.add(label, digest)

    def live(self, live: Live) -> None:
        """As `count`, for what may change."""
        if not self.reading.pinned:
            self.reading.live.append(live)

    def defaults(self, function: types.FunctionType) -> None:
        """The default values of a function; those of the outermost one come with a call."""
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        given = function.__defaults__ or ()
        listed = dict(zip(names[len(names) - len(given) :], given, strict=True))
        for name, value in sorted({**listed, **(function.__kwdefaults__ or {})}.items()):
            self.value(f"default {qualified(function)}.{name}", value, ())

    def watch(self, namespace: Any, name: str) -> object:
        """What a name leads to now; the key is made anew once it leads elsewhere."""
        value = namespace.get(name, MISSING)
        place = (id(namespace), name)
        if type(namespace) is not dict or place not in self.watching:
            self.watching.add(place)
            self.reading.watched.append((namespace, name, value))
        return value

    def value(self, label: str, value: Any, rest: Chain) -> None:
        """One value that is read, and the attributes that are read of it."""
        if value is MISSING or is_environment(value):
            return
        if rest[:1] == (CHANGED,):
            if isinstance(value, CONTAINERS):
                self.reading.unkeyed[label] = BY_BODY
                return
            rest = rest[1:]
        self.docstring(value)
        if isinstance(value, types.ModuleType):
            self.module(value, rest)
        elif isinstance(value, type):
            self.members.known_class(value, rest)
        elif is_client(value):
            self.client(label, value)
        elif type(value) is types.FunctionType and rest and rest[0] in value.__dict__:
            held = self.watch(value.__dict__, rest[0])
            self.value(f"attribute {qualified(value)}.{rest[0]}", held, rest[1:])
        elif not is_quiet(value) and (is_bound(value) or not self.callable(label, value)):
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
            self.helper(value, function, label)
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

    def helper(self, value: Any, function: types.FunctionType, called: str = "") -> None:
        """A function that is read: the project's by its code, others by name."""
        if not self.project.wrote(function):
            self.count(f"name {foreign_name(function)}", named(function))
            return
        nameless = called and function.__name__ == "<lambda>"
        label = f"helper {(nameless and called.partition(' ')[2]) or qualified(function)}"
        self.layered(value, label, own=False)
        self.function(function, label)
        registry = getattr(value, "registry", None)
        if isinstance(registry, types.MappingProxyType):
            for kind, implementation in self.registered(registry):
                self.value(f"{label} for {qualified(kind)}", implementation, ())
        self.defaults(function)

    def registered(self, registry: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """The implementations of a generic function by their types, later ones too."""
        self.reading.sized.append((registry, len(registry)))
        for kind in sorted(registry, key=qualified):
            yield kind, self.watch(registry, kind)

    def partial(self, label: str, value: Any) -> None:
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
        elif found_in(type(value.__self__), name, self.watch)[0] is value.__func__:
            self.live(self.values.live(label, value.__self__, (name,)))
        else:
            self.live(self.values.live(label, value, ()))

    def module(self, module: types.ModuleType, rest: Chain) -> None:
        """A module of the project is gone through."""
        if not self.project.owns(module.__name__):
            self.foreign_module(module, rest)
            return
        if rest:
            value = self.member(module, rest[0])
            self.value(f"constant {shown_module(module.__name__)}.{rest[0]}", value, rest[1:])
        else:
            self.reading.unkeyed[f"module {shown_module(module.__name__)}"] = "handed on as a whole"

    def foreign_module(self, module: types.ModuleType, rest: Chain) -> None:
        """Another module counts by its name, and by the client that is reached through it."""
        name, holder = shown_module(module.__name__), module
        if name.partition(".")[0] not in sys.stdlib_module_names:
            for place, step in enumerate(attributes_of(rest), 1):
                holder = self.member(holder, step)
                if is_client(holder):
                    self.client(f"client {shown_chain((name, *rest[:place]))}", holder)
                    return
        dotted = shown_chain((name, *rest))
        self.count(f"name {dotted}", hashlib.sha256(dotted.encode()).digest())

    def member(self, holder: Any, name: str) -> Any:
        """An attribute of a module, or of what lies in one; no code of a class is run for it."""
        held = getattr(holder, "__dict__", None)
        found = self.watch(held, name) if isinstance(held, Mapping) else MISSING
        if found is MISSING and isinstance(holder, types.ModuleType):
            return getattr(holder, name, MISSING)
        return inspect.getattr_static(holder, name, MISSING) if found is MISSING else found
