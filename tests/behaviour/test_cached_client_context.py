"""A context is rendered once: what is sent is what was keyed, and what the bare client sends."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instructor.v2.core import templating
from pydantic import BaseModel, ValidationInfo, field_validator

from llmcache import MISSING, LRUBackend, UncacheableArgumentError, cached_client
from llmcache.integrations.prompt import Reader, literal
from llmcache.testing.provider import LoopbackProvider

apply_template = templating.apply_template  # type: ignore[attr-defined] # Instructor keeps that file from type checkers
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*:DeprecationWarning")


class User(BaseModel):
    name: str


class Reviewed(BaseModel):
    """Its validator is shown the context."""

    name: str

    @field_validator("name")
    @classmethod
    def known(cls, value: str, info: ValidationInfo) -> str:
        return value if info.context else f"{value}?"


class Counter:
    """Reads otherwise each time."""

    def __init__(self) -> None:
        self.count = itertools.count(1)

    def __call__(self) -> int:
        return next(self.count)

    def __str__(self) -> str:
        return f"no. {next(self.count)}"


async def sent(provider: LoopbackProvider, client: Any, **request: Any) -> list[Any]:
    """The bodies of the requests that a call comes to."""
    before = provider.count
    asked = client.create(**{"response_model": User, "model": "m", "max_tokens": 9, **request})
    if hasattr(asked, "__await__"):
        await asked
    return [one.body for one in provider.requests[before:]]


ONCE: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "an iterator": ("B {{ g|join(',') }}", lambda: {"g": map(str, [1, 2])}),
    "a generator": ("{% for x in g %}{{ x }};{% endfor %}", lambda: {"g": (n for n in range(3))}),
    "a stateful callable": ("{{ f() }} {{ f() }}", lambda: {"f": Counter()}),
    "a text that changes": ("It is {{ c }}.", lambda: {"c": Counter()}),
}
CONTENTS: dict[str, Callable[[str], Any]] = {
    "a text": lambda text: text,
    "parts": lambda text: ["Read.", text],
    "blocks": lambda text: [{"type": "text", "text": text}],
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("what", ONCE)
async def test_what_reads_otherwise_a_second_time_is_read_once(
    provider: LoopbackProvider, mode: str, what: str, content: str
) -> None:
    template, context = ONCE[what]
    messages = [{"role": "user", "content": CONTENTS[content](template)}]
    made = provider.instructor(asynchronous=mode == "async")
    bare = await sent(provider, made, messages=messages, context=context())
    cached = cached_client(made, backend=LRUBackend())
    assert await sent(provider, cached, messages=messages, context=context()) == bare
    assert await sent(provider, cached, messages=messages, context=context()) == []
    assert messages == [{"role": "user", "content": CONTENTS[content](template)}]


async def test_a_refresh_sends_what_it_asks_about(provider: LoopbackProvider) -> None:
    client: Any = cached_client(provider.instructor(), backend=LRUBackend())
    template, context = ONCE["an iterator"]
    messages = [{"role": "user", "content": template}]
    client.cache_refresh(response_model=User, model="m", messages=messages, context=context())
    assert "B 1,2" in str(provider.requests[-1].body)
    assert await sent(provider, client, messages=messages, context=context(), max_tokens=None) != []


STYLES = [
    ("openai", "TOOLS"),
    ("openai", "MD_JSON"),
    ("anthropic", "TOOLS"),
]
TEXTS = (
    "Find {{ who }}.", "  indented {{ who }}\n    more\n", "a\n{{ lines }}", "{{ lines }}\n",
    "{%- if who -%}\n yes \n{%- endif -%}\n", "{% raw %}{{ who }}{% endraw %}", "{{ marks }}",
    "ends in {", "x {{ returns }} y\r\n", "no mark at all\n\n", "   \n", "{{ marks }}\n\n",
    "}{{ who }}",
    '{"a": {"b": "{{ who }}"}}', "{# said #}\n", "{{ brace -}}\n", "{{ brace }}{{ percent }}",
)  # fmt: skip
VALUES = {
    "who": "Jo",
    "lines": "one\n  two\n",
    "marks": "{{ who }} {% if %} {# x {{{",
    "returns": "a\r\nb{\rc",
    "brace": "{",
    "percent": "% x %}",
}


@pytest.mark.parametrize(("name", "style"), STYLES)
async def test_the_request_is_the_one_that_the_bare_client_sends(
    provider: LoopbackProvider, name: Any, style: str
) -> None:
    made = provider.instructor(name, mode=style)
    client = cached_client(made, backend=LRUBackend())
    for role, content, text in itertools.product(("system", "user"), ("a text", "blocks"), TEXTS):
        messages = [
            {"role": role, "content": CONTENTS[content](text)},
            {"role": "user", "content": "Go."},
        ]
        bare = await sent(provider, made, messages=messages, context=VALUES)
        asked = await sent(provider, client, messages=messages, context=VALUES)
        assert asked in ([], bare), (role, text)


async def test_texts_that_look_like_addresses_stay_what_they_are(
    provider: LoopbackProvider, tmp_path: Any
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A text.")
    client = cached_client(provider.instructor(), backend=LRUBackend())
    for text in ("{{ path }}", "See {{ path }}.", "ftp://{{ path }}"):
        request: dict[str, Any] = {
            "messages": [{"role": "user", "content": text}],
            "context": {"path": str(path)},
            "autodetect_images": True,
        }
        bare = await sent(provider, provider.instructor(), **request)
        assert await sent(provider, client, **request) == bare


@given(st.text(alphabet="{}%#' -\n\r\tax\u2028\"\\"))
def test_what_was_rendered_renders_to_itself(text: str) -> None:
    rendered = apply_template(f"x{literal(text)}{{{{''}}}}", {"a": 1})
    assert rendered == apply_template("x{{ t }}", {"t": text})


@given(
    st.text(alphabet="{}%' -\n\ta", max_size=12), st.sampled_from(["", "\n", "}\n", " {{ a }}\n"])
)
def test_a_text_is_read_as_instructor_renders_it(text: str, end: str) -> None:
    """What is keyed is what a single pass of Instructor's makes of the text."""
    reader = Reader({"a": "{{ a }}\n"}, files=False, provider="openai")
    try:
        expected = apply_template(text + end, {"a": "{{ a }}\n"})
    except jinja2.TemplateError as error:
        with pytest.raises(type(error)):
            reader.rendered(text + end)
        return
    read, handed = reader.rendered(text + end)
    assert read == expected
    assert apply_template(handed, {"a": "used up"}) == expected


