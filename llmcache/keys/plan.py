"""What stays from call to call of one function, made once and kept while it is true."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import FunctionType
from typing import Any

from llmcache.keys.binding import Binder
from llmcache.keys.code.body import SELF_NAMES, class_around
from llmcache.keys.code.classes import has_method
from llmcache.keys.code.function import body_of, known, plain_function
from llmcache.keys.code.kinds import qualified
from llmcache.keys.code.pieces import Reading, Remembered
from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.project import Project, shown_module
from llmcache.keys.result import Declaration, ResultType
from llmcache.keys.values.canonical import FileNeeded

__all__ = ["KeyPlan", "Planner"]

FORMAT = b"llmcache/1"


class KeyPlan:
    """What is known of a function for one class of `self`.

    Args:
        reading: What the function reads.
        state: A hash fed with all of it that stays.
        binder: Binds the arguments that count.
        declared: The type of every result; None: it depends on the call.
        lively: Whether anything besides the arguments is made anew at each call.

    Attributes:
        result_types: What is known of results, by the types that a call passes.
    """

    def __init__(
        self, reading: Reading, state: Any, binder: Binder, declared: Any, *, lively: bool
    ) -> None:
        self.reading = reading
        self.state = state
        self.binder = binder
        self.declared = declared
        self.lively = lively
        self.result_types: dict[tuple[Any, ...], ResultType] = {}


class Planner:
    """Makes the plans of one function.

    Args:
        function: The undecorated callable.
        name: What it is called in keys.
        version: Stands for its code, where given.
        ignored: Parameters that are left out.
        declaration: What it says about its result.
        lively: Whether something is made anew at each call in any case.

    Attributes:
        references: The fingerprints for the present project.
        quick: The same where no file may be read.
        method: Whether the first parameter may be an instance or a class, and counts.
    """

    def __init__(  # noqa: PLR0913 - they are the options of one call
        self,
        function: Callable[..., Any],
        *,
        name: str,
        version: str | int | None,
        ignored: str | tuple[str, ...],
        declaration: Declaration,
        lively: bool,
    ) -> None:
        self.function = function
        self.plain: FunctionType | None = plain_function(function)
        self.name = name
        self.version = version
        self.declaration = declaration
        self.lively = lively
        self.binder: Binder = Binder(function)
        self.binder.check_ignored(ignored)
        self.ignored: frozenset[str] = frozenset(ignored)
        first = self.binder.names[0] if self.binder.names else ""
        self.method: bool = first not in ignored and self.may_be_method(first)
        self.facets: frozenset[str] = frozenset()
        self.plans: Remembered[KeyPlan] = Remembered()
        self.only: KeyPlan | None = None
        self.project: tuple[str, ...] | None = None
        self.begin(())

    def plan(self, subject: Any, project: tuple[str, ...], *, files: bool) -> KeyPlan:
        """The plan for a subject, made anew when a name that was read leads elsewhere."""
        if project != self.project:
            self.begin(project)
        if subject is None:
            plan = self.only
        else:
            kind = subject if isinstance(subject, type) else type(subject)
            plan = self.plans.get(kind)
        if plan is None or not plan.reading.current():
            plan = self.made_plan(subject, files=files)
            if subject is None:
                self.only = plan
            else:
                self.plans.put(kind, plan)
        return plan

    def may_be_method(self, first: str) -> bool:
        """Whether the first parameter is called `self` or `cls`, or stands first in a method."""
        if first in SELF_NAMES or self.plain is None or isinstance(self.function, staticmethod):
            return first in SELF_NAMES
        code = self.plain.__code__
        return first in code.co_varnames[:1] and class_around(code) is not None

    def asking(self, facets: frozenset[str]) -> Planner:
        """The same, where what code asks for counts besides."""
        other = copy.copy(self)
        other.facets = self.facets | facets
        other.plans = Remembered()
        other.begin(self.project or ())
        return other

    def begin(self, project: tuple[str, ...]) -> None:
        """Forget all plans, as they are for other packages."""
        module = shown_module(getattr(self.plain or self.function, "__module__", None))
        self.references: Fingerprints = Fingerprints(
            Project(module.partition(".")[0], tuple(project)),
            pinned=self.version is not None,
            asking=self.facets,
        )
        self.quick: Fingerprints = self.references.at(files=False)
        self.plans.clear()
        self.only, self.project = None, project

    def made_plan(self, subject: Any, *, files: bool) -> KeyPlan:
        """Follow the function to all that it reads."""
        references = self.references if files else self.quick
        reading = Reading(pinned=self.version is not None)
        kind = None if subject is None else subject if isinstance(subject, type) else type(subject)
        if kind is not None and self.binder.names[0] not in SELF_NAMES:
            kind = kind if self.plain is not None and has_method(kind, self.plain) else None
        follower = references.follower(reading, kind)
        reading.add("function", references.frozen(self.name))
        if self.version is not None:
            reading.add("version", references.frozen(self.version))
        follower.outermost(self.function, f"code of {qualified(self.plain or self.function)}")
        if self.plain is not None:
            if not files and not known(self.plain):
                raise FileNeeded
            reading.secret_parameters = body_of(self.plain).secret_parameters
        declared = self.declaration.fixed()
        if declared is not None:
            references.result(declared, reading, follower)
        left_out = {*self.ignored, *reading.secret_parameters}
        if kind is not None and not reading.whole:
            left_out.add(self.binder.names[0])
        state = reading.state(FORMAT)
        lively = bool(reading.live or reading.own or reading.methods or self.lively)
        return KeyPlan(reading, state, self.binder.without(left_out), declared, lively=lively)
