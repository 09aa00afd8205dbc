"""All spellings of a call are one set of named values."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest
import tenacity

from llmcache.errors import ConfigurationError
from llmcache.keys.binding import Binder


def plain(text: str, model: str = "small", *, temperature: float = 0.0) -> None:
    """Bound, never run."""


def everything(a: Any, /, b: Any, *rest: Any, c: Any = 3, **more: Any) -> None:
    """Bound, never run."""


def gathering(x: Any, *args: Any, **kwargs: Any) -> None:
    """Bound, never run."""


class Extractor:
    def __init__(self, model: str) -> None:
        self.model = model

    def run(self, text: str, *, limit: int = 1) -> None:
        """Bound, never run."""

    @classmethod
    def build(cls, text: str) -> None:
        """Bound, never run."""

    @staticmethod
    def clean(text: str) -> None:
        """Bound, never run."""

    def __call__(self, text: str) -> None:
        """Bound, never run."""


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("a",), {}),
        (("a", "small"), {}),
        ((), {"text": "a"}),
        ((), {"temperature": 0.0, "model": "small", "text": "a"}),
        (("a",), {"model": "small"}),
    ],
)
def test_all_spellings_of_a_call_are_bound_alike(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    expected = (("text", "a"), ("model", "small"), ("temperature", 0.0))
    assert Binder(plain).bind(args, kwargs) == expected


def test_every_kind_of_parameter_keeps_its_own_name() -> None:
    assert Binder(everything).bind((1, 2, 3, 4), {"d": 5, "a": 6}) == (
        ("a", 1),
        ("b", 2),
        ("rest", (3, 4)),
        ("c", 3),
        ("more", {"d": 5, "a": 6}),
    )


def test_what_is_given_by_position_never_passes_for_what_is_given_by_name() -> None:
    binder = Binder(gathering)
    assert binder.bind((1, None, "a"), {}) != binder.bind((1,), {"a": None})
    assert binder.bind((1,), {}) == (("x", 1), ("args", ()), ("kwargs", {}))


def test_a_keyword_may_have_the_name_of_a_variadic_parameter() -> None:
    assert Binder(gathering).bind((1,), {"args": 2, "kwargs": 3}) == (
        ("x", 1),
        ("args", ()),
        ("kwargs", {"args": 2, "kwargs": 3}),
    )


def test_methods_are_bound_with_their_object() -> None:
    extractor = Extractor("small")
    binder = Binder(Extractor.run)
    by_position = binder.bind((extractor, "a"), {})
    assert by_position == binder.bind((), {"text": "a", "self": extractor})
    assert by_position == (("self", extractor), ("text", "a"), ("limit", 1))


@pytest.mark.parametrize(
    "function",
    [
        Extractor("small").run,
        Extractor.build,
        Extractor.clean,
        Extractor("small"),
        functools.partial(plain, model="small"),
        functools.partial(plain, temperature=0.0),
        lambda text: text,
        tenacity.retry(plain),
    ],
)
def test_every_callable_is_bound_by_its_signature(function: Any) -> None:
    binder = Binder(function)
    assert binder.names == tuple(inspect.signature(function).parameters)
    assert dict(binder.bind(("a",), {})) == dict(binder.bind((), {"text": "a"}))
    assert dict(binder.bind(("a",), {}))["text"] == "a"


def test_a_builtin_without_a_signature_takes_anything() -> None:
    assert Binder(min).bind((1, 2), {"default": 3}) == (
        ("args", (1, 2)),
        ("kwargs", {"default": 3}),
    )


def test_a_default_is_the_object_itself() -> None:
    shared: list[int] = []

    def collect(into: list[int] = shared) -> None:
        """Bound, never run."""

    assert Binder(collect).bind((), {})[0][1] is shared


def own_error(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    with pytest.raises(TypeError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("function", [plain, everything, Extractor.run])
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        ((), {"c": 1}),
        ((1, 2, 3, 4, 5), {"model": 1, "b": 2, "text": 3}),
        ((1,), {"texd": 1, "temperatur": 0.1}),
    ],
)
def test_a_wrong_call_gets_the_functions_own_error(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    expected = own_error(function, args, kwargs)
    assert own_error(Binder(function).twin, args, kwargs) == expected
    with pytest.raises(TypeError, match="argument"):
        Binder(function).bind(args, kwargs)


def test_binding_does_not_run_the_function() -> None:
    ran: list[int] = []

    def note(value: int) -> None:
        ran.append(value)

    Binder(note).bind((1,), {})
    assert ran == []


def test_ignored_parameters_are_left_out() -> None:
    binder = Binder(plain).without(["model", "temperature"])
    assert binder.bind(("a",), {}) == (("text", "a"),)
    assert binder.names == ("text", "model", "temperature")
    assert Binder(plain).without(["self"]).bind(("a",), {})[0] == ("text", "a")


def test_an_unknown_name_to_ignore_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'temperature'") as caught:
        Binder(plain).check_ignored(["text", "temprature"])
    assert (caught.value.name, caught.value.value) == ("ignore", "temprature")
    assert caught.value.allowed == "text, model, temperature"


def test_one_string_in_place_of_several_names_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="write ignore="):
        Binder(plain).check_ignored("text")


def test_known_names_may_be_ignored() -> None:
    Binder(everything).check_ignored(["a", "rest", "more"])
    Binder(Extractor.run).check_ignored(("self",))
