"""What is replaced while the process runs counts at the next call."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, Field

from llmcache.keys.key import FunctionKeys

ask: Any = print


def clean(text: str, prompt: str = "a") -> str:
    return prompt + text


def other(text: str, prompt: str = "a") -> str:
    return text + prompt


class Extractor:
    def method(self) -> str:
        return "a"


class Total(BaseModel):
    """What it comes to."""

    amount: int = Field(description="a")


def target(text: str) -> Total:
    found: Total = ask(clean(text), Extractor().method())
    return found


def replace_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Extractor, "method", lambda _: "b")


def replace_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "__defaults__", ("b",))


def replace_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "__code__", other.__code__)


def replace_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Total, "__doc__", "What it is.")


def replace_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Total.model_fields["amount"], "description", "b")
    Total.model_rebuild(force=True)


@pytest.mark.parametrize(
    "replace",
    [replace_method, replace_defaults, replace_code, replace_docstring, replace_description],
)
def test_what_is_replaced_counts_at_the_next_call(
    replace: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = FunctionKeys(target)
    before = keys.digest(("x",), {})
    replace(monkeypatch)
    assert keys.digest(("x",), {}) != before
    monkeypatch.undo()
    Total.model_rebuild(force=True)
    assert keys.digest(("x",), {}) == before


class Tools:
    def prompt(self) -> str:
        return "a"

    @functools.cached_property
    def costly(self) -> str:
        return "a"

    def run(self, text: str) -> Any:
        return ask(self.prompt(), self.costly, text)


class Derived(Tools):
    """Says nothing of its own."""


class Said:
    """What its derived class inherits."""


class Silent(Said):
    pass


class Tone(enum.Enum):
    DRY = 1

    def shown(self) -> str:
        return "dry"


@dataclasses.dataclass
class Document(Tools):
    text: str = ""


@functools.singledispatch
def shown(value: object) -> str:
    return str(value)


tools, derived = Tools(), Derived()


def by_object(text: str) -> Any:
    return ask(tools.prompt(), text)


def by_class(text: str) -> Any:
    return ask(Derived(), text)


def by_dispatch(text: str) -> Any:
    return ask(shown(text))


def by_docstring(text: str) -> Any:
    return ask(inspect.getdoc(Silent), clean.__doc__, text)


def by_member(text: str) -> Any:
    return ask(Tone.DRY, text)


def by_argument(document: Any) -> Any:
    return ask(document)


UNSEEN = types.ModuleType("prompts_of_a_test")
UNSEEN.PROMPT = "a"  # type: ignore[attr-defined]
WITHOUT_SOURCE: dict[str, Any] = {"__name__": __name__, "ask": ask}
SOURCE = """
def made(text):
    from prompts_of_a_test import PROMPT
    return ask(PROMPT, text)
"""
exec(SOURCE, WITHOUT_SOURCE)  # noqa: S102 - a function whose source nobody has

LATER: list[tuple[Callable[..., Any], Any, Callable[[pytest.MonkeyPatch], object]]] = [
    (by_object, "x", lambda patch: patch.setitem(vars(tools), "prompt", lambda: "b")),
    (by_object, "x", lambda patch: patch.setitem(vars(tools), "prompt", derived.prompt)),
    (by_class, "x", lambda patch: patch.setattr(Derived, "prompt", lambda _: "b", raising=False)),
    (by_class, "x", lambda patch: patch.setattr(Derived, "LIMIT", 1, raising=False)),
    (by_docstring, "x", lambda patch: patch.setattr(Said, "__doc__", "b")),
    (by_docstring, "x", lambda patch: patch.setattr(clean, "__doc__", "b")),
    (by_member, "x", lambda patch: patch.setattr(Tone, "shown", lambda _: "b")),
    (by_argument, Document(), lambda patch: patch.setattr(Document, "prompt", lambda _: "b")),
    (WITHOUT_SOURCE["made"], "x", lambda patch: patch.setattr(UNSEEN, "PROMPT", "b")),
]


@pytest.mark.parametrize(("function", "argument", "change"), LATER)
def test_what_appears_after_the_first_call_counts(
    function: Callable[..., Any],
    argument: Any,
    change: Callable[[pytest.MonkeyPatch], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, UNSEEN.__name__, UNSEEN)
    keys = FunctionKeys(function)
    before = keys.digest((argument,), {})
    change(monkeypatch)
    assert keys.digest((argument,), {}) != before
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, UNSEEN.__name__, UNSEEN)
    assert keys.digest((argument,), {}) == before


def test_a_method_that_one_instance_has_of_its_own_counts_for_that_one() -> None:
    keys, one, other = FunctionKeys(Tools.run), Tools(), Tools()
    before = keys.digest((one, "x"), {})
    other.prompt = lambda: "b"  # type: ignore[method-assign]
    assert keys.digest((other, "x"), {}) != before == keys.digest((one, "x"), {})


def test_what_a_cached_property_came_to_is_no_method_of_its_own() -> None:
    keys, one = FunctionKeys(Tools.run), Tools()
    before = keys.digest((one, "x"), {})
    assert one.costly
    assert keys.digest((one, "x"), {}) == before


def test_an_implementation_that_is_registered_later_counts() -> None:
    keys = FunctionKeys(by_dispatch)
    before = keys.digest(("x",), {})
    shown.register(str, lambda value: value)
    assert keys.digest(("x",), {}) != before
