"""Whatever an Instructor client can be asked, a cached one sends once and answers again the same.

Through the real SDKs, against a provider on loopback: each provider, each mode that Instructor has
for it, each kind of response, sync and async.
"""

# ruff: noqa: UP007, UP045 - users write both spellings of a union

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterable
from typing import Any, Literal, Optional, Union

import anthropic.types
import instructor
import openai.types.chat
import openai.types.responses
import pytest
from instructor.core.hooks import HookName
from instructor.v2.core.providers import Provider
from instructor.v2.core.registry import mode_registry
from pydantic import BaseModel
from typing_extensions import TypedDict

from llmcache import Hit, LRUBackend, Miss, Store, cached_client, record
from llmcache.testing.provider import LoopbackProvider

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*deprecated.*:DeprecationWarning",
    "ignore:Anthropic client does not support:UserWarning",
)

ASKED: dict[str, Any] = {
    "model": "some-model",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Jo, 33"}],
}


class User(BaseModel):
    name: str
    age: Optional[int] = None


class City(BaseModel):
    city: str


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Film(TypedDict):
    title: str


KINDS: dict[str, Any] = {
    "model": User,
    "no model": None,
    "list": list[User],
    "Maybe": instructor.Maybe(User),
    "union": Union[User, City],
    "Optional": Optional[User],
    "Literal": Literal["a", "b"],
    "Enum": Mood,
    "int": int,
    "str": str,
    "bool": bool,
    "list of int": list[int],
    "list of unions": list[Union[User, City]],
    "TypedDict": Film,
}
COMPLETIONS = (
    openai.types.chat.ChatCompletion,
    openai.types.responses.Response,
    anthropic.types.Message,
)
MODES = [
    (name, mode.name)
    for name in ("openai", "anthropic")
    for mode in mode_registry.get_modes_for_provider(Provider(name))
]
each_mode = pytest.mark.parametrize(
    ("name", "style"), [each for each in MODES if "PARALLEL" not in each[1]]
)
each_parallel_mode = pytest.mark.parametrize(
    ("name", "style"), [each for each in MODES if "PARALLEL" in each[1]]
)


@pytest.fixture
def client(provider: LoopbackProvider, name: Any, style: str, mode: str) -> Any:
    """A cached client over a new one of the SDK."""
    made = provider.instructor(name, mode=style, asynchronous=mode == "async")
    return cached_client(made, backend=LRUBackend())


async def settled(value: Any) -> Any:
    """What was asked for; a stream as the list of its items."""
    if inspect.isawaitable(value):
        value = await value
    if inspect.isasyncgen(value):
        return [item async for item in value]
    return list(value) if hasattr(value, "__next__") else value


def shown(value: Any) -> Any:
    """All that a caller can see of an answer."""
    if isinstance(value, BaseModel):
        raw = getattr(value, "_raw_response", None)
        fields = sorted(value.model_fields_set)
        return type(value), value.model_dump(), fields, raw and raw.model_dump()
    if isinstance(value, list | tuple):
        return type(value), [shown(item) for item in value]
    return type(value), value


async def twice(provider: LoopbackProvider, ask: Any) -> tuple[Any, Any]:
    """The answers to two equal calls, the first of which is one request, the second none."""
    counts = []
    answers = []
    with record() as calls:
        for _ in range(2):
            answers.append(await settled(ask()))
            counts.append(provider.count)
    assert counts == [1, 1]
    assert [type(event) for event in calls if not isinstance(event, Store)] == [Miss, Hit]
    first, second = answers
    assert shown(first) == shown(second)
    return first, second


@each_mode
@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_is_one_request_and_its_repetition_none(
    provider: LoopbackProvider, client: Any, name: str, style: str, kind: str
) -> None:
    if (name, style, kind) == ("anthropic", "JSON_SCHEMA", "no model"):
        pytest.skip("Instructor refuses this mode without a response model")
    first, second = await twice(
        provider, lambda: client.create(response_model=KINDS[kind], **ASKED)
    )
    if kind == "no model":
        assert type(first) in COMPLETIONS
    if kind == "model":
        assert (type(first), type(second)) == (User, User)


