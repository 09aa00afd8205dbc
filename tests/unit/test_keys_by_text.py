"""What is read by names that the syntax does not say is listed, never passed over in silence."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from llmcache.keys.key import FunctionKeys

PROMPT = "Extract."
NAME = "PROMPT"
OWN = sys.modules[__name__]
BY_NAME = {"v1": OWN}
ask: Any = print


def by_globals(text: str) -> Any:
    return ask(globals()[NAME], text)


def by_get(text: str) -> Any:
    return ask(globals().get("PROMPT"), text)


def by_eval(text: str) -> Any:
    return ask(eval(NAME), text)  # noqa: S307 - it is what is told of


def by_sys_modules(text: str) -> Any:
    return ask(sys.modules[__name__].PROMPT, text)


def by_subclasses(text: str) -> Any:
    return ask([kind.__name__ for kind in Exception.__subclasses__()], text)


@pytest.mark.parametrize(
    ("function", "listed"),
    [
        (by_globals, "globals()"),
        (by_get, "globals()"),
        (by_eval, "eval()"),
        (by_sys_modules, "sys.modules"),
        (by_subclasses, "__subclasses__()"),
    ],
)
def test_names_by_text_are_listed(function: Any, listed: str) -> None:
    unkeyed = FunctionKeys(function).key(("a",), {}).unkeyed
    assert f"{listed}: read by a name that is computed" in unkeyed


def test_a_global_by_its_literal_name_counts_and_is_not_listed() -> None:
    def literal(text: str) -> Any:
        return ask(globals()["PROMPT"], text)

    assert FunctionKeys(literal).key(("a",), {}).unkeyed == ()


def reads_module(module: Any) -> Any:
    return ask(module.PROMPT)


def reads_held_module(text: str) -> Any:
    return ask(BY_NAME["v1"].PROMPT, text)


def reads_default(text: str, module: ModuleType = OWN) -> Any:
    return ask(module, text)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (reads_module, (OWN,)),
        (reads_module, ([OWN],)),
        (reads_held_module, ("a",)),
        (reads_default, ("a",)),
    ],
)
def test_a_module_of_the_project_as_a_value_is_listed(function: Any, args: Any) -> None:
    unkeyed = FunctionKeys(function).key(args, {}).unkeyed
    assert f"module {__name__}: handed on as a whole" in unkeyed
