"""What one line of a body looks up, asks for and passes as a secret, found in its syntax.

Each line stands in `def f(self, text, key)`; capital names, `os`, `ask` and `inspect` are global.
"""

from __future__ import annotations

import ast
import textwrap

import pytest

from llmcache.keys.code.body import Body, Chain, body_of_syntax
from llmcache.keys.code.said import FIELDS_SET, SAID
from llmcache.keys.code.source import nested_codes

ENVIRON = ("os", "environ")


def body_of_lines(lines: str) -> Body:
    """The body that holds these lines."""
    tree = ast.parse("def f(self, text, key):\n" + textwrap.indent(lines, "    "))
    code = next(nested_codes(compile(tree, "shop.py", "exec", dont_inherit=True)))
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    return body_of_syntax(node, code)


@pytest.mark.parametrize(
    ("lines", "lookups", "computed"),
    [
        ("os.environ['A']", {(ENVIRON, "A")}, set()),
        ("os.environ[b'A\\xe9']", {(ENVIRON, "Aé")}, set()),
        ("os.environ[1]", set(), set()),
        ("os.environ[NAME]", {(ENVIRON, ("NAME",))}, set()),
        ("os.environ[NAMES.a]", {(ENVIRON, ("NAMES", "a"))}, set()),
        ("os.environ[key]", set(), {ENVIRON}),
        ("os.environ[key + 'A']", set(), {ENVIRON}),
        ("os.environ['A'] = text", set(), set()),
        ("name = 'A'\nos.environ[name]", {(ENVIRON, "A")}, set()),
        ("name = NAME\nos.environ[name]", {(ENVIRON, ("NAME",))}, set()),
        ("os.environ.get('A', text)", {((*ENVIRON, "get"), "A")}, set()),
        ("os.environ.get(key='A')", {((*ENVIRON, "get"), "A")}, set()),
        ("os.environ.get(default='A')", set(), set()),
        ("os.getenv('A')", {(("os", "getenv"), "A")}, set()),
        ("os.getenv()", set(), set()),
        ("os.getenv(key)", set(), {("os", "getenv")}),
        ("'A' in os.environ", {(ENVIRON, "A")}, set()),
        ("'A' not in os.environ", {(ENVIRON, "A")}, set()),
        ("key in os.environ", set(), {ENVIRON}),
        ("'A' == os.environ", set(), set()),
        ("text['A']", set(), set()),
        ("'A' in text", set(), set()),
        ("text(key)", set(), set()),
        ("globals()", set(), {("globals",)}),
        ("eval('1')", {(("eval",), "1")}, {("eval",)}),
        ("exec('1')", {(("exec",), "1")}, {("exec",)}),
        ("locals()", set(), set()),
        ("A.globals()", set(), set()),
        ("A.__subclasses__()", set(), {("__subclasses__",)}),
        ("import sys\nsys.modules", set(), {("sys", "modules")}),
        ("import sys\nsys.path", set(), set()),
    ],
)
def test_a_body_looks_up(
    lines: str,
    lookups: set[tuple[Chain, str | Chain]],
    computed: set[Chain],
) -> None:
    body = body_of_lines(lines)
    assert body.lookups == lookups
    assert body.computed_lookups == computed


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        ("A.__doc__", True),
        ("inspect.getdoc(A)", True),
        ("from inspect import getdoc\ngetdoc(A)", True),
        ("getdoc(A)", True),
        ("A.doc", False),
        ("inspect.getfile(A)", False),
    ],
)
def test_a_body_reads_docstrings(lines: str, *, read: bool) -> None:
    assert body_of_lines(lines).reads_docstring is read


