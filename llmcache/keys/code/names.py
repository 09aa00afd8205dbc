"""The names that a body reads, and what they lead to."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Mapping
from typing import Any, Protocol

from llmcache.keys.code.body import Body
from llmcache.keys.code.chains import Chain, shown_chain
from llmcache.keys.code.environment import BY_COMPUTED_NAME, is_environment, variables_read
from llmcache.keys.code.imports import absolute, imported
from llmcache.keys.code.kinds import qualified
from llmcache.keys.code.locals import Origin
from llmcache.keys.code.pieces import BY_BODY, MISSING, Live, Reading, Values, content
from llmcache.keys.project import Project, shown_module
from llmcache.keys.secrets import is_secret_name

__all__ = ["Names"]

BY_TEXT: dict[tuple[str, ...], str] = {
    ("globals",): "globals()",
    ("eval",): "eval()",
    ("exec",): "exec()",
    ("sys", "modules"): "sys.modules",
    ("__subclasses__",): "__subclasses__()",
}
"""Ways to names that the syntax does not say, as they are told of."""


class Walk(Protocol):
    """What is asked of the walk that meets a name."""

    project: Project
    values: Values
    reading: Reading
    files: bool

    def watch(self, namespace: Mapping[str, Any], name: str) -> object: ...
    def value(self, label: str, value: Any, rest: Chain) -> None: ...
    def module(self, module: types.ModuleType, rest: Chain) -> None: ...
    def live(self, live: Live) -> None: ...


class Names:
    """The part of a walk that deals with names."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def reads(self, function: types.FunctionType, body: Body) -> None:
        """Everything a body reads by name."""
        for chain in sorted(body.chains):
            self.name(function, chain, body)
        names, unknown = variables_read(body, lambda chain: self.reach(function, chain, body))
        for name in sorted(names):
            self.environment(name)
        if unknown:
            self.walk.reading.unkeyed["environment"] = ", ".join(sorted(unknown))
        for chain, shown in BY_TEXT.items():
            if chain in body.computed_lookups:
                self.walk.reading.unkeyed[shown] = BY_COMPUTED_NAME
        for chain in body.left_out:
            if chain[0] in function.__globals__ and not self.walk.reading.pinned:
                label = f"constant {shown_module(function.__module__)}.{shown_chain(chain)}"
                self.walk.reading.unkeyed[label] = BY_BODY

    def environment(self, name: str) -> None:
        """A variable that is looked up by this name."""
        if is_secret_name(name):
            self.walk.reading.unkeyed[f"environment {name}"] = "a secret by its name"
        else:
            self.walk.live(self.walk.values.variable(name))

    def name(self, function: types.FunctionType, chain: Chain, body: Body) -> None:
        """What a chain leads to, from the imports, closure or globals of a function."""
        root, rest = chain[0], chain[1:]
        if root in body.imports:
            for origin in sorted(body.imports[root]):
                self.imported(function, origin, rest)
        elif root in function.__code__.co_freevars:
            cell = (function.__closure__ or ())[function.__code__.co_freevars.index(root)]
            value = content(cell)
            self.walk.reading.cells.append((cell, value))
            pinned, self.walk.reading.pinned = self.walk.reading.pinned, False
            if root != "__class__" or body.from_source:
                self.walk.value(f"closure {qualified(function)}.{root}", value, rest)
            self.walk.reading.pinned = pinned
        else:
            value = self.walk.watch(function.__globals__, root)
            self.walk.value(f"constant {shown_module(function.__module__)}.{root}", value, rest)

    def imported(self, function: types.FunctionType, origin: Origin, rest: Chain) -> None:
        """What is read of an import in the body; somebody else's is told by the body itself."""
        around = function.__globals__
        name = absolute(origin, around)
        if self.walk.project.may_load(name):
            value = imported(origin, around, self.walk.project, files=self.walk.files)
            if value is MISSING:
                self.walk.reading.unkeyed[f"import {name}"] = "it cannot be loaded"
            elif origin.attribute:
                self.walk.module(sys.modules[name], (origin.attribute, *rest))
            else:
                self.walk.value(f"constant {name}", value, rest)

    def reach(self, function: types.FunctionType, chain: Chain, body: Body) -> object:
        """What a chain leads to, without counting it; MISSING where it does not."""
        root, code = chain[0], function.__code__
        if root in body.imports:
            origin = min(body.imports[root])
            value = imported(origin, function.__globals__, self.walk.project, files=self.walk.files)
        elif root in code.co_freevars:
            value = content((function.__closure__ or ())[code.co_freevars.index(root)])
        else:
            value = self.walk.watch(function.__globals__, root)
        return reached(value, chain[1:])


def reached(value: Any, names: Chain) -> object:
    """As `attribute`, without running code of the user's: of an object only what it holds."""
    for name in names:
        if isinstance(value, types.ModuleType) or is_environment(value):
            value = getattr(value, name, MISSING)
        else:
            value = inspect.getattr_static(value, name, MISSING)
    return value
