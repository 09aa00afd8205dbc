"""What a body reads and assigns, and what is listed because the key cannot see it."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from llmcache.keys.code.chains import settled
from llmcache.keys.key import FunctionKeys

ask: Any = print
STATE: dict[str, Any] = {"n": 0}
SEEN: list[str] = []


@pytest.mark.parametrize(
    ("reads", "writes", "counting", "left_out"),
    [
        ([("A", "x")], [], {("A", "x")}, set()),
        ([("A", "['k']")], [], {("A",)}, set()),
        ([("A", "x", "['k']", "y")], [], {("A", "x")}, set()),
        ([("A", "x"), ("A", "y")], [("A", "x")], {("A", "y")}, {("A", "x")}),
        (
            [("A", "['k']"), ("A", "['n']")],
            [("A", "['n']")],
            {("A", "['k']")},
            {("A", "['n']")},
        ),
        ([("A", "['k']"), ("A", "[]")], [("A", "[]")], {("A", "['k']"), ("A", "~")}, set()),
        ([("A", "get", "['k']")], [("A", "[]")], {("A", "['k']")}, set()),
        ([("A", "append")], [("A", "[]")], {("A", "~", "append")}, set()),
    ],
)
def test_a_write_takes_out_of_what_is_read_exactly_what_is_written(
    reads: list[tuple[str, ...]],
    writes: list[tuple[str, ...]],
    counting: set[tuple[str, ...]],
    left_out: set[tuple[str, ...]],
) -> None:
    assert settled(reads, writes) == (counting, left_out)


def appends(text: str) -> Any:
    SEEN.append(text)
    return ask(SEEN)


def counts_up(text: str) -> Any:
    STATE["n"] += 1
    return ask(text, STATE["n"])


def reads_all(text: str) -> Any:
    return ask(dict(os.environ), text)


def reads_computed(text: str) -> Any:
    return ask(os.path.expandvars(text))


def matched(text: str) -> Any:
    name = "APP_MODEL"
    match text:
        case str(name):
            pass
    return ask(os.environ[name])


def matched_of_many(*texts: str) -> Any:
    name = "APP_MODEL"
    match texts:
        case [*name]:
            pass
    return ask(os.environ[name])


def matched_of_a_mapping(text: Any) -> Any:
    name = "APP_MODEL"
    match text:
        case {"a": 1, **name}:
            pass
    return ask(os.environ[name])


def caught(text: str) -> Any:
    name = "APP_MODEL"
    try:
        return ask(text)
    except ValueError as name:  # noqa: F811 - what is tested
        return os.environ[name]


def defined(text: str) -> Any:
    name = "APP_MODEL"
    if text:

        async def name() -> None:
            pass

    return os.environ[name]


CONFIG = {"model": "small", "service": [{"api_key": "sk-1", "code": SecretStr("sk-2")}]}


def configured(text: str, config: Any = None) -> Any:
    return ask(text, CONFIG, config)


def test_secrets_within_what_the_body_reads_are_listed_and_those_of_arguments_count() -> None:
    keys = FunctionKeys(configured)
    listed = (f"global {__name__}.CONFIG: {what}: a secret" for what in ("api_key", "SecretStr"))
    assert keys.key(("x",), {}).unkeyed == tuple(listed)
    before = keys.digest(("x",), {})
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(CONFIG["service"][0], "api_key", "sk-3")  # type: ignore[index]
        assert keys.digest(("x",), {}) == before
    given = [keys.digest(("x", {"api_key": secret}), {}) for secret in ("sk-1", "sk-2")]
    given += [keys.digest(("x", SecretStr(secret)), {}) for secret in ("sk-1", "sk-2")]
    assert len({*given}) == len(given)


def hands_on(text: str) -> Any:
    import function_of_no_module  # type: ignore[import-not-found]

    return ask(function_of_no_module.PROMPT, text)


@pytest.mark.parametrize(
    ("function", "listed"),
    [
        (appends, f"global {__name__}.SEEN: the body itself changes it"),
        (counts_up, f"global {__name__}.STATE['n']: the body itself changes it"),
        (reads_all, "environment: read as a whole"),
        *[
            (function, "environment: read by a name that is computed")
            for function in (
                reads_computed,
                matched,
                matched_of_many,
                matched_of_a_mapping,
                caught,
                defined,
            )
        ],
    ],
)
def test_what_the_body_reads_and_the_key_cannot_see_is_listed(function: Any, listed: str) -> None:
    assert FunctionKeys(function).key(("x",), {}).unkeyed == (listed,)


class Settings:
    """Holds what no key can see, which its methods read."""

    handle = object()

    def __init__(self, name: str) -> None:
        self.name = name

    def __cache_key__(self) -> str:
        return self.name


def takes_options(options: Any) -> Any:
    return ask(options)


def test_what_the_class_of_an_argument_leaves_out_is_listed() -> None:
    keys = FunctionKeys(takes_options)
    listed = f"global {__name__}.Settings.handle: object has no stable form"
    assert keys.key((Settings("a"),), {}).unkeyed == (listed,)
    assert keys.key(([Settings("a")],), {}).unkeyed == (listed,)
    assert keys.key((Settings,), {}).unkeyed == (listed,)
    assert FunctionKeys(takes_options, ignore=["options"]).key((Settings("a"),), {}).unkeyed == ()


def test_keywords_are_told_one_by_one() -> None:
    keys = FunctionKeys(lambda text, **more: ask(text, more))
    one, other = (keys.key(("x",), {"seed": seed, "top_p": 1}).parts for seed in (1, 2))
    assert {name for name in one if one[name] != other[name]} == {"argument seed"}


def test_an_import_in_the_body_that_leads_nowhere_breaks_no_key() -> None:
    keys = FunctionKeys(hands_on)
    assert keys.digest(("x",), {}) == keys.digest(("x",), {})


class Extractor:
    """Its first parameters have all sorts of names."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.handle = object()

    def run(this, text: str) -> Any:  # noqa: N805 - what is tested
        return ask(this.model, text)

    @staticmethod
    def static(text: str) -> Any:
        return ask(text)


