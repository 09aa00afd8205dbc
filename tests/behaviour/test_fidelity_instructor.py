"""What real Instructor, OpenAI and Anthropic clients answer comes back as it was."""


# ruff: noqa: UP007, UP045 - users write both spellings of a union

from __future__ import annotations

import enum
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, Optional, Union

import anthropic.types
import instructor
import openai.types.chat
import openai.types.responses
import pydantic
import pytest
from instructor.v2.dsl.response_list import ListResponse
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from llmcache.codecs import (
    ResultCodec,
    SeenTypes,
    Unreadable,
    Usage,
    reason_not_to_keep,
    usage_of,
)
from llmcache.testing.provider import Answer, LoopbackProvider

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*deprecated.*:DeprecationWarning",  # Instructor's older names are tried too
    "ignore:Anthropic client does not support:UserWarning",
)

ASKED: dict[str, Any] = {
    "model": "some-model",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Jo, 33"}],
}
ran: list[str] = []


def counted(value: Any, what: str) -> Any:
    ran.append(what)
    return value


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class User(BaseModel):
    """Somebody, watched."""

    name: Annotated[str, pydantic.AfterValidator(lambda value: counted(value, "validator"))]
    age: Optional[int] = None
    _seen: int = pydantic.PrivateAttr(default_factory=lambda: counted(1, "factory"))

    @pydantic.field_serializer("name")
    def written(self, value: str) -> str:
        return counted(value[:1], "serializer")

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        ran.append("post init")


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    mood: Mood
    secret: pydantic.SecretStr
    left: str = Field("none", alias="leftOver")


class City(BaseModel):
    city: str
    parts: list[User] = Field(default_factory=list)


class Film(TypedDict):
    title: str


MaybeUser = instructor.Maybe(User)

KINDS: dict[str, Any] = {
    "model": User,
    "frozen with alias and secret": Strict,
    "nested": City,
    "list": list[User],
    "Iterable": Iterable[User],
    "Maybe": MaybeUser,
    "union": Union[User, City],
    "Optional": Optional[User],
    "Literal": Literal["a", "b"],
    "Enum": Mood,
    "int": int,
    "str": str,
    "list of int": list[int],
    "list of unions": list[Union[User, City]],
    "TypedDict": Film,
}
CLIENTS = [("openai", "TOOLS"), ("openai", "RESPONSES_TOOLS"), ("anthropic", "TOOLS")]
each_client = pytest.mark.parametrize(("name", "style"), CLIENTS)
each_kind = pytest.mark.parametrize("kind", KINDS)


async def awaited(value: Any) -> Any:
    if inspect.isawaitable(value):
        value = await value
    if inspect.isasyncgen(value):
        return [item async for item in value]
    return list(value) if inspect.isgenerator(value) else value


def client_for(provider: LoopbackProvider, name: Any, style: str, mode: str) -> Any:
    return provider.instructor(name, mode=style, asynchronous=mode == "async")


@each_client
@each_kind
async def test_an_answer_comes_back_with_its_completion_and_runs_nothing(
    provider: LoopbackProvider, mode: str, name: str, style: str, kind: str
) -> None:
    declared = KINDS[kind]
    client = client_for(provider, name, style, mode)
    answer = await awaited(client.create(response_model=declared, **ASKED))
    codec = ResultCodec(declared)
    ran.clear()
    dumped = codec.dump(answer)
    restored = codec.load(dumped.data)
    assert ran == []
    assert state(restored) == state(dumped.value) == state(answer)
    assert own_class(type(restored), declared)
    assert usage_of(restored) == usage_of(answer)
    if hasattr(answer, "_raw_response"):
        before, after = answer._raw_response, restored._raw_response
        assert after.model_dump_json() == before.model_dump_json()
        assert (after.usage, type(after)) == (before.usage, type(before))
        assert after._request_id == before._request_id
    if not type(restored).__module__.startswith("instructor."):
        assert state(pickle.loads(pickle.dumps(restored))) == state(restored)


def own_class(kind: type, declared: Any) -> bool:
    """Whether a class is one that the user wrote or declared, and not one made for the call."""
    if issubclass(kind, BaseModel) and declared is not Film:
        return kind in {User, Strict, City, MaybeUser}
    return True


