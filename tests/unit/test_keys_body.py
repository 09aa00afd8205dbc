"""What one line of a body reads, assigns and hands on, found in its syntax.

Each line stands in `def f(self, text, key)`, the method of a class `Shop`; capital names and `ask`
are global.
"""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import pytest

from llmcache.keys.code.body import Body, Chain, body_of_syntax, class_around
from llmcache.keys.code.locals import Origin
from llmcache.keys.code.source import nested_codes


def body_of_lines(lines: str) -> Body:
    """The body that holds these lines."""
    within = textwrap.indent(textwrap.dedent(lines), " " * 8)
    tree = ast.parse(f"class Shop:\n    def f(self, text, key):\n{within}")
    module = compile(tree, "shop.py", "exec", dont_inherit=True)
    code = next(code for code in nested_codes(module) if code.co_name == "f")
    node = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    assert node.name == "f"
    return body_of_syntax(node, code)


def chains(*shown: str) -> set[Chain]:
    return {tuple(chain.split(".")) for chain in shown}


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        ("return ask(CONFIG.model)", chains("ask", "CONFIG.model")),
        ("return CONFIG['a'].model", chains("CONFIG")),
        ("return CONFIG.models['a'].name", chains("CONFIG.models")),
        ("return CONFIG[KEY]", chains("CONFIG", "KEY")),
        ("return CONFIG.a[KEY].b[OTHER]", chains("CONFIG.a", "KEY", "OTHER")),
        ("return text[KEY].b[OTHER]", chains("KEY", "OTHER")),
        ("return text.strip(KEY)", chains("KEY")),
        ("return (A or B).c", chains("A", "B")),
        ("return A().b", chains("A")),
        ("return getattr(CONFIG, 'model')", chains("CONFIG.model")),
        ("return getattr(CONFIG, 'model', DEFAULT)", chains("CONFIG.model", "DEFAULT")),
        ("return getattr(CONFIG[KEY], 'model')", chains("CONFIG", "KEY")),
        ("return hasattr(CONFIG, 'model')", chains("CONFIG.model")),
        ("return getattr(CONFIG, text)", chains("getattr", "CONFIG")),
        ("return getattr(CONFIG)", chains("getattr", "CONFIG")),
        ("return getattr(CONFIG, 1)", chains("getattr", "CONFIG")),
        ("return setattr(CONFIG, 'model', text)", chains("setattr", "CONFIG")),
        ("return CONFIG.get('a', DEFAULT)", chains("CONFIG.get", "DEFAULT")),
        ("return CONFIG[KEY].get('a', other=DEFAULT)", chains("CONFIG", "KEY", "DEFAULT")),
        ("return CONFIG.get(KEY)", chains("CONFIG.get", "KEY")),
        ("model = CONFIG.model\nreturn model.name", chains("CONFIG.model.name")),
        ("model = CONFIG.model\nreturn model", chains("CONFIG.model")),
        ("model = CONFIG[KEY]\nreturn model", chains("CONFIG", "KEY")),
        ("model = CONFIG.model\nmodel = text\nreturn model.name", chains("CONFIG.model")),
        ("model = CONFIG.model\nreturn [model.name for model in text]", chains("CONFIG.model")),
        ("return globals()['CONFIG'].model", chains("CONFIG.model")),
        ("return globals()[text].model", chains("globals")),
        ("return globals().model", chains("globals")),
        ("def g(a=A, *, b=B): return C\nreturn g", chains("A", "B", "C")),
        ("async def g(a=A): return C\nreturn g", chains("A", "C")),
        ("return lambda a=A: B", chains("A", "B")),
        ("@A\ndef g(): pass\nreturn g", chains("A")),
        ("@A\nclass G(B, metaclass=C):\n  x: D = E\nreturn G", chains("A", "B", "C", "D", "E")),
        ("size: A = B\nreturn size", chains("B")),
        ("size: A\nreturn text", set()),
        ("def g(a: A) -> B: pass\nreturn g", set()),
        ("return ask(api_key=KEY)", chains("ask")),
        ("import os.path\nreturn os.path.sep", chains("os.path.sep")),
        ("from shop import tax as levy\nreturn levy.rate", chains("levy.rate")),
        ("return text == A", chains("A")),
        ("return [A for _ in text if B]", chains("A", "B")),
        ("return f'{A:>{B}}'", chains("A", "B")),
        ("return __limit", chains("_Shop__limit")),
        ("return CONFIG.__limit", chains("CONFIG._Shop__limit")),
        ("class G:\n  def g(self): return A.__b\nreturn G, A.__b", chains("A._G__b", "A._Shop__b")),
    ],
)
def test_a_body_reads_through_global_names(lines: str, read: set[Chain]) -> None:
    assert body_of_lines(lines).chains == read


