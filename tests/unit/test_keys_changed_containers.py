"""A container that the body changes by one of its methods is listed, for no key can see it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from llmcache.keys.key import FunctionKeys

ask: Any = print
SET: set[str] = set()
LIST: list[str] = []
DEQUE: deque[str] = deque()
DICT: dict[str, str] = {}

CHANGES: dict[str, Callable[[str], Any]] = {
    "SET.add": lambda text: ask(SET, SET.add(text)),
    "SET.discard": lambda text: ask(SET, SET.discard(text)),
    "SET.pop": lambda text: ask(SET, text, SET.pop()),
    "LIST.append": lambda text: ask(LIST, LIST.append(text)),
    "LIST.extend": lambda text: ask(LIST, LIST.extend(text)),
    "LIST.insert": lambda text: ask(LIST, LIST.insert(0, text)),
    "LIST.remove": lambda text: ask(LIST, LIST.remove(text)),
    "LIST.clear": lambda text: ask(LIST, text, LIST.clear()),
    "DEQUE.appendleft": lambda text: ask(DEQUE, DEQUE.appendleft(text)),
    "DEQUE.popleft": lambda text: ask(DEQUE, text, DEQUE.popleft()),
    "DICT.popitem": lambda text: ask(DICT, text, DICT.popitem()),
    "DICT.setdefault": lambda text: ask(DICT, DICT.setdefault(text, text)),
    "DICT.update": lambda text: ask(DICT, DICT.update(text=text)),
}


@pytest.mark.parametrize(("change", "function"), CHANGES.items(), ids=CHANGES)
def test_what_a_method_changes_is_listed(change: str, function: Callable[[str], Any]) -> None:
    name = change.partition(".")[0]
    listed = f"global {__name__}.{name}: the body itself changes it"
    assert FunctionKeys(function).key(("x",), {}).unkeyed == (listed,)


def test_what_a_method_only_reads_is_not_listed() -> None:
    assert FunctionKeys(lambda text: ask(LIST.index(text), LIST)).key(("x",), {}).unkeyed == ()