def state(value: Any) -> Any:
    """All that there is to a value but for the class that Instructor derived for the call."""
    if isinstance(value, BaseModel):
        slots = [
            state(getattr(value, name, "unfilled"))
            for name in ("__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__")
        ]
        return type(value).__qualname__, state(vars(value)), slots
    if isinstance(value, pydantic.SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return [(key, state(part)) for key, part in value.items()]
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, list | tuple):
        return type(value), [state(part) for part in value], vars_of(value)
    return type(value), repr(value)


def vars_of(value: Any) -> Any:
    return {name: state(part) for name, part in getattr(value, "__dict__", {}).items()}


@each_client
async def test_a_pair_with_the_completion_shares_it_as_before(
    provider: LoopbackProvider, mode: str, name: str, style: str
) -> None:
    client = client_for(provider, name, style, mode)
    pair = await awaited(client.create_with_completion(response_model=User, **ASKED))
    restored = ResultCodec(tuple[User, Any]).dump(pair).value
    assert type(restored) is tuple
    assert restored[1] is restored[0]._raw_response
    assert state(restored) == state(pair)
    assert usage_of(restored) == usage_of(pair) == usage_of(pair[0])


@each_client
async def test_partials_come_back_as_the_users_class(
    provider: LoopbackProvider, mode: str, name: str, style: str
) -> None:
    client = client_for(provider, name, style, mode)
    partials = await awaited(client.create_partial(response_model=User, **ASKED))
    assert len(partials) > 1
    restored = [ResultCodec(Iterable[User]).dump(partial).value for partial in partials]
    assert {type(partial) for partial in restored} == {User}
    assert [vars(part) for part in restored] == [vars(part) for part in partials]


def test_the_closed_connection_of_a_stream_is_not_kept(provider: LoopbackProvider) -> None:
    client = provider.instructor("openai", mode="TOOLS")
    partials = client.create_partial(response_model=User, **ASKED)
    assert not isinstance(partials._raw_response, BaseModel | None)
    restored = ResultCodec(Iterable[User]).dump(partials).value
    assert (type(restored), restored._raw_response) == (ListResponse, None)
    assert [vars(part) for part in restored] == [vars(part) for part in partials]


async def test_a_class_made_in_the_body_comes_back_in_this_process_and_no_other(
    provider: LoopbackProvider,
) -> None:
    client = provider.instructor("openai", mode="TOOLS")

    def ask() -> Any:
        class Local(BaseModel):
            text: str

        return client.create(response_model=Local, **ASKED), Local

    seen = SeenTypes()
    (first, _), (second, last) = ask(), ask()
    data = ResultCodec(Any, (), seen).dump(first).data
    ResultCodec(Any, (), seen).dump(second)
    assert type(ResultCodec(Any, (), seen).load(data)) is last
    with pytest.raises(Unreadable, match="Local"):
        ResultCodec(Any, (), SeenTypes()).load(data)


@pytest.mark.parametrize(
    ("wanted", "declared"), [(instructor.Maybe(User), User), (Film, Film), (list[Film], list[Film])]
)
def test_what_instructor_derives_from_a_declared_class_comes_back_in_another_process(
    provider: LoopbackProvider, wanted: Any, declared: Any
) -> None:
    client = provider.instructor("openai", mode="TOOLS")
    answer = client.create(response_model=wanted, **ASKED)
    data = ResultCodec(declared).dump(answer).data
    restored = [ResultCodec(declared, (), SeenTypes()).load(data) for _ in range(2)]
    assert state(restored[0]) == state(restored[1]) == state(answer)


async def test_a_decorated_response_class_comes_back_as_itself(
    provider: LoopbackProvider,
) -> None:
    client = provider.instructor("openai", mode="TOOLS")
    decorated = instructor.openai_schema(User)
    answer = client.create(response_model=decorated, **ASKED)
    assert type(ResultCodec(decorated).dump(answer).value) is decorated


def chat(provider: LoopbackProvider, **options: Any) -> Any:
    client = provider.openai_client()
    return client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], **options
    )


def respond(provider: LoopbackProvider, **options: Any) -> Any:
    return provider.openai_client().responses.create(model="m", input="x", **options)


def message(provider: LoopbackProvider, **options: Any) -> Any:
    return provider.anthropic_client().messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}], **options
    )


SCHEMA = User.model_json_schema()
ASKS: list[tuple[Callable[..., Any], dict[str, Any], type]] = [
    (chat, {}, openai.types.chat.ChatCompletion),
    (
        chat,
        {"tools": [{"type": "function", "function": {"name": "U", "parameters": SCHEMA}}]},
        openai.types.chat.ChatCompletion,
    ),
    (respond, {}, openai.types.responses.Response),
    (
        respond,
        {"tools": [{"type": "function", "name": "U", "parameters": SCHEMA, "strict": False}]},
        openai.types.responses.Response,
    ),
    (message, {}, anthropic.types.Message),
    (message, {"tools": [{"name": "U", "input_schema": SCHEMA}]}, anthropic.types.Message),
]


