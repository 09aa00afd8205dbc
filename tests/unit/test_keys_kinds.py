"""What sort of thing a value is that code reads."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import enum
import functools
import logging
import operator
import sys
import threading
import types
from typing import Any

import pytest
import wrapt

from llmcache.keys.code.kinds import (
    CONTAINERS,
    call_of,
    foreign_name,
    function_of,
    has_methods,
    identity_of,
    is_bound,
    is_frozen,
    is_quiet,
    label_of,
    qualified,
)


def plain() -> None: ...


def wrapping(*_: Any) -> None: ...


functools.update_wrapper(wrapping, plain)


class Callable:
    def __call__(self) -> None: ...

    def method(self) -> None: ...


class Wrapper:
    """An object that says what it wraps, as `functools.update_wrapper` leaves it."""

    def __init__(self) -> None:
        functools.update_wrapper(self, plain)

    def __call__(self) -> None: ...


class Slotted:
    """One that says it by a property."""

    __slots__ = ()
    __wrapped__ = property(lambda _: plain)

    def __call__(self) -> None: ...


def of_package(package: str) -> Any:
    return type("Bar", (), {"__module__": f"{package}.std"})()


async def made(kind: Any) -> Any:
    return kind()


def in_loop(kind: Any) -> Any:
    return asyncio.run(made(kind))


@pytest.mark.parametrize(
    "value",
    [
        *(logging.getLogger("a"), logging.LoggerAdapter(logging.getLogger("a")), logging.Handler()),
        *(threading.Lock(), threading.RLock(), threading.Semaphore(), threading.Condition()),
        *(threading.Event(), threading.Barrier(1), threading.local(), threading.Thread()),
        *map(in_loop, (asyncio.Lock, asyncio.Semaphore, asyncio.Event, asyncio.Condition)),
        *(in_loop(asyncio.Queue), concurrent.futures.ThreadPoolExecutor()),
        *map(of_package, ("loguru", "structlog", "opentelemetry", "tqdm")),
    ],
    ids=label_of,
)
def test_what_has_no_say_in_an_answer_is_quiet(value: object) -> None:
    assert is_quiet(value)


async def test_a_loop_and_a_task_are_quiet() -> None:
    assert is_quiet(asyncio.get_running_loop())
    assert is_quiet(asyncio.current_task())


@pytest.mark.parametrize("value", [[], "a", plain, of_package("shop"), of_package("std")], ids=type)
def test_anything_else_has_a_say(value: object) -> None:
    assert not is_quiet(value)


class Tone(enum.Enum):
    DRY = 1


class Said(enum.Enum):
    DRY = 1

    def said(self) -> None: ...


class Shown(enum.Enum):
    DRY = 1

    @property
    def shown(self) -> None: ...


class Made(enum.Enum):
    DRY = 1

    @classmethod
    def made(cls) -> None: ...


class Pair(tuple[int, ...]):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "frozen"),
    [
        *[(one, True) for one in ("a", b"a", 1, 1.0, True, 1j, None, ..., range(3))],
        *[(one, True) for one in ((), (1, ("a",)), frozenset({1}), Tone.DRY, (Tone.DRY,))],
        *[(one, False) for one in ([], {}, set(), bytearray(), (1, []), Pair((1,)), object())],
        *[(one, False) for one in (Said.DRY, Shown.DRY, Made.DRY, (Said.DRY,))],
    ],
    ids=lambda value: repr(value) if " at 0x" not in repr(value) else "object",
)
def test_a_value_is_frozen_where_nothing_in_it_can_change(value: object, *, frozen: bool) -> None:
    assert is_frozen(value) is frozen


def test_an_enum_has_methods_where_the_user_wrote_some() -> None:
    assert [has_methods(kind) for kind in (Tone, Said, Shown, Made)] == [False, True, True, True]


@pytest.mark.parametrize(
    ("value", "bound"),
    [
        ([].append, True),
        ("a".__add__, True),
        (len, False),
        (dict.fromkeys, False),
        (list[int], True),
        (list, False),
        (plain, False),
        (1, False),
    ],
    ids=label_of,
)
def test_a_builtin_that_is_bound_to_an_object_is_data_as_an_alias_is(
    value: object, *, bound: bool
) -> None:
    assert is_bound(value) is bound


held = Callable()


@pytest.mark.parametrize(
    ("value", "function"),
    [
        (plain, plain),
        (wrapping, plain),
        (held.method, Callable.method),
        (functools.partial(plain), plain),
        (functools.partial(functools.partial(wrapping)), plain),
        (functools.lru_cache(plain), plain),
        (Wrapper(), plain),
        (Slotted(), plain),
        (wrapt.FunctionWrapper(plain, plain), plain),
        (held, None),
        (Callable, None),
        (len, None),
        (str.upper, None),
        (str.__add__, None),
        ("a".__add__, None),
        (functools.partial(len), None),
        (operator.itemgetter(1), None),
        (1, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_callable_comes_down_to_this_function(value: object, function: object) -> None:
    assert function_of(value) is function


class Inherited(Callable): ...


class NotInPython:
    __call__ = len


def test_the_call_of_a_class_is_the_one_that_is_written_in_python() -> None:
    assert call_of(Callable) is Callable.__call__
    assert call_of(Inherited) is Callable.__call__
    assert call_of(NotInPython) is None
    assert call_of(int) is None


@pytest.mark.parametrize("value", [[], {}, set(), bytearray(), collections.deque()], ids=label_of)
def test_a_body_can_put_items_into_a_container(value: object) -> None:
    assert isinstance(value, CONTAINERS)


def in_main(name: str) -> Any:
    found = types.FunctionType(plain.__code__, {}, name)
    found.__module__, found.__qualname__ = "__main__", name
    return found


def test_names_say_module_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert qualified(Callable.method) == f"{__name__}.Callable.method"
    assert qualified(held) == f"{__name__}.Callable"
    assert identity_of(plain) == f"{__name__}.plain"
    assert foreign_name(Callable.method) == f"{__name__.partition('.')[0]}.Callable.method"
    assert foreign_name(1) == "."
    script = types.ModuleType("__main__")
    script.__spec__, script.__file__ = None, "/shop/prices.py"
    monkeypatch.setitem(sys.modules, "__main__", script)
    assert qualified(in_main("f")) == "prices.f"
    assert identity_of(in_main("f")).startswith("prices@")
    assert identity_of(in_main("f")).endswith(".f")
