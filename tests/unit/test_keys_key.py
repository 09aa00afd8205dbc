"""One function's keys: options, what changes while the process runs, and files."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import linecache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import pytest
from pydantic import BaseModel

from llmcache.errors import ConfigurationError, UncacheableArgumentError
from llmcache.keys.key import FunctionKeys, Keying
from llmcache.keys.values.canonical import FileNeeded

T = TypeVar("T")
PROMPT = "Extract."
WORDS = ["a"]
COUNT = 0


class Answer(BaseModel):
    text: str


def ask(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def extract(text: str, model: str = "small") -> Answer:
    return ask(PROMPT, WORDS, text, model)


def test_the_digest_of_a_key_is_the_digest() -> None:
    keys = FunctionKeys(extract)
    key = keys.key(("x",), {})
    assert key.digest == keys.digest(("x",), {})
    assert len(key.digest) == 64
    assert {"argument text", "argument model", "namespace", "function"} <= set(key.parts)
    assert all(len(part) == 16 for part in key.parts.values())


def test_namespaces_and_samples_are_apart() -> None:
    keys = FunctionKeys(extract)
    asked = [
        {},
        {"namespace": "a"},
        {"sample": 1},
        {"sample": "1"},
        {"namespace": "a", "sample": 1},
    ]
    assert len({keys.digest(("x",), {}, Keying(**how)) for how in asked}) == len(asked)


def test_an_encryption_key_makes_hmacs_of_digest_and_parts() -> None:
    keys = FunctionKeys(extract)
    plain = keys.digest(("x",), {})
    sealed = keys.key(("x",), {}, Keying(secrets=(b"s",)))
    assert sealed.digest == hmac.new(b"s", bytes.fromhex(plain), hashlib.sha256).hexdigest()
    assert not set(sealed.parts.values()) & set(keys.key(("x",), {}).parts.values())


def test_what_changes_while_the_process_runs_counts_at_the_next_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = FunctionKeys(extract)
    before = keys.digest(("x",), {})
    monkeypatch.setitem(globals(), "PROMPT", "Find.")
    patched = keys.digest(("x",), {})
    monkeypatch.undo()
    assert keys.digest(("x",), {}) == before != patched
    WORDS.append("b")
    assert keys.digest(("x",), {}) != before
    WORDS.pop()
    assert keys.digest(("x",), {}) == before
    monkeypatch.setitem(globals(), "ask", lambda: None)
    assert keys.digest(("x",), {}) != before


def test_no_file_is_read_where_that_is_forbidden() -> None:
    namespace: dict[str, Any] = {"__name__": __name__}
    exec("def fresh(text):\n    return text", namespace)  # noqa: S102 - code that nobody has looked for
    keys = FunctionKeys(namespace["fresh"])
    with pytest.raises(FileNeeded):
        keys.digest(("x",), {}, files=False)
    digest = keys.digest(("x",), {})
    assert keys.digest(("x",), {}, files=False) == digest


def test_a_helper_that_is_new_needs_its_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = FunctionKeys(extract)
    keys.digest(("x",), {})
    namespace: dict[str, Any] = {"__name__": __name__}
    exec("def ask(*args):\n    return 1", namespace)  # noqa: S102 - as above
    monkeypatch.setitem(globals(), "ask", namespace["ask"])
    with pytest.raises(FileNeeded):
        keys.digest(("x",), {}, files=False)


def test_a_file_that_was_edited_after_loading_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text("def f(text):\n    return text\n", encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "edited"}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)  # noqa: S102 - a module
    path.write_text("def f(text):\n    return text + 'x'\n", encoding="utf-8")
    linecache.checkcache(str(path))
    unkeyed = FunctionKeys(namespace["f"]).key(("x",), {}).unkeyed
    assert [why for why in unkeyed if "read from bytecode" in why]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": 3}, "name"),
    ({"version": True}, "version"),
    ({"version": 1.5}, "version"),
    ({"depends_on": "text"}, "depends_on"),
    ({"depends_on": b"text"}, "depends_on"),
    ({"depends_on": 3}, "depends_on"),
    ({"depends_on": {"a": 1}}, "depends_on"),
    ({"depends_on": [lambda value: value]}, "depends_on"),
    ({"key": "text"}, "key"),
    ({"ignore": ["txt"]}, "ignore"),
    ({"ignore": "text"}, "ignore"),
    ({"response_model": "Answer"}, "response_model"),
]


@pytest.mark.parametrize(("options", "name"), BAD)
def test_a_bad_option_is_refused_at_decoration_by_name(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        FunctionKeys(extract, **options)
    assert error.value.name == name


def test_coroutine_functions_are_no_values() -> None:
    async def later() -> int:
        return 1

    for options in ({"depends_on": [later]}, {"key": later}):
        with pytest.raises(ConfigurationError):
            FunctionKeys(extract, **options)


def test_depends_on_is_read_at_each_call_and_types_count_by_schema() -> None:
    state = [1]
    keys = FunctionKeys(extract, depends_on=[lambda: state[0], Answer, "text"])
    before = keys.digest(("x",), {})
    state[0] = 2
    assert keys.digest(("x",), {}) != before
    assert {f"depends_on[{n}]" for n in range(3)} <= set(keys.key(("x",), {}).parts)


def test_the_key_option_stands_for_the_arguments() -> None:
    keys = FunctionKeys(extract, key=lambda text, **_: text.lower())
    assert keys.digest(("X",), {"model": "a"}) == keys.digest(("x",), {"model": "b"})
    assert keys.digest(("x",), {}) != keys.digest(("y",), {})


class Holder:
    def __init__(self) -> None:
        self.handle = object()

    def run(self, text: str) -> Answer:
        return ask(self, text)

    def computed(self, name: str) -> Answer:
        return ask(getattr(self, name))


@pytest.mark.parametrize("method", [Holder.run, Holder.computed])
def test_a_self_that_cannot_be_known_is_an_error_unless_ignored(method: Any) -> None:
    with pytest.raises(UncacheableArgumentError) as error:
        FunctionKeys(method).digest((Holder(), "x"), {})
    assert error.value.parameter == "self"
    ignoring = FunctionKeys(method, ignore=["self"])
    assert ignoring.digest((Holder(), "x"), {}) == ignoring.digest((Holder(), "x"), {})


def generic(kind: type[T]) -> list[T]:
    return ask(kind)


def unannotated(text, response_model=None, **more):  # type: ignore[no-untyped-def]  # noqa: ANN003 - as people write it
    return ask(text, response_model, more)


def passing_on(text, **more):  # type: ignore[no-untyped-def]  # noqa: ANN003 - as people write it
    return ask(text, more)


def test_the_declared_type_of_a_result() -> None:
    def declared(function: Any, *args: Any, **options: Any) -> Any:
        return FunctionKeys(function, **options).bound(args, {}).result.declared

    assert declared(extract, "x") is Answer
    assert declared(extract, "x", response_model=list[Answer]) == list[Answer]
    assert declared(generic, Answer) == list[Answer]
    assert declared(unannotated, "x", Answer) is Answer
    assert declared(unannotated, "x") is Any
    keys = FunctionKeys(unannotated)
    assert keys.bound(("x",), {"response_model": Answer}).result.declared is Answer
    keys = FunctionKeys(passing_on)
    assert keys.bound(("x",), {"response_model": Answer}).result.declared is Answer


def test_a_type_that_cannot_be_hashed_has_a_key() -> None:
    alias = Annotated[list[str], {"shown": "as a table"}]
    for function in (ask, generic):
        keys = FunctionKeys(function)
        bound = keys.bound((alias,), {})
        digest, result = bound.digest(), bound.result
        assert digest == keys.digest((alias,), {}) != keys.digest((list[str],), {})
    assert result.declared == list[alias]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (int | str, str | int),
        (Literal["a", "b"], Literal["b", "a"]),
        (Annotated[int, [1]], Annotated[int, [True]]),
    ],
)
def test_equal_types_in_another_order_have_keys_of_their_own(one: Any, other: Any) -> None:
    alone = [FunctionKeys(unannotated).digest(("x", kind), {}) for kind in (one, other)]
    keys = FunctionKeys(unannotated)
    assert [keys.digest(("x", kind), {}) for kind in (one, other)] == alone
    assert len({*alone}) == len(alone)


def test_equal_types_in_another_order_are_results_of_their_own() -> None:
    keys = FunctionKeys(unannotated)
    for order in (Literal["a", "b"], Literal["b", "a"]):
        assert get_args(keys.bound(("x", order), {}).result.declared) == get_args(order)


def test_the_code_of_a_package_counts_from_when_it_is_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "site-packages" / "keys_vendored.py"
    path.parent.mkdir()
    path.write_text("def prompt():\n    return 'Extract.'\n", encoding="utf-8")
    monkeypatch.syspath_prepend(path.parent)
    vendored = importlib.import_module("keys_vendored")

    def prompted(text: str) -> Answer:
        return ask(vendored.prompt(), text)

    keys = FunctionKeys(prompted)
    without = keys.digest(("x",), {})
    assert keys.digest(("x",), {}, Keying(project=("keys_vendored",))) != without
    assert keys.digest(("x",), {}) == without
    assert keys.digest(("x",), {}, Keying(project=("another",))) == without


def test_the_parts_that_calls_share_are_apart_from_those_of_one_call() -> None:
    keys = FunctionKeys(extract)
    one, other = keys.bound(("x",), {}).parts(), keys.bound(("y",), {}).parts()
    assert (one.shared, one.manifest) == (other.shared, other.manifest)
    assert {n for n in one.call if one.call[n] != other.call[n]} == {"argument text"}
    assert "constant tests.unit.PROMPT" not in one.call


def test_namespace_and_sample_are_parts_by_their_names() -> None:
    keys = FunctionKeys(extract)
    plain = keys.bound(("x",), {}).parts().call
    other = keys.bound(("x",), {}, Keying("team")).parts().call
    sampled = keys.bound(("x",), {}, Keying(sample=2)).parts().call
    assert {name for name in other if other[name] != plain[name]} == {"namespace"}
    assert sampled.keys() - plain.keys() == {"sample"}


def counting(text: str) -> Answer:
    global COUNT  # noqa: PLW0603 - what is tested
    COUNT += 1
    return ask(text)


def test_a_counter_that_the_body_assigns_makes_no_misses() -> None:
    keys = FunctionKeys(counting)
    before = keys.digest(("x",), {})
    counting("x")
    assert keys.digest(("x",), {}) == before


class Unhashable(type):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(cls, other: object) -> bool:
        return True


class Odd(metaclass=Unhashable):
    limit = 3


class Guarded:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


guarded = Guarded()


def with_odd_things(text: str) -> Answer:
    return ask(Odd, Odd.limit, guarded, len, text)


def test_no_class_or_object_that_is_read_can_break_the_key() -> None:
    key = FunctionKeys(with_odd_things).key(("x",), {})
    assert [why.partition(": ")[2] for why in key.unkeyed] == ["Guarded has no stable form"]
