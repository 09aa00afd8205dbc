"""Reading sources while other code of the process parses, collects and forks."""

from __future__ import annotations

import ast
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from llmcache.keys.code.source import parse

LONG = "\n".join(
    f"def f{number}(text):\n    return [text, {{'a': {number}}}]" for number in range(300)
)


@pytest.fixture
def collecting_often() -> Iterator[None]:
    """The collector runs in the middle of nearly every parse."""
    usual = gc.get_threshold()
    gc.set_threshold(20, 5, 5)
    yield
    gc.set_threshold(*usual)


@pytest.mark.usefixtures("collecting_often")
def test_code_that_parses_in_the_middle_of_a_parse_does_no_harm():
    """As a finalizer may; Python 3.11 then loses count of how deep it is, and says SystemError."""
    begun: list[str] = []

    def parse_too(phase: str, info: dict[str, int]) -> None:
        if len(begun) < 3:
            begun.append(phase)
            ast.parse("x")

    gc.callbacks.append(parse_too)
    try:
        parsed = parse(LONG, "shop.py")
    finally:
        gc.callbacks.remove(parse_too)
    assert len(begun) == 3
    assert parsed is not None
    assert len(parsed.nodes) == 300


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked elsewhere only")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_child_forked_while_a_thread_parses_can_parse():
    stop = threading.Event()

    def keep_parsing() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            parse(f"{LONG}\n# {number}", "shop.py")

    thread = threading.Thread(target=keep_parsing)
    thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                signal.alarm(60)  # a child that waits for ever ends, and fails
                os._exit(0 if parse("def f(): pass", f"{os.getpid()}.py") else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()
