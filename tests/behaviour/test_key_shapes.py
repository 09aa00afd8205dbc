"""The fifteen ways in which people write extraction functions, at the level of keys.

For each: the same key when nothing relevant changed, another one when its relevant thing did, and
no change when the API key is rotated or the client is a new object.
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar

import instructor
import openai
import pytest
import stamina
import tenacity
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, Field

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.key import FunctionKeys
from llmcache.keys.values.canonical import FileNeeded

T = TypeVar("T")
PROMPT = "Extract the user."
DEFAULT = "small"


class User(BaseModel):
    name: str = Field(description="The full name")


class Mood(Enum):
    GOOD = "good"


def connected(key: str = "sk-one", **options: Any) -> Any:
    """An Instructor client of the SDK's own making."""
    return instructor.from_openai(openai.OpenAI(api_key=key, **options))


client = connected()
aclient = instructor.from_openai(openai.AsyncOpenAI(api_key="sk-one"))


def digest(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """A key made from scratch."""
    return FunctionKeys(function).digest(args, kwargs)


def shape_1(text: str) -> User:
    return client.create(model="m", response_model=User, messages=[PROMPT, text])


def test_1_a_global_client_and_a_prompt_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(shape_1, "x")
    monkeypatch.setitem(globals(), "client", connected("sk-two", timeout=3, max_retries=7))
    assert digest(shape_1, "x") == before
    monkeypatch.setitem(globals(), "client", connected(base_url="http://localhost:1/v1"))
    assert digest(shape_1, "x") != before
    monkeypatch.undo()
    monkeypatch.setitem(globals(), "PROMPT", "Find the user.")
    assert digest(shape_1, "x") != before


async def shape_2(text: str) -> User:
    return await aclient.create(model="m", response_model=User, messages=[text])


def test_2_an_awaited_client(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(shape_2, "x")
    rotated = instructor.from_openai(openai.AsyncOpenAI(api_key="sk-two"))
    monkeypatch.setitem(globals(), "aclient", rotated)
    assert digest(shape_2, "x") == before
    other = instructor.from_openai(openai.AsyncOpenAI(api_key="k"), mode=instructor.Mode.JSON)
    monkeypatch.setitem(globals(), "aclient", other)
    assert digest(shape_2, "x") != before


def shape_3(client: Any, text: str) -> User:
    return client.create(model="m", response_model=User, messages=[text])


def test_3_a_client_as_argument() -> None:
    before = digest(shape_3, connected(), "x")
    assert digest(shape_3, connected("sk-two"), "x") == before
    assert digest(shape_3, connected(organization="org"), "x") != before
    raw = openai.OpenAI(api_key="sk-one")
    assert digest(shape_3, raw, "x") not in {before, digest(shape_3, raw.chat.completions, "x")}


class Extractor:
    def __init__(self, client: Any, model: str = "small", temperature: float = 0.0) -> None:
        self.client = client
        self.model = model
        self.temperature = temperature
        self.api_key = "sk-one"
        self.calls = 0

    def run(self, text: str) -> User:
        self.calls += 1
        return self.client.create(
            model=self.model,
            temperature=self.temperature,
            response_model=User,
            messages=[text],
        )


def test_4_attributes_of_self() -> None:
    before = digest(Extractor.run, Extractor(connected()), "x")
    used = Extractor(connected("sk-two"))
    used.api_key, used.calls = "sk-two", 9
    assert digest(Extractor.run, used, "x") == before
    assert digest(Extractor.run, Extractor(connected(), model="large"), "x") != before
    assert digest(Extractor.run, Extractor(connected(), temperature=0.5), "x") != before


def shape_5(messages: list[str], response_model: type[T], model: str = DEFAULT, **kw: Any) -> T:
    return client.create(messages=messages, response_model=response_model, model=model, **kw)


def test_5_a_generic_function_with_a_type_argument() -> None:
    class Named(BaseModel):
        name: str = Field(description="The full name")

    before = digest(shape_5, ["x"], User)
    assert digest(shape_5, messages=["x"], model="small", response_model=User) == before
    assert digest(shape_5, ["x"], Named) != before
    assert digest(shape_5, ["x"], list[User]) != before
    assert digest(shape_5, ["x"], User, seed=1) != before
    assert FunctionKeys(shape_5).bound((["x"], User), {}).result.declared is User
    assert list[User] in FunctionKeys(shape_5).bound((["x"], list[User]), {}).result.candidates


def shape_6(prompt: str) -> User:
    key = os.environ["MY_CODEWORD"]
    built = instructor.from_openai(openai.OpenAI(api_key=key))
    return built.create(model=os.environ.get("MODEL"), messages=[prompt], response_model=User)


def test_6_everything_built_inside_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL", "small")
    monkeypatch.setenv("MY_CODEWORD", "sk-one")
    keys = FunctionKeys(shape_6)
    before = keys.digest(("x",), {})
    monkeypatch.setenv("MY_CODEWORD", "sk-two")
    assert keys.digest(("x",), {}) == digest(shape_6, "x") == before
    monkeypatch.setenv("MODEL", "large")
    assert keys.digest(("x",), {}) == digest(shape_6, "x") != before


def shape_7(text: str) -> tuple[User, ChatCompletion]:
    return client.create_with_completion(messages=[text], response_model=User)


def test_7_with_the_completion() -> None:
    before = FunctionKeys(shape_7).key(("x",), {})
    assert not any("ChatCompletion: field" in name for name in before.parts)
    assert FunctionKeys(shape_7).bound(("x",), {}).result.declared == tuple[User, ChatCompletion]
    assert digest(shape_7, "y") != before.digest


def shape_8(text: str) -> Iterable[User]:
    return client.create(messages=[text], response_model=Iterable[User])


def shape_8_as_list(text: str) -> list[User]:
    return client.create(messages=[text], response_model=list[User])


def test_8_many_at_once() -> None:
    assert FunctionKeys(shape_8).bound(("x",), {}).result.declared == Iterable[User]
    assert FunctionKeys(shape_8_as_list).bound(("x",), {}).result.declared == list[User]
    assert digest(shape_8, "x") == digest(shape_8, text="x") != digest(shape_8, "y")


def shape_9(text: str) -> Iterator[User]:
    yield from client.create_iterable(messages=[text], response_model=User)


async def shape_9_async(text: str) -> AsyncIterator[User]:
    async for user in aclient.create_iterable(messages=[text], response_model=User):
        yield user


def shape_10(text: str) -> Iterator[User]:
    return client.create_partial(messages=[text], response_model=User)


@pytest.mark.parametrize("function", [shape_9, shape_9_async, shape_10])
def test_9_and_10_streams_are_declared_by_their_items(function: Callable[..., Any]) -> None:
    assert FunctionKeys(function).bound(("x",), {}).result.declared is User
    assert digest(function, "x") != digest(function, "y")


def returning(kind: Any) -> Callable[[str], Any]:
    def shape_11(text: str) -> Any:
        return client.create(messages=[text])

    shape_11.__annotations__["return"] = kind
    return shape_11


def test_11_every_kind_of_result_is_a_question_of_its_own() -> None:
    kinds = [Literal["a"], Literal["b"], Mood, int, User | None, User | int, instructor.Maybe(User)]
    assert len({digest(returning(kind), "x") for kind in kinds}) == len(kinds)


def shape_12(path: Path, question: str) -> User:
    return client.create(messages=[question, instructor.Image.from_path(path)])


def test_12_files_count_by_content(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"one")
    keys = FunctionKeys(shape_12)
    with pytest.raises(FileNeeded):
        keys.digest((image, "?"), {}, files=False)
    before = keys.digest((image, "?"), {})
    with pytest.raises(FileNeeded):
        keys.digest((image, "?"), {}, files=False)
    image.write_bytes(b"two")
    assert keys.digest((image, "?"), {}) != before


def shape_13(doc: User, opts: dict[str, Any], tags: set[str], p: Path, context: Any = None) -> User:
    return client.create(messages=[doc, opts, tags, p], context=context)


def test_13_every_kind_of_argument() -> None:
    one = (User(name="a"), {"a": 1, "b": 2}, {"x", "y"}, Path("nowhere"))
    other = (User(name="a"), {"b": 2, "a": 1}, {"y", "x"}, Path("nowhere"))
    assert digest(shape_13, *one) == digest(shape_13, *other)
    assert digest(shape_13, *one) != digest(shape_13, *one, context={"a": 1})
    with pytest.raises(UncacheableArgumentError) as error:
        digest(shape_13, *one, context={"db": object()})
    assert (error.value.parameter, error.value.path) == ("context", "context['db']")


def shape_14(text):  # type: ignore[no-untyped-def]
    class Answer(BaseModel):
        name: str

    return client.create(messages=[text], response_model=Answer)


def test_14_a_class_of_the_body() -> None:
    assert FunctionKeys(shape_14).bound(("x",), {}).result.declared is Any
    assert digest(shape_14, "x") != digest(shape_14, "y")


def plain(text: str) -> User:
    return client.create(messages=[text], response_model=User)


def test_15_retries_do_not_count_and_partials_count_what_they_fill_in() -> None:
    layered = [
        tenacity.retry(stop=tenacity.stop_after_attempt(3))(plain),
        tenacity.retry(plain),
        stamina.retry(on=ValueError, attempts=2)(plain),
    ]
    assert {digest(function, "x") for function in layered} == {digest(plain, "x")}
    filled = functools.partial(shape_5, ["x"])
    assert digest(filled, User) == digest(functools.partial(shape_5, ["x"]), User)
    assert digest(filled, User) != digest(functools.partial(shape_5, ["y"]), User)


def test_no_api_key_is_in_any_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL", "m")
    monkeypatch.setenv("MY_CODEWORD", "sk-one")
    calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (shape_1, ("x",)),
        (shape_3, (connected(), "x")),
        (Extractor.run, (Extractor(connected()), "x")),
        (shape_6, ("x",)),
    ]
    assert not [key for f, args in calls if "sk-" in (key := repr(FunctionKeys(f).key(args, {})))]
