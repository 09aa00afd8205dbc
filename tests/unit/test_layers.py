"""The house keeps its own rules: sizes, names, and what may never appear."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmcache

PACKAGE = Path(llmcache.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "stuff"}
MAX_FILE = 300
MAX_FUNCTION = 40

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, inner ones included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code: without docstring, decorators and signature."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


@each_file
def test_a_file_is_read_in_one_go(path: Path) -> None:
    length = path.read_text(encoding="utf-8").count("\n")
    assert length <= MAX_FILE


@each_file
def test_a_function_is_read_at_one_glance(path: Path) -> None:
    assert [node.name for node in functions_of(path) if lines_of(node) > MAX_FUNCTION] == []


def test_names_say_what_is_inside() -> None:
    assert [path for path in FILES if path.stem.lower() in FORBIDDEN_NAMES] == []


def test_every_file_says_in_its_first_lines_what_it_is_for() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
    assert [path for path, tree in trees.items() if not ast.get_docstring(tree)] == []
