"""Which type a result is declared to have, and which classes a call declares."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = ["Declaration", "ResultType", "evaluated", "is_type", "keyword_of"]

ITEMS = (
    collections.abc.Iterator, collections.abc.Generator, collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator, collections.abc.AsyncIterable,
)  # fmt: skip
NO_TYPES = frozenset({str, int, float, bool, bytes, type(None), list, dict, tuple, set})
"""Kinds of most arguments: asking `typing` about each of them would take a microsecond."""
AWAITED = (collections.abc.Awaitable, collections.abc.Coroutine)


class ResultType(NamedTuple):
    """What is known of a result before there is one.

    Attributes:
        declared: The type the result is declared to have; `Any` where nothing says it. Of a
            generator it is the type of an item, of a coroutine what is awaited.
        candidates: The types that the call passes, and the classes that the code reads.
    """

    declared: Any
    candidates: tuple[Any, ...]


class Declaration:
    """What a function says about its result; read at the first call, never at decoration.

    Args:
        function: The function.
        response_model: What its decorator says, before all else.
    """

    def __init__(self, function: types.FunctionType | None, response_model: Any = None) -> None:
        self.function = function
        self.response_model = response_model
        self.returned: Any = None
        self.parameters: dict[str, Any] = {}
        self.read: bool = False

    def fixed(self) -> Any:
        """The declared type where it is the same for every call, else None."""
        if self.response_model is not None:
            return self.response_model
        self.read_annotations()
        return None if self.returned is None or open_variables(self.returned) else self.returned

    def of_call(self, bound: Iterable[tuple[str, object]]) -> Any:
        """The declared type of one call; a type variable is what its argument says."""
        fixed = self.fixed()
        if fixed is not None:
            return fixed
        given = dict(bound)
        variables = open_variables(self.returned) if self.returned is not None else ()
        known = {v: t for v in variables if (t := self.bound_to(v, given)) is not None}
        if variables and len(known) == len(variables):
            return substituted(self.returned, known)
        named = given.get("response_model") or keyword_of(given, "response_model")
        if named is not None and is_type(named):
            return named
        return next((value for value in given.values() if is_type(value)), Any)

    def bound_to(self, variable: Any, given: dict[str, object]) -> Any:
        """The type argument of this call whose parameter is annotated `type[variable]`."""
        for name, annotation in self.parameters.items():
            if typing.get_origin(annotation) is type and typing.get_args(annotation) == (variable,):
                return given.get(name)
        return None

    def read_annotations(self) -> None:
        """Evaluate the annotations one by one, as one that fails says nothing of the others."""
        if self.read or self.function is None:
            return
        found = {
            name: value
            for name, text in self.function.__annotations__.items()
            if (value := evaluated(self.function, text)) is not None
        }
        returned = found.pop("return", None)
        self.returned = None if returned is None else unwrapped(returned, self.function)
        self.parameters = found
        self.read = True


def evaluated(function: Callable[..., Any], annotation: Any) -> Any:
    """One annotation, or None where it cannot be evaluated."""
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    names = getattr(function, "__globals__", {})
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    variables = {parameter.__name__: parameter for parameter in type_parameters(function)}
    local = variables | {name: c.cell_contents for name, c in cells if has_content(c)}
    try:
        return typing.get_type_hints(holder, names, local, include_extras=True)["it"]
    except Exception:  # noqa: BLE001 - what is asked runs code of the user's, which may raise anything
        return None


def type_parameters(function: Any) -> tuple[Any, ...]:
    """Those of `def f[T](...)`; Pythons before 3.12 have none."""
    return tuple(getattr(function, "__type_params__", ()))


def has_content(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def unwrapped(annotation: Any, function: Callable[..., Any]) -> Any:
    """The item of a generator's annotation, the result of an awaitable's."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in AWAITED and arguments:
        return unwrapped(arguments[-1], function)
    generates = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if arguments and (origin in ITEMS or (generates and origin is collections.abc.Iterable)):
        return arguments[0]
    if any(annotation is kind for kind in (*ITEMS, *AWAITED)):
        return Any
    return annotation


def open_variables(annotation: Any) -> tuple[Any, ...]:
    """The type variables in an annotation."""
    if isinstance(annotation, typing.TypeVar):
        return (annotation,)
    return () if isinstance(annotation, type) else tuple(getattr(annotation, "__parameters__", ()))


def substituted(annotation: Any, known: dict[Any, Any]) -> Any:
    """The annotation with its type variables filled in."""
    if isinstance(annotation, typing.TypeVar):
        return known[annotation]
    return annotation[tuple(known[variable] for variable in annotation.__parameters__)]


def keyword_of(given: dict[str, object], name: str) -> object:
    """An argument that went into `**kwargs`."""
    for value in given.values():
        if isinstance(value, dict) and name in value:
            return value[name]
    return None


def is_type(value: object) -> bool:
    """Whether the value is a class or a generic alias."""
    if type(value) in NO_TYPES:
        return False
    return isinstance(value, type) or typing.get_origin(value) is not None