@each_mode
async def test_the_completion_that_comes_with_an_answer_is_the_sdks_own(
    provider: LoopbackProvider, client: Any
) -> None:
    first, second = await twice(
        provider, lambda: client.create_with_completion(response_model=User, **ASKED)
    )
    assert type(first[1]) is type(second[1])
    assert type(second[1]) in COMPLETIONS
    assert second[1].model_dump_json() == first[1].model_dump_json()


@each_mode
@pytest.mark.parametrize("way", ["create_iterable", "create_partial"])
async def test_a_stream_is_replayed(provider: LoopbackProvider, client: Any, way: str) -> None:
    first, second = await twice(
        provider, lambda: getattr(client, way)(response_model=User, **ASKED)
    )
    assert first
    assert {type(item) for item in (*first, *second)} == {User}


@each_parallel_mode
async def test_parallel_tools_come_back_one_by_one(provider: LoopbackProvider, client: Any) -> None:
    first, _ = await twice(
        provider, lambda: client.create(response_model=Iterable[Union[User, City]], **ASKED)
    )
    assert {type(item) for item in first} <= {User, City}


@pytest.mark.parametrize(("name", "style"), [("openai", "TOOLS"), ("anthropic", "TOOLS")])
async def test_every_way_to_ask_is_the_same_question(
    provider: LoopbackProvider, client: Any
) -> None:
    answers = [
        await settled(ask(response_model=User, **ASKED))
        for ask in (client.create, client.chat.completions.create, client.messages.create)
    ]
    assert provider.count == 1
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(("name", "style"), [("openai", "RESPONSES_TOOLS")])
async def test_the_responses_of_the_client_are_cached_too(
    provider: LoopbackProvider, client: Any
) -> None:
    first, _ = await twice(
        provider,
        lambda: client.responses.create("Jo, 33", model="some-model", response_model=User),
    )
    assert type(first) is User
    assert client.responses.client is client


@pytest.mark.parametrize(("name", "style"), [("openai", "TOOLS")])
async def test_it_stays_an_instructor_client_and_the_original_stays_uncached(
    provider: LoopbackProvider, mode: str, name: Any, style: str
) -> None:
    made = provider.instructor(name, mode=style, asynchronous=mode == "async", temperature=0.5)
    cached = cached_client(made, backend=LRUBackend())
    assert type(cached) is type(made)
    assert isinstance(cached, instructor.Instructor)
    assert (cached.mode, cached.kwargs, cached.client) == (made.mode, made.kwargs, made.client)
    assert cached.base_url == made.base_url
    for _ in range(2):
        await settled(made.create(response_model=User, **ASKED))
    assert provider.count == 2
    assert cached_client(cached, backend=LRUBackend()).create_fn.create is made.create_fn


@pytest.mark.parametrize(("name", "style"), [("openai", "TOOLS")])
async def test_hooks_see_requests_and_hits_are_told_as_events(
    provider: LoopbackProvider, client: Any
) -> None:
    heard: list[str] = []
    client.on("completion:kwargs", lambda **_: heard.append("kwargs"))
    client.on("completion:response", lambda _: heard.append("response"))
    await settled(client.create(response_model=User, **ASKED))
    assert heard == ["kwargs", "response"]
    with record() as calls:
        await settled(client.create(response_model=User, **ASKED))
    assert heard == ["kwargs", "response"]
    assert [type(event) for event in calls] == [Hit]
    client.clear("completion:kwargs")
    client.off("completion:response", client.hooks._handlers[HookName.COMPLETION_RESPONSE][0])
    await settled(client.create(response_model=City, **ASKED))
    assert heard == ["kwargs", "response"]


def test_what_is_no_instructor_client_is_refused(provider: LoopbackProvider) -> None:
    with pytest.raises(TypeError, match=r"from_openai\(client\)"):
        cached_client(provider.openai_client())
