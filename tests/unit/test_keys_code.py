"""A function's own code, from syntax and from bytecode."""

from __future__ import annotations

import ast
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from llmcache.keys.code.bytecode import body_of_bytecode
from llmcache.keys.code.function import body_of
from llmcache.keys.code.locals import Origin
from llmcache.keys.code.source import parse
from llmcache.keys.code.syntax import dump_function


def dumped(source: str) -> bytes:
    node = ast.parse(textwrap.dedent(source)).body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return dump_function(node)


ALIKE = [
    ("def f(a): return a", "def g(a): return a"),
    ("def f(a): return a", "def f(a: int) -> int: return a"),
    ("def f(a): return a", "@cached\ndef f(a): return a"),
    ("def f(a): return a", "def f(a):\n  'doc'\n  return a"),
    ("def f(a): return 'x' 'y'", "def f(a): return 'xy'"),
    ("def f(a): return f'x' f'{a}'", "def f(a): return f'x{a}'"),
    ("def f(a): return u'x'", "def f(a): return 'x'"),
    ("def f(a): return 0x10", "def f(a): return 16"),
    ("def f(a):\n  b: int = a", "def f(a):\n  b = a"),
    ("def f(a):\n  class B: pass\n  b: int = a", "def f(a):\n  class B: pass\n  b = a"),
    (
        "def f(a):\n  class B:\n    def g(self):\n      b: int = a",
        "def f(a):\n  class B:\n    def g(self):\n      b = a",
    ),
]
APART = [
    ("def f(a): return a", "def f(b): return b"),
    ("def f(a): return a", "def f(*a): return a"),
    ("def f(a): return a", "def f(a, /): return a"),
    ("def f(a): return a", "def f(*, a): return a"),
    ("def f(a): return a", "async def f(a): return a"),
    ("def f(a): return 1", "def f(a): return 1.0"),
    ("def f(a): return 1", "def f(a): return True"),
    ("def f(a): return 0.0", "def f(a): return -0.0"),
    ("def f(a): return 'a'", "def f(a): return b'a'"),
    ("def f(a): return '1'", "def f(a): return 1"),
    ("def f(a): return None", "def f(a): return ..."),
    ("def f(a): return f'{a}'", "def f(a): return f'{a!r}'"),
    ("def f(a): return f'{a:1}'", "def f(a): return f'{a:2}'"),
    ("def f(a): return f'a'", "def f(a): return f'{a}'"),
    ("def f(a): return [a]", "def f(a): return (a,)"),
    ("def f(a): return a and 1 or 2", "def f(a): return a and (1 or 2)"),
    ("def f(a): return {**a}", "def f(a): return {None: a}"),
    ("def f(a): return g(x=a)", "def f(a): return g(y=a)"),
    ("def f(a): return g(**a)", "def f(a): return g(*a)"),
    ("def f(a): return a.b", "def f(a): return a.c"),
    ("def f(a): return a[1:]", "def f(a): return a[:1]"),
    ("def f(a):\n  class B:\n    x: int", "def f(a):\n  class B:\n    x: str"),
    (
        "def f(a):\n  class B:\n    def g(self): pass\n    x: int",
        "def f(a):\n  class B:\n    def g(self): pass\n    x: str",
    ),
    (
        "def f(a):\n  class B:\n    x: int = 1\n    y = 2",
        "def f(a):\n  class B:\n    x = 1\n    y = 2",
    ),
    ("def f(a):\n  class B:\n    'd'", "def f(a):\n  class B:\n    'e'"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_spellings_of_one_body_are_alike(one: str, other: str) -> None:
    assert dumped(one) == dumped(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_bodies_that_do_different_things_are_apart(one: str, other: str) -> None:
    assert dumped(one) != dumped(other)


def test_runs_of_plain_text_in_an_f_string_are_one() -> None:
    node = ast.parse("def f(a): return f'{a}xy'").body[0]
    assert isinstance(node, ast.FunctionDef)
    before = dump_function(node)
    joined = next(each for each in ast.walk(node) if isinstance(each, ast.JoinedStr))
    texts = [ast.Constant(text) for text in ("", "x", "", "y")]
    joined.values = [ast.Constant(""), joined.values[0], *texts]
    assert dump_function(node) == before
    joined.values.pop()
    assert dump_function(node) != before


def read(self: Any, key: str) -> Any:
    global WRITTEN  # noqa: PLW0603 - what is read below
    WRITTEN = self.model
    self.count += 1
    codeword = os.environ["CODEWORD"]
    return [os.fspath(self.options.name, part) for part in key], ask(api_key=codeword)


WRITTEN = None
ask = print


def test_what_a_body_reads() -> None:
    body = body_of(read)  # type: ignore[arg-type]
    assert body.from_source
    assert body.chains == {("os", "fspath"), ("ask",)}
    assert body.own == {("model",), ("options", "name")}
    assert body.assigned == {("WRITTEN",), ("self", "count")}
    assert not body.whole
    assert not body.lookups


def test_bytecode_tells_the_same_but_for_secrets() -> None:
    body = body_of_bytecode(read.__code__)
    assert not body.from_source
    assert body.chains == {("os", "fspath"), ("ask",), ("os", "environ")}
    assert body.own == {("model",), ("options", "name")}
    assert body.assigned == {("WRITTEN",), ("self", "count")}
    assert (("os", "environ"), "CODEWORD") in body.lookups


def test_bytecode_of_other_code_is_apart() -> None:
    def made(source: str) -> Any:
        namespace: dict[str, Any] = {}
        exec(source, namespace)  # noqa: S102 - functions without a source
        return namespace["f"].__code__

    sources = [
        "def f(a): return a",
        "def f(a): return 1",
        "def f(a): return 1.0",
        "def f(a): return True",
        "def f(a): return {1, 2} if a in {1, 2} else g",
        "def f(a): return [a for a in a]",
        "def f(a): return lambda: 1",
        "def f(a): return lambda: 2",
    ]
    digests = [body_of_bytecode(made(source)).digest for source in sources]
    assert len(set(digests)) == len(digests)
    assert digests == [body_of_bytecode(made("\n\n" + source)).digest for source in sources]


@pytest.mark.parametrize(
    "source",
    ["def f(:", "a = 1\0", "\ud800", "-" * 100_000 + "1", "(" * 5_000 + ")" * 5_000],
    ids=["syntax", "null", "surrogate", "depth", "nesting"],
)
def test_what_does_not_parse_is_no_source(source: str) -> None:
    assert parse(source, "shop.py") is None


first, second = (lambda: ask(WRITTEN)), (lambda: ask(os))


def test_lambdas_of_one_line_are_told_apart() -> None:
    bodies = [body_of(each) for each in (first, second)]  # type: ignore[arg-type]
    assert [body.from_source for body in bodies] == [True, True]
    assert [body.chains for body in bodies] == [{("ask",), ("WRITTEN",)}, {("ask",), ("os",)}]


def test_the_second_of_two_functions_on_a_line_is_told_from_the_first(tmp_path: Path) -> None:
    path = tmp_path / "lambdas.py"
    path.write_text("one, two = (lambda a: a + 1), (lambda a: a + 2)\n", encoding="utf-8")
    namespace: dict[str, Any] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)  # noqa: S102 - a module
    one, two = body_of(namespace["one"]), body_of(namespace["two"])
    assert (one.from_source, two.from_source) == (True, True)
    assert one.digest != two.digest


def test_bytecode_tells_where_imported_names_come_from() -> None:
    namespace: dict[str, Any] = {}
    source = """
        def made(text):
            from one import A, B as C
            import two.deep
            import two.deep as deep
            from . import three
            def inner(): return three.X
            return ask(A, text, C.x, deep, inner)
    """
    exec(textwrap.dedent(source), namespace)  # noqa: S102 - a function without a source
    body = body_of_bytecode(namespace["made"].__code__)
    assert body.imports == {
        "A": {Origin(0, "one", "A")},
        "C": {Origin(0, "one", "B")},
        "two": {Origin(0, "two.deep", "", top=True)},
        "deep": {Origin(0, "two.deep")},
        "three": {Origin(1, "", "three")},
    }
    assert body.chains == {("A",), ("C", "x"), ("deep",), ("three", "X"), ("ask",)}


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("def f(a): return ask(a)", False),
        ("def f(a): return ask(f.__doc__, a)", True),
        ("def f(a): return ask(inspect.getdoc(f), a)", True),
        ("def f(a): return [lambda: ask(f.__doc__, a)]", True),
    ],
)
def test_bytecode_tells_whether_a_docstring_may_be_read(source: str, *, read: bool) -> None:
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - as above
    assert body_of_bytecode(namespace["f"].__code__).reads_docstring is read


def test_source_and_bytecode_tell_the_same_of_imported_names(tmp_path: Path) -> None:
    path = tmp_path / "imports.py"
    imports = ["from one import A, B as C", "import two.deep", "import two.deep as deep"]
    lines = [
        "def made(text):",
        *imports,
        "from . import three",
        "return ask(A, C, two, deep, three)",
    ]
    path.write_text("\n    ".join(lines) + "\n", encoding="utf-8")
    namespace: dict[str, Any] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)  # noqa: S102 - a module
    body = body_of(namespace["made"])
    assert body.from_source
    assert body.imports == body_of_bytecode(namespace["made"].__code__).imports


def test_bytecode_tells_that_the_first_parameter_is_handed_on() -> None:
    namespace: dict[str, Any] = {}
    exec("def made(self, text): return ask(self, text)", namespace)  # noqa: S102 - as above
    assert body_of_bytecode(namespace["made"].__code__).whole