def test_an_instance_counts_by_what_is_read_whatever_the_parameter_is_called() -> None:
    keys = FunctionKeys(Extractor.run)
    parts = keys.key((Extractor("small"), "x"), {}).parts
    assert "self.model" in parts
    assert "argument this" not in parts
    assert keys.digest((Extractor("small"), "x"), {}) == keys.digest((Extractor("small"), "x"), {})
    assert keys.digest((Extractor("small"), "x"), {}) != keys.digest((Extractor("large"), "x"), {})


class Agent:
    def __init__(self, model: str, note: str = "") -> None:
        self.options = SimpleNamespace(model=model, note=note)

    def run(self, text: str) -> Any:
        return ask(self.options.model, text)


def test_of_an_attribute_only_what_is_read_of_it_counts() -> None:
    keys = FunctionKeys(Agent.run)
    digests = [
        keys.digest((Agent(*given), "x"), {})
        for given in (("small",), ("small", "noted"), ("large",))
    ]
    assert digests[0] == digests[1] != digests[2]


class Prompts(dict[str, str]):
    def by_item(self, text: str) -> Any:
        return ask(self["task"], text)

    def by_method(self, text: str) -> Any:
        return ask(self.get("task"), text)


@pytest.mark.parametrize("method", [Prompts.by_item, Prompts.by_method])
def test_an_instance_whose_items_are_read_counts_with_them(method: Any) -> None:
    keys = FunctionKeys(method)
    digests = [keys.digest((Prompts(task=task), "x"), {}) for task in ("a", "a", "b")]
    assert digests[0] == digests[1] != digests[2]


def described() -> Any:
    """Return the task."""
    return described.__doc__


def shouted(text: str) -> str:
    """Say how it is shouted."""
    return text.upper()


def asks_what_is_described(text: str) -> Any:
    return ask(described(), shouted(text))


def test_a_docstring_counts_where_it_is_read_and_not_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = FunctionKeys(asks_what_is_described)
    before = keys.digest(("x",), {})
    monkeypatch.setattr(shouted, "__doc__", "Say it otherwise.")
    assert keys.digest(("x",), {}) == FunctionKeys(asks_what_is_described).digest(("x",), {})
    assert keys.digest(("x",), {}) == before
    monkeypatch.setattr(described, "__doc__", "Return another task.")
    assert keys.digest(("x",), {}) != before


TASKS = {"task": "Extract."}
task_of = TASKS.get


def asks_by_lookup(text: str) -> Any:
    return ask(task_of("task"), text)


def test_a_method_of_a_builtin_counts_with_what_it_is_bound_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = FunctionKeys(asks_by_lookup)
    before = keys.digest(("x",), {})
    monkeypatch.setitem(TASKS, "task", "Summarise.")
    assert keys.digest(("x",), {}) != before


def test_the_first_argument_of_a_staticmethod_is_an_argument() -> None:
    assert "argument text" in FunctionKeys(Extractor.static).key(("x",), {}).parts