@pytest.mark.parametrize(
    "question", ["cache_explain", "cache_peek", "cache_key", "cache_invalidate"]
)
async def test_a_question_uses_nothing_up_that_the_call_needs(
    provider: LoopbackProvider, question: str
) -> None:
    client: Any = cached_client(provider.instructor(), backend=LRUBackend())
    context = {"one": [{"g": map(str, [1, 2])}]}
    request: dict[str, Any] = {
        "messages": [{"role": "user", "content": "B {{ one[0].g|join(',') }}"}],
        "context": context,
    }
    with pytest.raises(UncacheableArgumentError, match="Make it a list") as refused:
        getattr(client, question)(response_model=User, model="m", **request)
    assert refused.value.path == "context['one'][0]['g']"
    (body,) = await sent(provider, client, **request)
    assert body["messages"][0]["content"] == "B 1,2"
    listed = {**request, "context": {"one": [{"g": ["1", "2"]}]}}
    assert client.cache_peek(response_model=User, model="m", max_tokens=9, **listed) is not MISSING


async def test_an_iterator_that_a_validator_may_read_is_refused(provider: LoopbackProvider) -> None:
    client = cached_client(provider.instructor(), backend=LRUBackend())
    with pytest.raises(UncacheableArgumentError, match="context"):
        client.create(
            response_model=Reviewed,
            model="m",
            messages=[{"role": "user", "content": "{{ g|list }}"}],
            context={"g": iter([1])},
        )
    assert provider.count == 0