@pytest.mark.parametrize(
    ("lines", "own", "whole", "returned"),
    [
        ("return self.model", chains("model"), False, False),
        ("return self.options.model", chains("options.model"), False, False),
        ("return self.models['a'].name", chains("models"), False, False),
        ("return self.__model", chains("_Shop__model"), False, False),
        ("return type(self).model", chains("__class__.model"), False, False),
        ("return type(text).model", set(), False, False),
        ("return type(self, text).model", set(), True, False),
        ("return type(self)", set(), True, False),
        ("return getattr(self, 'model')", chains("model"), False, False),
        ("return getattr(self, text)", set(), True, False),
        ("return self", set(), False, True),
        ("return text", set(), False, False),
        ("return [self]", set(), True, False),
        ("return self[0]", set(), True, False),
        ("return self[KEY].a", set(), True, False),
        ("return ask(self)", set(), True, False),
        ("shop = self\nreturn shop.model", chains("model"), False, False),
        ("def g(self): return self.a\nreturn g", set(), False, False),
        ("def g(*self): return self.a\nreturn g", set(), False, False),
        ("def g(*, self): return self.a\nreturn g", set(), False, False),
        ("def g(**self): return self.a\nreturn g", set(), False, False),
        ("def g(self, /): return self.a\nreturn g", set(), False, False),
        ("def g(other): return self.a\nreturn g", chains("a"), False, False),
        ("def g(self): return 1\nreturn self.b", chains("b"), False, False),
        ("return [self.a for _ in text]", chains("a"), False, False),
        ("return lambda self: self.a", set(), False, False),
    ],
)
def test_a_body_reads_of_its_first_parameter(
    lines: str,
    own: set[Chain],
    *,
    whole: bool,
    returned: bool,
) -> None:
    body = body_of_lines(lines)
    assert body.own == own
    assert (body.whole, body.returned) == (whole, returned)


@pytest.mark.parametrize(
    ("lines", "own"),
    [
        ("return super().run(text)", {("super()", "run")}),
        ("return super().options.model", {("super()", "options", "model")}),
        ("return super(Shop, self).run(text)", set()),
        ("return ask(super())", set()),
    ],
)
def test_a_body_reads_of_its_bases(lines: str, own: set[Chain]) -> None:
    assert body_of_lines(lines).own == own


@pytest.mark.parametrize(
    ("lines", "assigned"),
    [
        ("global COUNT\nCOUNT = 1", {("COUNT",)}),
        ("global COUNT\nCOUNT += 1", {("COUNT",)}),
        ("COUNT = 1\nreturn COUNT", set()),
        ("CONFIG.model = text", {("CONFIG", "model")}),
        ("CONFIG['a'] = text", {("CONFIG", "['a']")}),
        ("CONFIG[text] = 1", {("CONFIG", "[]")}),
        ("CONFIG['n'] += 1", {("CONFIG", "['n']")}),
        ("del CONFIG['n']", {("CONFIG", "['n']")}),
        ("self.calls = 1", {("self", "calls")}),
        ("self.__calls += 1", {("self", "_Shop__calls")}),
        ("self.calls: int = 1", {("self", "calls")}),
        ("text.calls = 1", set()),
        ("append(text)", set()),
        ("SEEN.count(text)", set()),
        *[
            (f"SEEN.{name}(text)", {("SEEN", "[]")})
            for name in (
                *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop"),
                *("popitem", "popleft", "remove", "setdefault", "update"),
            )
        ],
        ("self.seen.append(text)", {("self", "seen", "[]")}),
    ],
)
def test_a_body_assigns(lines: str, assigned: set[Chain]) -> None:
    assert body_of_lines(lines).assigned == assigned