@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        ("A.__doc__", set()),
        ("A.b.__doc__", set()),
        ("self.run.__doc__", set()),
        ("super().run.__doc__", set()),
        ("text.__doc__", {SAID}),
        ("A[0].__doc__", {SAID}),
        ("A().__doc__", {SAID}),
        ("def g(cls): return cls.__doc__\ng(text)", set()),
        ("inspect.getdoc(A)", set()),
        ("inspect.getdoc(text)", {SAID}),
        ("inspect.getdoc()", set()),
        ("inspect.getfile(text)", set()),
        ("getdoc(text)", {SAID}),
        ("TypeAdapter(text)", {SAID}),
        ("TypeAdapter(text.kind)", {SAID}),
        ("TypeAdapter(list[int])", set()),
        ("TypeAdapter()", set()),
        ("getattr(text, '__doc__')", {SAID}),
        ("attrgetter('__doc__')", {SAID}),
        ("attrgetter('doc')", set()),
        ("ask('__doc__')", {SAID}),
        *[
            (shape.format(name), {SAID})
            for name in (
                *("__annotations__", "__signature__", "__annotate__", "signature"),
                *("get_type_hints", "get_annotations", "getfullargspec", "getsource"),
                *("getsourcelines", "validate_call"),
            )
            for shape in ("text.{}", "{}(text)", "ask({}=text)")
        ],
        *[
            (shape.format(name), {FIELDS_SET})
            for name in (
                *("exclude_unset", "model_fields_set", "__pydantic_fields_set__", "__fields_set__"),
            )
            for shape in ("text.{}", "ask({}=True)")
        ],
        ("ask('__annotations__')", {SAID}),
        ("ask('signature')", set()),
        ("ask('__fields_set__')", {FIELDS_SET}),
        ("ask({'exclude_unset': True})", {FIELDS_SET}),
        ("ask('model_fields_set')", {FIELDS_SET}),
        ("ask(**text)", set()),
        ("text.name", set()),
        ("getattr(text, 'signature')", set()),
        ("ask(api_key=text.__doc__)", set()),
    ],
)
def test_a_body_asks_what_is_said_of_whatever_comes_along(lines: str, asked: set[str]) -> None:
    assert body_of_lines(lines).asks == asked


@pytest.mark.parametrize("keyword", ["api_key", "auth_token", "azure_ad_token"])
def test_what_is_passed_by_such_a_keyword_is_a_secret(keyword: str) -> None:
    body = body_of_lines(f"ask({keyword}=key)")
    assert body.secret_parameters == {"key"}
    assert body.withheld == {"key"}
    assert body.digest == body_of_lines(f"ask({keyword}=text)").digest
    assert body.digest != body_of_lines("ask(model=key)").digest


@pytest.mark.parametrize(
    ("lines", "secrets"),
    [
        ("ask(api_key=key)", {"key"}),
        ("ask(key, api_key=key)", set()),
        ("ask(api_key=key or text)", {"key", "text"}),
        ("code = key\nask(api_key=code)", {"key"}),
        ("code: str = key\nask(api_key=code)", {"key"}),
        ("if code := key:\n  ask(api_key=code)", {"key"}),
        ("(code := key)\nask(api_key=code)", {"key"}),
        ("code = other = key\nask(api_key=code)", {"key"}),
        ("code = key\nask(code, api_key=code)", set()),
        ("code: str\nask(api_key=code, model=key)", set()),
        ("text.code = key\nask(api_key=text.code)", set()),
    ],
)
def test_a_parameter_that_goes_nowhere_else_is_a_secret(lines: str, secrets: set[str]) -> None:
    assert body_of_lines(lines).secret_parameters == secrets


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        ("KEY", "KEY"),
        ("CONFIG.key", "CONFIG.key"),
        ("os.environ['KEY']", "os.environ['KEY']"),
        ("os.environ.get('KEY', 'sk-1')", "os.environ.get('KEY')"),
        ("os.getenv('KEY', 'sk-1')", "os.getenv('KEY')"),
        ("load('sk-1')", "an expression"),
        ("vault.load('sk-1')", "an expression"),
        ("os.getenv(NAME)", "an expression"),
        ("CONFIG[NAME]", "an expression"),
        ("load()['KEY']", "an expression"),
        ("'sk-1'", "an expression"),
    ],
)
def test_a_secret_is_told_as_far_as_that_cannot_hold_it(passed: str, shown: str) -> None:
    assert body_of_lines(f"ask(api_key={passed})").withheld == {shown}