@pytest.mark.parametrize(("ask", "options", "kind"), ASKS)
def test_a_completion_of_its_own_comes_back_as_the_sdks_class(
    provider: LoopbackProvider, ask: Callable[..., Any], options: dict[str, Any], kind: type
) -> None:
    completion = ask(provider, **options)
    restored = ResultCodec(Any).load(ResultCodec(Any).dump(completion).data)
    assert type(restored) is kind
    assert restored.model_dump_json() == completion.model_dump_json()
    assert repr(restored) == repr(completion)
    usage = usage_of(restored)
    assert usage is not None
    assert (usage.model, usage.input_tokens, usage.output_tokens) == (
        completion.model,
        getattr(completion.usage, "prompt_tokens", None) or completion.usage.input_tokens,
        getattr(completion.usage, "completion_tokens", None) or completion.usage.output_tokens,
    )


@pytest.mark.parametrize("ask", [chat, respond, message])
@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        (Answer(), {None}),
        (Answer(finish="length"), {"truncated"}),
        (Answer(finish="content_filter"), {"filtered", "refused"}),
        (Answer(refusal="No."), {"refused"}),
    ],
)
def test_an_answer_not_worth_keeping_is_known_by_its_completion(
    provider: LoopbackProvider, ask: Callable[..., Any], answer: Answer, reasons: set[Any]
) -> None:
    provider.script(answer)
    completion = ask(provider)
    result = User.model_construct(name="x")
    object.__setattr__(result, "_raw_response", completion)
    listed = ListResponse([1], _raw_response=completion)
    for value in (completion, (result, completion), result, listed):
        assert reason_not_to_keep(value) in reasons


def test_values_without_a_completion_have_no_usage_and_nothing_against_them() -> None:
    for value in (None, 3, "x", [], (1, 2), User(name="x"), {"usage": 1}):
        assert (usage_of(value), reason_not_to_keep(value)) == (None, None)


def test_tokens_of_a_prompt_cache_count_as_input() -> None:
    completion = anthropic.types.Message.model_construct(
        model="m",
        stop_reason="end_turn",
        usage=anthropic.types.Usage(
            input_tokens=1,
            output_tokens=2,
            cache_read_input_tokens=10,
            cache_creation_input_tokens=100,
        ),
    )
    assert usage_of(completion) == Usage("m", 111, 2)


READ = """
import sys
from typing import Any
from llmcache.codecs import ResultCodec
assert not any(name.startswith("openai") for name in sys.modules)
data = bytes.fromhex(sys.stdin.read())
value = ResultCodec(Any).load(data)
print(type(value).__module__, value.model_dump_json())
"""


def test_an_sdk_that_is_not_loaded_yet_is_loaded_for_its_completion(
    provider: LoopbackProvider,
) -> None:
    completion = chat(provider)
    data = ResultCodec(Any).dump(completion).data
    done = subprocess.run(  # noqa: S603 - this interpreter, this text
        [sys.executable, "-c", READ], input=data.hex(), capture_output=True, text=True, check=True
    )
    module, _, dumped = done.stdout.strip().partition(" ")
    assert (module, dumped) == ("openai.types.chat.chat_completion", completion.model_dump_json())


def test_an_sdk_that_is_missing_makes_a_miss(
    provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ResultCodec(Any).dump(chat(provider)).data
    for name in [name for name in sys.modules if name.partition(".")[0] == "openai"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(Unreadable, match="ChatCompletion"):
        ResultCodec(Any).load(data)


def test_fields_that_a_newer_sdk_has_get_their_defaults_and_lost_ones_become_extras(
    provider: LoopbackProvider,
) -> None:
    """As the SDK itself reads an answer of another release."""
    data = ResultCodec(Any).dump(chat(provider)).data
    table, _, body = data.partition(b"\n")
    node = json.loads(body)
    assert "service_tier" in node[2]
    del node[2]["service_tier"]
    node[2]["abandoned"] = 7
    restored = ResultCodec(Any).load(table + b"\n" + json.dumps(node).encode())
    assert restored.service_tier is None
    assert restored.abandoned == 7
    assert restored.model_extra == {"abandoned": 7}
