"""A bound call becomes a key.

    SHA-256("llmcache/1" | what the function is and reads | namespace | sample | arguments)

Each part is framed. What stays from call to call is hashed once and copied; a call costs the
encoding of its arguments and a look at whether the names that the code reads still lead to the
same objects.
"""

from __future__ import annotations

import copy
import hmac
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from llmcache.errors import ConfigurationError
from llmcache.keys.code.function import plain_function
from llmcache.keys.code.kinds import identity_of
from llmcache.keys.code.pieces import Piece, framed_piece
from llmcache.keys.code.said import Inquiry, inquiring
from llmcache.keys.noting import noting
from llmcache.keys.options import (
    checked_depends_on,
    checked_key,
    checked_name,
    checked_version,
)
from llmcache.keys.parts import CacheKey, KeyParts, key_parts
from llmcache.keys.plan import Plan, Planner
from llmcache.keys.result import Declaration, ResultType, is_type, keyword_of
from llmcache.keys.values.canonical import digest as canonical_digest
from llmcache.keys.values.canonical import encode, feed

__all__ = ["CacheKey", "FunctionKeys", "KeyParts", "ResultType"]

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

    def digest(self, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any) -> str:
        """The digest of one call, 64 hex digits; arguments and errors as of `asked`."""
        return self.asked(args, kwargs, **how)[0]

    def asked(  # noqa: PLR0913 - they are the options of one call
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        namespace: str = "",
        sample: int | str | None = None,
        files: bool = True,
        project: tuple[str, ...] = (),
        secret: bytes | None = None,
    ) -> tuple[str, ResultType]:
        """The digest of one call, 64 hex digits, and the type of its result.

        Args:
            args: The positional arguments, the instance or class of a method first.
            kwargs: The keyword arguments.
            namespace: Keeps tenants apart.
            sample: Tells answers to one question apart; None is the first and only.
            files: Whether files may be read, those behind arguments and sources.
            project: More packages whose code counts by what it does.
            secret: Makes the digest an HMAC-SHA256.

        Raises:
            UncacheableArgumentError: An argument has no stable form.
            FileNeeded: `files` is false and a file has to be read.
            TypeError: The call does not fit the function's signature.
        """
        subject = self.subject(args, kwargs)
        plan = self.plan(subject, project, files=files)
        try:
            references = self.planner.references if files else self.planner.quick
            state = plan.state.copy()
            update = state.update
            if namespace or sample is not None:
                update(b"+" + encode((namespace, sample), path="namespace", references=references))
            if plan.lively:
                for name, what in self.changing(plan, subject, files=files):
                    if isinstance(what, bytes):
                        update(framed_piece(name, what))
            update(b".")
            variables = plan.binder.variables(args, kwargs)
            for name, value in self.counting(plan, variables, args, kwargs):
                feed(update, value, path=name, references=references, files=files)
        except Inquiry as inquiry:
            rest: dict[str, Any] = {"files": files, "project": project, "secret": secret}
            again = self.inquirer(inquiry.facets)
            return again.asked(args, kwargs, namespace=namespace, sample=sample, **rest)
        result = self.result_of(plan, variables)
        if secret is None:
            return state.hexdigest(), result
        return hmac.digest(secret, state.digest(), "sha256").hex(), result

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any) -> CacheKey:
        """As `digest`, with the parts it was made of and what it cannot see."""
        parts = self.parts(args, kwargs, **how)
        return CacheKey(
            digest=self.digest(args, kwargs, **how),
            parts={**parts.shared, **parts.call},
            unkeyed=self.unkeyed(args, kwargs, **how),
        )

    @inquiring
    def parts(  # noqa: PLR0913 - they are the options of one call
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        namespace: str = "",
        sample: int | str | None = None,
        files: bool = True,
        project: tuple[str, ...] = (),
        secret: bytes | None = None,
    ) -> KeyParts:
        """The parts of one call's key; arguments and errors as of `digest`."""
        subject = self.subject(args, kwargs)
        plan = self.plan(subject, project, files=files)
        references = self.planner.references if files else self.planner.quick
        variables = plan.binder.variables(args, kwargs)
        asked = dict(self.counting(plan, variables, args, kwargs))
        call: dict[str, bytes | str] = {"namespace": namespace.encode()}
        if sample is not None:
            call["sample"] = encode(sample, path="sample", references=references)
        with noting() as noted:
            shared = dict(plan.reading.details(files))
            call.update(self.of_call(plan, subject, files=files))
            for label, path, value in self.told(plan, asked):
                known = references.of_client(value)
                call[label] = known or canonical_digest(
                    value, path=path, references=references, files=files
                )
            for reading in noted.all():
                shared = {**dict(reading.details(files)), **shared}
        return key_parts(call.items(), shared.items(), secret)

    def told(self, plan: Plan, asked: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """What is asked for as parts of its own: `**kwargs` are told one by one."""
        for name, value in asked.items():
            if name == plan.binder.keywords and self.by is None:
                for key, item in value.items():
                    taken = key in plan.binder.names
                    label = f"argument {name}[{key!r}]" if taken else f"argument {key}"
                    yield label, f"{name}[{key!r}]", item
            else:
                yield name if self.by is not None else f"argument {name}", name, value

    @inquiring
    def unkeyed(self, args: tuple[Any, ...], kwargs: dict[str, Any], **how: Any) -> tuple[str, ...]:
        """What the code of this call reads and the key cannot see, each with the reason."""
        files = how.get("files", True)
        subject = self.subject(args, kwargs)
        plan = self.plan(subject, how.get("project", ()), files=files)
        found = dict(plan.reading.unkeyed)
        variables = plan.binder.variables(args, kwargs)
        with noting() as noted:
            found |= reasons(self.changing(plan, subject, files=files))
            for name, value in self.counting(plan, variables, args, kwargs):
                canonical_digest(value, path=name, references=self.planner.references)
            for reading in noted.all():
                found |= {**reading.unkeyed, **reasons(reading.pieces(files))}
        found |= noted.unkeyed
        for name in plan.reading.secret_parameters:
            found[f"argument {name}"] = "the body passes it as api_key= and nowhere else"
        return tuple(
            f"{label.replace('constant', 'global', 1)}: {why}" for label, why in found.items()
        )

    # What lies below.

    def plan(self, subject: Any, project: tuple[str, ...], *, files: bool) -> Plan:
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

    def counting(
        self,
        plan: Plan,
        variables: dict[str, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Iterable[tuple[str, object]]:
        """The arguments that count, or what stands for them."""
        if self.by is not None:
            return (("key", self.by(*args, **kwargs)),)
        return [(name, variables[name]) for name in plan.binder.kept]

    def result_of(self, plan: Plan, variables: dict[str, Any]) -> ResultType:
        """The type of the result of a call that was bound; known for each choice of types."""
        given = [item for item in variables.items() if is_type(item[1])]
        if plan.declared is None:
            named = keyword_of(variables, "response_model")
            given += [("", named)] if is_type(named) else []
        # By address, and kept by the result: types that are equal may differ, some have no hash.
        place = tuple([(name, id(kind)) for name, kind in given])
        result = plan.result_types.get(place)
        if result is None:
            declared = self.declaration.of_call(variables.items())
            kinds = [kind for _, kind in given]
            if len(plan.result_types) >= RESULTS_KEPT:
                plan.result_types.clear()
            result = ResultType(declared, (*kinds, *plan.reading.classes.values()))
            plan.result_types[place] = result
        return result

    def changing(self, plan: Plan, subject: Any, *, files: bool) -> Iterator[Piece]:
        """The pieces that are made at each call, arguments aside."""
        yield from plan.reading.pieces(files)
        yield from self.of_call(plan, subject, files=files)

    def of_call(self, plan: Plan, subject: Any, *, files: bool) -> Iterator[Piece]:
        """Those of them that differ from call to call."""
        references = self.planner.references if files else self.planner.quick
        if subject is not None:
            yield from references.objects.own_pieces("self", subject, plan.reading, files=files)
        for place, item in enumerate(self.depends_on):
            value = item() if inspect.isroutine(item) else item
            label = f"depends_on[{place}]"
            yield label, canonical_digest(value, path=label, references=references, files=files)


def reasons(pieces: Iterable[Piece]) -> dict[str, str]:
    """The pieces that do not count, with the reason."""
    return {name: what for name, what in pieces if isinstance(what, str)}
