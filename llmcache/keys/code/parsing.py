"""What takes part in parsing an answer: validators and hooks of classes, with what they call."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from llmcache.keys.clients import is_client
from llmcache.keys.code import members
from llmcache.keys.code.classes import found_in
from llmcache.keys.code.kinds import call_of, foreign_name, function_of, is_frozen, named, qualified
from llmcache.keys.code.members import Members
from llmcache.keys.code.pieces import Live, content

__all__ = ["follow_validator"]


class Walk(members.Walk, Protocol):
    """What is asked of the walk that meets a validator, besides what its class asks."""

    members: Members

    def live(self, live: Live) -> None: ...
    def method(self, label: str, value: types.MethodType) -> None: ...


def follow_validator(walk: Walk, validator: Any, kind: type | None) -> bytes:
    """Add what a validator is made of to the walk; its name is returned.

    Args:
        walk: Where to.
        validator: A function, or anything else that can be called.
        kind: The class that it belongs to, if it stands in the body of one.
    """
    value = getattr(validator, "__func__", validator) if is_descriptor(validator) else validator
    plain = function_of(value)
    label = f"validator {qualified(plain or value)}"
    if isinstance(value, functools.partial):
        walk.partial(label, value)
        return follow_validator(walk, value.func, kind)
    if isinstance(value, types.MethodType) and not isinstance(value.__self__, type):
        walk.method(label, value)
    elif plain is None:
        call = call_of(type(value))
        if call is None or not walk.project.wrote(call):
            return named(value)
        walk.live(walk.values.live(label, value, ("__call__",)))
    elif not walk.project.wrote(plain):
        closure_of_others(walk, plain)
        return named(plain)
    else:
        on_class(walk, plain, label, getattr(value, "__self__", kind))
    return qualified(plain or type(value)).encode()


def is_descriptor(value: object) -> bool:
    return isinstance(value, classmethod | staticmethod)


def closure_of_others(walk: Walk, function: types.FunctionType) -> None:
    """What somebody else's function was made with, such as the statement of `llm_validator`."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        held = content(cell)
        if is_frozen(held) or is_client(held):
            walk.value(f"closure {foreign_name(function)}.{name}", held, ())


@contextmanager
def about(walk: Walk, kind: type) -> Iterator[None]:
    """Follow what has a class as its subject, and note what is read of that apart."""
    reading = walk.reading
    outer = walk.subject, walk.parsing, reading.own, reading.whole
    walk.subject, walk.parsing, reading.own, reading.whole = kind, True, {}, False
    try:
        yield
    finally:
        walk.subject, walk.parsing, reading.own, reading.whole = outer


def on_class(walk: Walk, function: types.FunctionType, label: str, kind: type | None) -> None:
    """A function with a class as its subject; what it reads of an instance is the answer's."""
    if kind is None:
        walk.function(function, label)
        return
    with about(walk, kind):
        walk.function(function, label, own=True)
        own, whole = walk.reading.own, walk.reading.whole
    for name, rests in own.items():
        found, owner = found_in(kind, name, walk.watch)
        ours = owner is not None and walk.project.owns(owner.__module__)
        if ours and inspect.getattr_static(type(found), "__get__", None) is None:
            for rest in sorted(rests):
                walk.value(f"constant {qualified(kind)}.{name}", found, rest)
    if whole:
        walk.members.whole_class(kind)
