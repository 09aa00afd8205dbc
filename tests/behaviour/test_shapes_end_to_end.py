"""The ways in which people write extraction functions, run for real: one request, then a hit.

Each shape is called through the real SDKs against the loopback provider, with one API key and
then, as after a rotation, with another. The second call makes no request.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import instructor
import openai
import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, Field

from llmcache import cached_structured, record
from llmcache.testing import LoopbackProvider

T = TypeVar("T", bound=BaseModel)
PROMPT = "Extract the user."
MODEL = "gpt-4o-mini"
KEYS = ("sk-the-first-secret-of-them-all", "sk-the-second-secret-of-them-all")


class User(BaseModel):
    """A user."""

    name: str = Field(description="The full name")
    age: int


client: Any = None
aclient: Any = None


def messages(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]


@cached_structured
def global_client(text: str) -> User:
    return client.create(model=MODEL, response_model=User, messages=messages(text))


@cached_structured
async def awaited_client(text: str) -> User:
    return await aclient.create(model=MODEL, response_model=User, messages=messages(text))


@cached_structured
def client_as_argument(client: Any, text: str) -> User:
    return client.create(model=MODEL, response_model=User, messages=messages(text))


class Extractor:
    def __init__(self, client: Any, model: str = MODEL) -> None:
        self.client = client
        self.model = model

    @cached_structured
    def run(self, text: str) -> User:
        return self.client.create(model=self.model, response_model=User, messages=messages(text))


@cached_structured
def generic(text: str, response_model: type[T], model: str = MODEL, **options: Any) -> T:
    return client.create(
        model=model, response_model=response_model, messages=messages(text), **options
    )


@cached_structured
def built_inside(text: str) -> User:
    made = instructor.from_openai(
        openai.OpenAI(api_key=os.environ["OPENAI_API_KEY"], base_url=os.environ["BASE_URL"])
    )
    try:
        return made.create(model=MODEL, response_model=User, messages=messages(text))
    finally:
        made.client.close()


@cached_structured
def with_completion(text: str) -> tuple[User, ChatCompletion]:
    return client.create_with_completion(model=MODEL, response_model=User, messages=messages(text))


@cached_structured
def many(text: str) -> list[User]:
    return client.create(model=MODEL, response_model=list[User], messages=messages(text))


@cached_structured
def unannotated(text: str):
    class Local(BaseModel):
        name: str

    return client.create(model=MODEL, response_model=Local, messages=messages(text))


@cached_structured
def streamed(text: str) -> Iterator[User]:
    yield from client.create_iterable(model=MODEL, response_model=User, messages=messages(text))


SHAPES: dict[str, Callable[[], Any]] = {
    "global client": lambda: global_client("x"),
    "awaited client": lambda: asyncio.run(awaited_client("x")),
    "client as argument": lambda: client_as_argument(client, "x"),
    "method": lambda: Extractor(client).run("x"),
    "generic": lambda: generic("x", User, temperature=0.5),
    "built inside": lambda: built_inside("x"),
    "with completion": lambda: with_completion("x"),
    "list": lambda: many("x"),
    "local class": lambda: unannotated("x"),
    "stream": lambda: list(streamed("x")),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[LoopbackProvider]:
    with LoopbackProvider() as provider:
        yield provider


@pytest.fixture
def connect(provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes new clients, in the globals and in the environment, with an API key."""

    def connected(key: str) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
        monkeypatch.setenv("BASE_URL", provider.openai_url)
        made = provider.openai_client(api_key=key, timeout=7 + len(key))
        amade = provider.async_openai_client(api_key=key)
        monkeypatch.setitem(globals(), "client", instructor.from_openai(made))
        monkeypatch.setitem(globals(), "aclient", instructor.from_openai(amade))

    return connected


@pytest.mark.parametrize("shape", SHAPES)
def test_one_request_then_a_hit_even_after_the_key_was_rotated(provider, connect, shape):
    before = provider.count
    connect(KEYS[0])
    first = SHAPES[shape]()
    assert provider.count == before + 1
    connect(KEYS[1])
    second = SHAPES[shape]()
    assert provider.count == before + 1
    assert second == first
    assert type(second) is type(first)


def test_a_completion_is_the_sdks_own_class_on_both_paths(provider, connect):
    connect(KEYS[0])
    for _ in range(2):
        user, completion = with_completion("completion")
        assert isinstance(completion, ChatCompletion)
        assert completion.usage is not None
        assert user._raw_response.model_dump_json() == completion.model_dump_json()


@pytest.mark.parametrize(
    ("shape", "changed"),
    [
        ("global client", {"PROMPT": "Find the user."}),
        ("global client", {"MODEL": "gpt-4o"}),
        ("awaited client", {"PROMPT": "Find the user."}),
        ("built inside", {"MODEL": "gpt-4o"}),
        ("method", {"PROMPT": "Find the user."}),
    ],
)
def test_what_the_function_reads_is_in_its_key(provider, connect, monkeypatch, shape, changed):
    connect(KEYS[0])
    SHAPES[shape]()
    before = provider.count
    for name, value in changed.items():
        monkeypatch.setitem(globals(), name, value)
    SHAPES[shape]()
    assert provider.count == before + 1


def test_no_key_is_in_any_byte_that_is_written_or_told(isolated: Path, connect, caplog):
    connect(KEYS[0])
    told: list[str] = []
    with caplog.at_level(logging.DEBUG, logger="llmcache"), record() as calls:
        for shape, call in SHAPES.items():
            if shape != "awaited client":
                call()
    told += [repr(event) for event in calls]
    told += [repr(global_client.cache_key("x")), str(global_client.cache_explain("other"))]
    told += [str(built_inside.cache_explain("x")), repr(client_as_argument.cache_key(client, "x"))]
    told += [record.getMessage() for record in caplog.records]
    written = [path.read_bytes() for path in isolated.rglob("*") if path.is_file()]
    assert sum(len(data) for data in written) > 10_000
    for text in told:
        assert not any(key in text for key in KEYS)
    for data in written:
        assert not any(key.encode() in data for key in KEYS)
    assert any("OPENAI_API_KEY" in text for text in told)
