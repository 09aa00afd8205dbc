"""A template of Jinja that code reads counts by what it was compiled to."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import jinja2
import pytest

from llmcache.keys.code.bytecode import digest_of_template
from llmcache.keys.key import FunctionKeys

TEMPLATE: Any = jinja2.Template("Find {{ who }}.")


def asks(who: str) -> str:
    return str(TEMPLATE.render(who=who))


def digest_of(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(globals(), "TEMPLATE", jinja2.Template(text))
    return FunctionKeys(asks).digest(("a",), {})


def test_a_template_counts_by_its_text_and_its_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("Find {{ a }}.", "Look {{ a }}.", "Find {{ b }}.", "Find {{ a + b }}.",
             "Find {{ a - b }}.", "{% block x %}one{% endblock %}",
             "{% block x %}two{% endblock %}")  # fmt: skip
    found = [digest_of(text, monkeypatch) for text in texts]
    assert len(set(found)) == len(texts)
    assert found == [digest_of(text, monkeypatch) for text in texts]


def test_it_is_listed_as_what_it_includes_does_not_count() -> None:
    (line,) = FunctionKeys(asks).key(("a",), {}).unkeyed
    assert line.endswith("TEMPLATE: Template has no stable form")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_makes_the_same_of_it(seed: str) -> None:
    program = (
        "import jinja2\nfrom llmcache.keys.code.bytecode import digest_of_template as d\n"
        "print(d(jinja2.Template('Find {{ who }}.')).hex())"
    )
    ran = subprocess.run(  # noqa: S603 - this interpreter, on the text above
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == (digest_of_template(TEMPLATE) or b"").hex()
