"""Which type a result is declared to have."""

from __future__ import annotations

import sys
import typing
from collections import abc
from typing import Annotated, Any, Generic, TypeVar

import pytest

from llmcache.keys.key import RESULTS_KEPT, FunctionKeys
from llmcache.keys.result import Declaration, evaluated, is_type, keyword_of, unwrapped

T = TypeVar("T")
S = TypeVar("S")


class Answer:
    """A type that is asked for."""


class Page(Generic[T, S]):
    """One with variables."""


def plain() -> None: ...


def items() -> abc.Iterable[int]:
    yield 1


async def async_items() -> abc.AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("annotation", "function", "result"),
    [
        (Answer, plain, Answer),
        (list[Answer], plain, list[Answer]),
        (abc.Iterator[Answer], plain, Answer),
        (abc.Generator[Answer, int, str], plain, Answer),
        (abc.AsyncIterator[Answer], plain, Answer),
        (abc.AsyncGenerator[Answer, int], plain, Answer),
        (abc.AsyncIterable[Answer], plain, Answer),
        (abc.Iterable[Answer], plain, abc.Iterable[Answer]),
        (abc.Iterable[Answer], items, Answer),
        (abc.Iterable[Answer], async_items, Answer),
        (list[Answer], items, list[Answer]),
        (abc.Awaitable[Answer], plain, Answer),
        (abc.Coroutine[int, str, Answer], plain, Answer),
        (abc.Awaitable[abc.Iterator[Answer]], plain, Answer),
        *[
            (bare, plain, Any)
            for bare in (
                *(abc.Iterator, abc.Generator, abc.AsyncIterator, abc.AsyncGenerator),
                *(abc.AsyncIterable, abc.Awaitable, abc.Coroutine),
            )
        ],
        (abc.Iterable, items, abc.Iterable),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_of_what_is_awaited_or_iterated_the_result_or_the_item_counts(
    annotation: Any,
    function: Any,
    result: Any,
) -> None:
    assert unwrapped(annotation, function) == result


def local() -> Any:
    class Local:
        """A type that only this function knows."""

    unset: Any

    def declared() -> Local:
        return Local(), unset

    found = evaluated(declared, "Local"), evaluated(declared, "unset")
    unset = None
    return found, Local


def test_an_annotation_is_looked_up_in_globals_and_closure() -> None:
    (found, unset), kind = local()
    assert found is kind
    assert unset is None
    assert evaluated(plain, "Answer") is Answer
    assert evaluated(plain, list[Answer]) == list[Answer]
    assert evaluated(plain, "Nobody") is None
    assert evaluated(plain, "Annotated[int, 'n']") == Annotated[int, "n"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of Python 3.12")
def test_an_annotation_may_name_a_type_parameter() -> None:
    namespace: dict[str, Any] = {}
    exec("def f[V](kind: type[V]) -> V: ...", namespace)  # noqa: S102 - the syntax is of Python 3.12
    function = namespace["f"]
    assert evaluated(function, "V") is function.__type_params__[0]


def typed(kind: type[T], other: type[S], text: str) -> Page[T, S]: ...


def half_typed(kind: type[T], pair: tuple[S]) -> Page[T, S]: ...


def itself(kind: type[T]) -> T: ...


def named(response_model, text="", **more): ...  # type: ignore[no-untyped-def]  # noqa: ANN003 - as people write it


@pytest.mark.parametrize(
    ("function", "given", "result"),
    [
        (typed, {"kind": int, "other": str, "text": "x"}, Page[int, str]),
        (typed, {"kind": int, "other": None, "text": "x"}, int),
        (half_typed, {"kind": int, "pair": (str,)}, int),
        (itself, {"kind": list[int]}, list[int]),
        (itself, {"text": "x"}, Any),
        (named, {"text": int, "response_model": Answer}, Answer),
        (named, {"text": int, "more": {"response_model": Answer}}, Answer),
        (named, {"text": int, "response_model": "x"}, int),
        (named, {"text": "x", "response_model": None}, Any),
        (named, {"text": "x", "more": {}}, Any),
    ],
)
def test_a_type_variable_is_what_its_argument_says(
    function: Any, given: dict[str, Any], result: Any
) -> None:
    assert Declaration(function).of_call(given.items()) == result
    assert Declaration(function).fixed() is None


def test_what_the_decorator_says_counts_before_all_else() -> None:
    assert Declaration(plain, Answer).fixed() is Answer
    assert Declaration(typed, Answer).of_call([("kind", int)]) is Answer
    assert Declaration(None).fixed() is None
    assert Declaration(None).of_call([("text", "x")]) is Any


def good_and_bad(text: Nobody) -> Answer: ...  # type: ignore[name-defined]  # noqa: F821 - it is nowhere


def test_an_annotation_that_fails_says_nothing_of_the_others() -> None:
    assert Declaration(good_and_bad).fixed() is Answer


def test_annotations_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    declaration = Declaration(good_and_bad)
    assert declaration.fixed() is Answer
    monkeypatch.delitem(globals(), "Answer")
    assert declaration.fixed().__name__ == "Answer"


def test_what_is_known_of_results_is_bounded() -> None:
    keys = FunctionKeys(itself)
    for number in range(2 * RESULTS_KEPT):
        keys.digest((type(f"Kind{number}", (), {}),), {})
    assert keys.planner.only is not None
    assert len(keys.planner.only.result_types) <= RESULTS_KEPT


@pytest.mark.parametrize("kind", [int, Answer, list[int], typing.List[int], int | None])  # noqa: UP006 - another spelling
def test_a_type_is_a_class_or_an_alias(kind: object) -> None:
    assert is_type(kind)


@pytest.mark.parametrize("value", ["int", 1, None, [int], (int,), {"int": int}, Answer(), T])
def test_a_value_is_no_type(value: object) -> None:
    assert not is_type(value)


def test_a_keyword_is_looked_for_in_what_takes_all_others() -> None:
    assert keyword_of({"text": "model", "more": {"model": 1}}, "model") == 1
    assert keyword_of({"one": {"a": 1}, "more": {"model": 1}}, "model") == 1
    assert keyword_of({"text": "model"}, "model") is None
