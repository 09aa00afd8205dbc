"""What sort of thing a value is that a function reads."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import enum
import functools
import hashlib
import inspect
import logging
import sys
import threading
import types
import typing
from typing import Any

from llmcache.keys.code.function import plain_function
from llmcache.keys.project import module_identity, shown_module

__all__ = [
    "CONTAINERS",
    "PLAIN",
    "call_of",
    "foreign_name",
    "function_of",
    "identity_of",
    "is_bound",
    "is_frozen",
    "is_quiet",
    "label_of",
    "named",
    "qualified",
]

PLAIN = frozenset({str, bytes, int, float, bool, complex, type(None), type(...), range})
QUIET = (
    logging.Logger, logging.LoggerAdapter, logging.Handler, type(threading.Lock()),
    type(threading.RLock()), threading.Semaphore, threading.Condition, threading.Event,
    threading.Barrier, threading.local, threading.Thread, asyncio.Lock, asyncio.Semaphore,
    asyncio.Event, asyncio.Condition, asyncio.Queue, asyncio.AbstractEventLoop, asyncio.Task,
    concurrent.futures.Executor,
)  # fmt: skip
CONTAINERS = (list, dict, set, bytearray, collections.deque)
"""What a body can put items into."""
QUIET_PACKAGES = frozenset({"loguru", "structlog", "opentelemetry", "tqdm"})
FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)


def is_quiet(value: object) -> bool:
    """Loggers, locks, executors and the like: they have no say in an answer."""
    return isinstance(value, QUIET) or type(value).__module__.partition(".")[0] in QUIET_PACKAGES


def is_frozen(value: object) -> bool:
    """Whether the value can never change, so that looking at its identity is enough."""
    if isinstance(value, tuple | frozenset) and type(value) in {tuple, frozenset}:
        return all(map(is_frozen, value))
    return type(value) in PLAIN or (isinstance(value, enum.Enum) and not has_methods(type(value)))


def has_methods(kind: type) -> bool:
    """Whether the class of an enum has code of its own, which may be replaced."""
    return any(
        isinstance(inner, types.FunctionType) and inner.__module__ != "enum"
        for base in kind.__mro__
        if base.__module__.partition(".")[0] not in sys.stdlib_module_names
        for member in base.__dict__.values()
        for inner in (getattr(member, "fget", getattr(member, "__func__", member)),)
    )


def is_bound(value: Any) -> bool:
    """Whether it is data: a type's alias, or a builtin method bound to an object."""
    if isinstance(value, types.BuiltinMethodType | types.MethodWrapperType):
        return not isinstance(value.__self__, types.ModuleType | type | None)
    return not isinstance(value, type) and typing.get_origin(value) is not None


def function_of(value: Any) -> types.FunctionType | None:
    """The Python function that a callable comes down to; None for classes and other objects."""
    if isinstance(value, type) or not callable(value):
        return None
    if (
        isinstance(value, FUNCTIONS)
        or inspect.getattr_static(type(value), "__wrapped__", None) is not None
    ):
        return plain_function(value)
    held = getattr(value, "__dict__", None)
    return plain_function(value) if isinstance(held, dict) and "__wrapped__" in held else None


def call_of(kind: type) -> types.FunctionType | None:
    """The `__call__` that the instances of a class have, where it is written in Python."""
    for base in kind.__mro__:
        if "__call__" in base.__dict__:
            return function_of(base.__dict__["__call__"])
    return None


def qualified(value: Any) -> str:
    """`module.qualname` of a function or class."""
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return f"{shown_module(module)}.{name}"


def identity_of(value: Any) -> str:
    """As `qualified`, with what keeps two scripts of one name apart."""
    module = module_identity(getattr(value, "__module__", None))
    return module + qualified(value).removeprefix(shown_module(getattr(value, "__module__", None)))


def label_of(value: object) -> str:
    """A type by its name, for what is said of values that are left out."""
    return type(value).__qualname__


def foreign_name(value: Any) -> str:
    """Somebody else's function or class by package and name: its module moves between releases."""
    package = str(getattr(value, "__module__", "")).partition(".")[0]
    return f"{package}.{getattr(value, '__qualname__', '')}"


def named(value: Any) -> bytes:
    """What counts of somebody else's function or class."""
    return hashlib.sha256(foreign_name(value).encode("utf-8", "surrogatepass")).digest()