def test_what_a_body_assigns_is_left_out_of_what_it_reads() -> None:
    body = body_of_lines(
        "self.calls += 1\nCONFIG['n'] += 1\nreturn self.calls, CONFIG['n'], self.a"
    )
    assert body.left_out == {("self", "calls"), ("CONFIG", "['n']")}
    assert not body.chains
    assert body.own == {("a",)}


def test_an_item_that_is_read_beside_those_that_are_assigned_counts_by_itself() -> None:
    for read in ("CONFIG['a']", "CONFIG.get('a')", "CONFIG.get('a', text)"):
        body = body_of_lines(f"CONFIG['n'] += 1\nreturn {read}")
        assert body.chains == {("CONFIG", "['a']")}


@pytest.mark.parametrize(
    ("lines", "imports"),
    [
        ("import shop.tax", {"shop": {Origin(0, "shop.tax", "", top=True)}}),
        ("import shop.tax as levy", {"levy": {Origin(0, "shop.tax", "", top=False)}}),
        ("from shop import tax", {"tax": {Origin(0, "shop", "tax", top=False)}}),
        ("from . import tax as levy", {"levy": {Origin(1, "", "tax")}}),
        ("from ..shop import tax", {"tax": {Origin(2, "shop", "tax")}}),
        (
            "if text:\n  import a as b\nelse:\n  import c as b",
            {"b": {Origin(0, "a", top=False), Origin(0, "c")}},
        ),
    ],
)
def test_a_body_imports(lines: str, imports: dict[str, set[Origin]]) -> None:
    assert body_of_lines(lines).imports == imports


@pytest.mark.parametrize("used", ["locals()", "vars()", "dir()", "eval('1')", "exec('1')"])
def test_a_local_name_that_may_be_read_by_text_stands_for_nothing(used: str) -> None:
    lines = "model = CONFIG.model\nreturn ask(model.name{})"
    assert ("CONFIG", "model", "name") in body_of_lines(lines.format("")).chains
    assert ("CONFIG", "model", "name") not in body_of_lines(lines.format(f", {used}")).chains


@pytest.mark.parametrize(
    "again",
    [
        *("model = text", "del model", "model += 1", "for model in text: pass", "global model"),
        *("with text as model: pass", "def model(): pass", "async def model(): pass"),
        *("class model: pass", "class G:\n  model = 1", "import model", "(model := 1)"),
        *("lambda model: 1", "try: pass\nexcept ValueError as model: pass"),
        *("match text:\n  case [1, model]: pass", "match text:\n  case [*model]: pass"),
        *("match text:\n  case {**model}: pass", "match text:\n  case (1 | 2) as model: pass"),
    ],
)
def test_a_name_that_is_given_twice_stands_for_nothing(again: str) -> None:
    lines = f"{again}\nmodel = CONFIG.model\nreturn model.name"
    assert ("CONFIG", "model", "name") not in body_of_lines(lines).chains


def test_local_names_are_followed_however_many_stand_for_the_next() -> None:
    steps = ["n0 = A.b", *(f"n{number} = n{number - 1}" for number in range(1, 40))]
    assert body_of_lines("\n".join([*steps, "return n39.c"])).chains == {("A", "b", "c")}


def test_local_names_that_stand_for_each_other_stand_for_nothing() -> None:
    assert body_of_lines("while text:\n  a = b\n  b = a\nreturn a.c, A").chains == {("A",)}


def f_around() -> Any:
    def inner() -> None: ...

    class Inner:
        def method(self) -> None:
            def deeper() -> None: ...

            self.deeper = deeper

    return inner, Inner


def test_the_class_or_function_around_is_known_by_its_name() -> None:
    inner, kind = f_around()
    held = kind()
    held.method()
    found = [f_around, inner, kind.method, held.deeper]
    assert [class_around(each.__code__) for each in found] == [
        None, None, "Inner", "Inner",
    ]  # fmt: skip
