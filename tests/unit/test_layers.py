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
EXECUTING = {"__import__", "compile", "eval", "exec"}
IMPORTING = {"__import__", "import_module"}
LIBRARIES = {"_pickle", "cloudpickle", "dill", "jsonpickle", "marshal", "pickle", "runpy", "shelve"}
REASONED = {
    ("__init__.py", "import_module"): "a public name's home, from the literal table of the file",
    ("backends/__init__.py", "import_module"): "as above",
    ("cli/explain.py", "__import__"): "the module that the user has typed on the command line",
    ("codecs/sdk.py", "import_module"): "one of the SDKs, from the literal table of the file",
    (
        "decorator/wrappers.py",
        "import_module",
    ): "as pickle finds a function that the user unpickles",
    ("keys/code/imports.py", "import_module"): "written as an import in the function that is keyed",
    ("keys/code/source.py", "compile"): "a file's source, to compare its code; it is never run",
    ("testing/__init__.py", "import_module"): "as the first",
}
"""Each is allowed once: the file, what it uses, and why that cannot run what a store holds."""

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


def executions_of(tree: ast.AST) -> Iterator[str]:
    """What in a file could execute data, or import a module whose name is data."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in EXECUTING:
                yield name
            case ast.Attribute(value=ast.Name(id="builtins"), attr=name) if name in EXECUTING:
                yield name
            case ast.Attribute(attr=name) if name in IMPORTING:
                yield name
            case ast.Import(names=names):
                yield from {each.name.partition(".")[0] for each in names} & LIBRARIES
            case ast.ImportFrom(module="builtins" | "importlib", names=names):
                yield from {each.name for each in names} & (EXECUTING | IMPORTING)
            case ast.ImportFrom(module=str(module)):
                yield from {module.partition(".")[0]} & LIBRARIES


def test_nothing_that_is_stored_can_be_executed() -> None:
    found = [
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in FILES
        for name in executions_of(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert sorted(found) == sorted(REASONED)


@pytest.mark.parametrize(
    "broken",
    [
        "eval(text)",
        "run = exec",
        "builtins.compile(text, '', 'exec')",
        "from builtins import eval as read",
        "__import__(name)",
        "importlib.import_module(name)",
        "il.import_module(name)",
        "from importlib import import_module as load",
        "import pickle",
        "import json, pickle as pack",
        "from pickle import loads",
        "def late():\n    import marshal",
    ],
)
def test_each_way_to_execute_what_is_stored_is_found(broken: str) -> None:
    assert len(list(executions_of(ast.parse(broken)))) == 1


@pytest.mark.parametrize(
    "sound", ["re.compile(pattern)", "self.eval(x)", "from importlib import metadata"]
)
def test_what_only_looks_like_it_is_not_found(sound: str) -> None:
    assert list(executions_of(ast.parse(sound))) == []
