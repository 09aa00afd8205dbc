"""A bound call becomes a key.

    SHA-256("llmcache/1" | what the function is and reads | namespace | sample | arguments)

Each part is framed. What stays from call to call is hashed once and copied; a call costs the
encoding of its arguments and a look at whether the names that the code reads still lead to the
same objects.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from llmcache.errors import ConfigurationError
from llmcache.keys.bound import Bound, Keying
from llmcache.keys.code.function import plain_function
from llmcache.keys.code.kinds import identity_of
from llmcache.keys.code.pieces import MISSING
from llmcache.keys.code.said import Inquiry
from llmcache.keys.options import (
    checked_depends_on,
    checked_key,
    checked_name,
    checked_version,
)
from llmcache.keys.parts import CacheKey, KeyParts
from llmcache.keys.plan import KeyPlan, Planner
from llmcache.keys.result import NO_TYPES, Declaration, ResultType, is_type, keyword_of

__all__ = ["Bound", "CacheKey", "FunctionKeys", "KeyParts", "Keying", "ResultType"]

PLAIN = Keying()
RESULTS_KEPT = 64
"""Choices of types as arguments whose result types one function remembers."""


class FunctionKeys:
    """The keys of one function.

    Nothing is read or evaluated here but the signature; sources and annotations wait for the
    first call.

    Args:
        function: The undecorated callable.
        name: Stands for `module.qualname`.
        version: Counts instead of the code and the globals.
        depends_on: More parts: values, or functions that are called at each call.
        key: Its result stands for the arguments; called as the function is.
        ignore: Parameters that are left out.
        response_model: The result type, before any annotation.

    Attributes:
        name: What the function is called in keys.

    Raises:
        ConfigurationError: For an option that cannot be used; the text says what can.
    """

    def __init__(  # noqa: PLR0913 - they are the options of one call
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        version: str | int | None = None,
        depends_on: Iterable[Any] = (),
        key: Callable[..., Any] | None = None,
        ignore: Iterable[str] = (),
        response_model: Any = None,
    ) -> None:
        plain = plain_function(function)
        self.name: str = checked_name(name) or identity_of(plain or function)
        self.depends_on: tuple[Any, ...] = checked_depends_on(depends_on)
        self.by: Callable[..., Any] | None = checked_key(key)
        if isinstance(response_model, str | int | float):
            raise ConfigurationError(
                f"response_model={response_model!r} is a value, not a type.", name="response_model"
            )
        self.declaration: Declaration = Declaration(plain, response_model)
        self.inquirers: dict[frozenset[str], FunctionKeys] = {}
        self.planner: Planner = Planner(
            function,
            name=self.name,
            version=checked_version(version),
            ignored=ignore if isinstance(ignore, str) else tuple(ignore),
            declaration=self.declaration,
            lively=bool(self.depends_on),
        )

    def bound(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        keying: Keying = PLAIN,
        *,
        files: bool = True,
    ) -> Bound:
        """One call, taken apart; where its arguments' code asks for more, with an eye on that.

        Args:
            args: The positional arguments, the instance or class of a method first.
            kwargs: The keyword arguments.
            keying: How it is keyed.
            files: Whether files may be read, those behind arguments and sources.

        Raises:
            UncacheableArgumentError: An argument has no stable form.
            FileNeeded: `files` is false and a file has to be read.
            TypeError: The call does not fit the function's signature.
        """
        keys, subject = self, self.subject(args, kwargs)
        variables = self.planner.binder.variables(args, kwargs)
        given = MISSING if self.by is None else self.by(*args, **kwargs)
        depended = [asked(each) for each in self.depends_on] if self.depends_on else ()
        while True:
            plan = keys.plan(subject, keying.project, files=files)
            bound = Bound(
                plan,
                keys.planner.references,
                keying,
                subject,
                variables,
                given,
                depended,
                keys.result_of(plan, variables),
                plan.state.copy(),
            )
            try:
                bound.feed(files=files)
            except Inquiry as inquiry:
                keys = keys.inquirer(inquiry.facets)
            else:
                return bound

    def digest(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        keying: Keying = PLAIN,
        *,
        files: bool = True,
    ) -> str:
        """The digest of one call; arguments and errors as of `bound`."""
        return self.bound(args, kwargs, keying, files=files).digest()

    def key(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], keying: Keying = PLAIN
    ) -> CacheKey:
        """As `digest`, with the parts it was made of and what it cannot see."""
        return self.bound(args, kwargs, keying).key()

    # What lies below.

    def plan(self, subject: Any, project: tuple[str, ...], *, files: bool) -> KeyPlan:
        """The plan for a subject; what its code asks for counts from then on."""
        while True:
            try:
                return self.planner.plan(subject, project, files=files)
            except Inquiry as inquiry:
                self.planner = self.planner.asking(inquiry.facets)

    def inquirer(self, facets: frozenset[str]) -> FunctionKeys:
        """The same, for calls whose arguments ask for more than the function does."""
        known = self.inquirers.get(self.planner.facets | facets)
        if known is None:
            known = copy.copy(self)
            known.planner = self.planner.asking(facets)
            self.inquirers[known.planner.facets] = known
        return known

    def subject(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The instance or class that the function is called on, None where it is no method."""
        if not self.planner.method:
            return None
        return args[0] if args else kwargs.get(self.planner.binder.names[0])

    def result_of(self, plan: KeyPlan, variables: dict[str, Any]) -> ResultType:
        """The type of the result of a call that was bound; known for each choice of types."""
        given = [
            one for one in variables.items() if type(one[1]) not in NO_TYPES and is_type(one[1])
        ]
        if plan.declared is None:
            named = keyword_of(variables, "response_model")
            given += [("", named)] if is_type(named) else []
        # By address, and kept by the result: types that are equal may differ, some have no hash.
        place = tuple([(name, id(kind)) for name, kind in given]) if given else ()
        result = plan.result_types.get(place)
        if result is None:
            declared = self.declaration.of_call(variables.items())
            kinds = [kind for _, kind in given]
            if len(plan.result_types) >= RESULTS_KEPT:
                plan.result_types.clear()
            result = ResultType(declared, (*kinds, *plan.reading.classes.values()))
            plan.result_types[place] = result
        return result


def asked(dependency: Any) -> Any:
    """What one of `depends_on` is now."""
    return dependency() if inspect.isroutine(dependency) else dependency
