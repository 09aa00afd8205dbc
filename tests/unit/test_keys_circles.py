"""Registries that hold what reads them, and objects that hold themselves, have keys that end."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from llmcache.keys.folding import Folds
from llmcache.keys.key import FunctionKeys

REGISTRY = """
    REG = {{}}
    def tool(fn):
        REG[fn.__name__] = fn
        return fn
    @tool
    def one(n): return REG["two"](n) + "{one}"
    @tool
    def two(n): return REG["one"](n) + "{two}"
    def main(text): return REG["one"](text)
"""
SHAPES = {
    "a list that holds its reader": """
        def c(n): return T and n + "{one}"
        T = [c]
        def main(text): return c(text)
    """,
    "functions that dispatch through a dict": REGISTRY,
    "subclasses registered in their base": """
        class R:
            reg = {{}}
            def __init_subclass__(cls, **how): R.reg[cls.__name__] = cls
        class B(R):
            def p(self): return "{one}"
        def main(text): return R.reg["B"]().p() + text
    """,
    "classes registered by a class method": """
        class R:
            reg = {{}}
            @classmethod
            def register(cls, kind): cls.reg[kind.__name__] = kind; return kind
            @classmethod
            def get(cls, name): return cls.reg[name]()
        @R.register
        class B(R):
            def p(self): return "{one}"
        def main(text): return R.get("B").p() + text
    """,
    "a class that holds itself": """
        class B:
            def p(self): return "{one}"
        B.alias = {{"me": B}}
        def main(text): return B().p() + text
    """,
    "pydantic models registered as they are made": """
        from pydantic import BaseModel
        REG = {{}}
        class Tool(BaseModel):
            @classmethod
            def __pydantic_init_subclass__(cls, **how): REG[cls.__name__] = cls
            @classmethod
            def pick(cls, name): return REG[name]
        class Search(Tool):
            q: str = "{one}"
        def main(text): return str(Tool.pick("Search").model_json_schema()) + text
    """,
    "objects whose methods read each other": """
        class A:
            def p(self): return b.q()
            def q(self): return a.p() + "{one}"
        a = A(); b = A(); a.lock = b.lock = object()
        def main(text): return a.p() + text
    """,
    "an object that holds itself": """
        class Node:
            def p(self): return self.next.p() + "{one}"
        n = Node(); n.next = n
        def main(text): return n.p() + text
    """,
}


def digest_of(path: Path, source: str, **words: str) -> str:
    """The key in an interpreter of its own, with little room for threads and stacks to pile up."""
    words = {"one": "x", "two": "y", **words}
    path.write_text(textwrap.dedent(source).format(**words))
    script = (
        "import resource, sys; sys.path.insert(0, '.'); "
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20)); import shop;"
        "from llmcache.keys.key import FunctionKeys as K; print(K(shop.main).digest(('a',), {}))"
    )
    ran = subprocess.run(  # noqa: S603 - the interpreter of this run
        [sys.executable, "-B", "-c", script],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


@pytest.mark.parametrize("shape", SHAPES)
def test_what_leads_back_to_itself_has_a_key_that_its_code_decides(
    shape: str, tmp_path: Path
) -> None:
    path = tmp_path / "shop.py"
    first = digest_of(path, SHAPES[shape])
    assert digest_of(path, SHAPES[shape]) == first
    assert digest_of(path, SHAPES[shape], one="changed") != first


def test_every_member_of_a_registry_counts_for_every_other(tmp_path: Path) -> None:
    path = tmp_path / "shop.py"
    assert digest_of(path, REGISTRY, two="changed") != digest_of(path, REGISTRY)


def chain_of(length: int) -> dict[str, Any]:
    """Functions that all dispatch through the one registry that holds them."""
    names: dict[str, Any] = {"REG": {}, "__name__": __name__}
    for number in range(length):
        exec(f"def f{number}(n):\n    return REG[n]\nREG[{number}] = f{number}", names)  # noqa: S102 - many alike
    exec("def main(n):\n    return REG[n]", names)  # noqa: S102 - as above
    return names


def test_the_order_in_which_a_registry_was_filled_does_not_count() -> None:
    names = chain_of(4)
    before = FunctionKeys(names["main"]).digest((1,), {})
    registry = names["REG"]
    for number in (2, 0, 3, 1):
        registry[number] = registry.pop(number)
    assert FunctionKeys(names["main"]).digest((1,), {}) == before


def members_met(length: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many times a member is met, while the key of a registry of so many is made."""
    met: list[int] = []
    folded = Folds.folded
    with monkeypatch.context() as patch:
        patch.setattr(Folds, "folded", lambda *args, **how: met.append(1) or folded(*args, **how))
        FunctionKeys(chain_of(length)["main"]).digest((1,), {})
    return len(met)


def test_a_registry_of_many_is_gone_through_once_for_each_pair_and_not_once_for_each_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each member meets each other one: twice as many meet four times as often."""
    few, many = (members_met(length, monkeypatch) for length in (5, 10))
    assert 5 * 5 <= few < many <= 4 * few


class Answering(type):
    """A metaclass that has an answer for every name, as those of some mocks and lazy modules do."""

    def __getattr__(cls, name: str) -> str:
        return f"AAA {name}"


class Lazy(metaclass=Answering):
    pass


def reads_lazy(text: str) -> Any:
    return Lazy.anything + text


def takes(thing: Any) -> Any:
    return thing


def test_a_metaclass_that_answers_any_name_is_not_taken_at_its_word() -> None:
    assert FunctionKeys(reads_lazy).digest(("a",), {})
    assert FunctionKeys(takes).digest((Lazy,), {})
