"""A function's own code, read once per code object; and the layers that lie round a function."""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from llmcache.keys.code.body import Body, body_of_syntax
from llmcache.keys.code.bytecode import body_of_bytecode
from llmcache.keys.code.source import find_syntax

__all__ = ["body_of", "known", "layers", "plain_function"]

bodies: weakref.WeakKeyDictionary[types.CodeType, Body] = weakref.WeakKeyDictionary()


def known(function: types.FunctionType) -> bool:
    """Whether the function's source has been looked for already, so that no file is touched."""
    return function.__code__ in bodies


def body_of(function: types.FunctionType) -> Body:
    """What the function does and reads; looks for its source the first time."""
    code = function.__code__
    body = bodies.get(code)
    if body is None:
        node = find_syntax(code, function.__globals__)
        body = body_of_syntax(node, code) if node else body_of_bytecode(code)
        bodies[code] = body
    return body


def layers(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A callable and, one after the other, what `__wrapped__` says it wraps."""
    seen: set[int] = set()
    current: Any = function
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = None if isinstance(current, type) else getattr(current, "__wrapped__", None)


def plain_function(function: Any) -> types.FunctionType | None:
    """The Python function below bound methods, descriptors, partials, wrappers and callables."""
    current = function
    for _ in range(100):
        if type(current) is types.FunctionType:
            wrapped = current.__dict__.get("__wrapped__")
            if wrapped is None:
                return current
            current = wrapped
        elif isinstance(current, functools.partial | functools.partialmethod):
            current = current.func
        elif isinstance(current, types.MethodType | classmethod | staticmethod):
            current = current.__func__
        elif not isinstance(current, type) and getattr(current, "__wrapped__", None) is not None:
            current = current.__wrapped__
        else:
            bases = [] if isinstance(current, type) else type(current).__mro__
            calls = [base.__dict__["__call__"] for base in bases if "__call__" in base.__dict__]
            current = calls[0] if calls and isinstance(calls[0], types.FunctionType) else None
    return None
