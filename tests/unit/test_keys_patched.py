"""What is replaced while the process runs counts at the next call."""

from __future__ import annotations

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
