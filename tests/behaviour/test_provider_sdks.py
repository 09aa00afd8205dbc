"""The loopback provider as the real OpenAI, Anthropic and Instructor clients see it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from instructor.core import IncompleteOutputException
from pydantic import BaseModel, Field

from llmcache.testing.provider import Answer, Failure, LoopbackProvider

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*deprecated.*:DeprecationWarning",  # Instructor's older names are tried too
    "ignore:Anthropic client does not support:UserWarning",
)

OPENAI_MODES = [
    "TOOLS",
    "TOOLS_STRICT",
    "FUNCTIONS",
    "JSON",
    "JSON_O1",
    "JSON_SCHEMA",
    "MD_JSON",
    "RESPONSES_TOOLS",
    "RESPONSES_TOOLS_WITH_INBUILT_TOOLS",
]
ANTHROPIC_MODES = [
    "TOOLS",
    "JSON",
    "JSON_SCHEMA",
    "ANTHROPIC_TOOLS",
    "ANTHROPIC_REASONING_TOOLS",
    "ANTHROPIC_JSON",
]
EVERY_MODE = [("openai", mode) for mode in OPENAI_MODES] + [
    ("anthropic", mode) for mode in ANTHROPIC_MODES
]
PARALLEL = [
    ("openai", "PARALLEL_TOOLS"),
    ("anthropic", "PARALLEL_TOOLS"),
    ("anthropic", "ANTHROPIC_PARALLEL_TOOLS"),
]
ASKED: dict[str, Any] = {
    "model": "any-model",
    "max_tokens": 100,
    "messages": [
        {"role": "system", "content": "Extract."},
        {"role": "user", "content": "Jo, 33"},
    ],
}
PLAIN: dict[str, Any] = {**ASKED, "messages": ASKED["messages"][1:]}


class User(BaseModel):
    """Somebody."""

    name: str
    age: int = Field(ge=0, le=150)
    tags: list[str] = Field(min_length=1)


class Weather(BaseModel):
    """Of a city."""

    city: str
    celsius: float = Field(ge=-60, le=60)


async def awaited(value: Any) -> Any:
    """The result of a sync or an async call; streams are read to their end."""
    if inspect.isawaitable(value):
        value = await value
    if inspect.isasyncgen(value):
        return [item async for item in value]
    return list(value) if inspect.isgenerator(value) else value


def client_for(provider: LoopbackProvider, name: Any, style: str, mode: str) -> Any:
    return provider.instructor(name, mode=style, asynchronous=mode == "async")


@pytest.mark.parametrize(("name", "style"), EVERY_MODE)
async def test_instructor_gets_what_it_wants_in_every_mode(
    provider: LoopbackProvider, mode: str, name: str, style: str
) -> None:
    client = client_for(provider, name, style, mode)
    first = await awaited(client.create(response_model=User, **ASKED))
    again, completion = await awaited(client.create_with_completion(response_model=User, **ASKED))
    users = await awaited(client.create_iterable(response_model=User, **ASKED))
    partials = await awaited(client.create_partial(response_model=User, **ASKED))
    assert first.model_dump() == again.model_dump()
    assert isinstance(first, User)
    assert completion.usage.model_dump().get("output_tokens") != 0
    assert users
    assert all(isinstance(user, User) for user in users)
    assert User.model_validate(partials[-1].model_dump())
    assert (provider.count, provider.most_in_flight) == (4, 1)


@pytest.mark.parametrize(("name", "style"), PARALLEL)
async def test_instructor_gets_every_tool_called_in_parallel(
    provider: LoopbackProvider, mode: str, name: str, style: str
) -> None:
    client = client_for(provider, name, style, mode)
    results = await awaited(client.create(response_model=Iterable[User | Weather], **ASKED))
    assert [type(result) for result in results] == [User, Weather]


@pytest.mark.parametrize("name", ["openai", "anthropic"])
async def test_an_invalid_answer_is_asked_for_again(
    provider: LoopbackProvider, mode: str, name: str
) -> None:
    good = User(name="Jo", age=33, tags=["x"])
    provider.script({"name": "Jo", "age": -1, "tags": []}, good)
    client = client_for(provider, name, "TOOLS", mode)
    answer = await awaited(client.create(response_model=User, max_retries=2, **ASKED))
    assert answer.model_dump() == good.model_dump()
    assert "greater than or equal to 0" in json.dumps(provider.requests[1].body)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
async def test_a_truncated_answer_is_said_to_be_so(
    provider: LoopbackProvider, mode: str, name: str
) -> None:
    provider.script(Answer(finish="length"))
    client = client_for(provider, name, "TOOLS", mode)
    with pytest.raises(IncompleteOutputException):
        await awaited(client.create(response_model=User, max_retries=1, **ASKED))


async def chat(provider: LoopbackProvider, mode: str, **options: Any) -> Any:
    if mode == "sync":
        return provider.openai_client().chat.completions.create(**{**PLAIN, **options})
    return await provider.async_openai_client().chat.completions.create(**{**PLAIN, **options})


async def responses(provider: LoopbackProvider, mode: str, **options: Any) -> Any:
    asked = {"model": "m", "input": "Jo, 33", **options}
    if mode == "sync":
        return provider.openai_client().responses.create(**asked)
    return await provider.async_openai_client().responses.create(**asked)


async def messages(provider: LoopbackProvider, mode: str, **options: Any) -> Any:
    if mode == "sync":
        return provider.anthropic_client().messages.create(**{**PLAIN, **options})
    return await provider.async_anthropic_client().messages.create(**{**PLAIN, **options})


async def collected(stream: Any) -> list[Any]:
    if hasattr(stream, "__aiter__"):
        return [item async for item in stream]
    return list(stream)


USER_SCHEMA = User.model_json_schema()
CHAT_TOOL = {"type": "function", "function": {"name": "User", "parameters": USER_SCHEMA}}
RESPONSES_TOOL = {"type": "function", "name": "User", "parameters": USER_SCHEMA, "strict": False}
MESSAGES_TOOL = {"name": "User", "input_schema": USER_SCHEMA}


async def test_chat_answers_text_tools_and_schemas(provider: LoopbackProvider, mode: str) -> None:
    text = await chat(provider, mode)
    tool = await chat(provider, mode, tools=[CHAT_TOOL])
    none = await chat(provider, mode, tools=[CHAT_TOOL], tool_choice="none")
    form = {"type": "json_schema", "json_schema": {"name": "User", "schema": USER_SCHEMA}}
    shaped = await chat(provider, mode, response_format=form)
    free = await chat(provider, mode, response_format={"type": "json_object"})
    [call] = tool.choices[0].message.tool_calls
    assert (text.choices[0].finish_reason, tool.choices[0].finish_reason) == ("stop", "tool_calls")
    assert User.model_validate_json(call.function.arguments)
    assert User.model_validate_json(shaped.choices[0].message.content)
    assert isinstance(json.loads(free.choices[0].message.content), dict)
    assert none.choices[0].message.content == text.choices[0].message.content
    assert (text.model, text.id) == ("any-model", "chatcmpl-loopback-1")
    assert text.usage.total_tokens == text.usage.prompt_tokens + text.usage.completion_tokens > 2


async def test_a_chat_stream_adds_up_to_the_whole_answer(
    provider: LoopbackProvider, mode: str
) -> None:
    whole = await chat(provider, mode)
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = await collected(await chat(provider, mode, **options))
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == whole.choices[0].message.content
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == (
        [],
        whole.usage.completion_tokens,
    )
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_streamed_tool_calls_add_up_each_under_its_index(
    provider: LoopbackProvider, mode: str
) -> None:
    called = [("User", {"name": "Jo", "age": 1, "tags": ["t"]}), ("Other", {"long": "text " * 30})]
    provider.script(Answer(calls=called))
    chunks = await collected(await chat(provider, mode, stream=True, tools=[CHAT_TOOL]))
    names, arguments = {}, {0: "", 1: ""}
    for chunk in chunks:
        for delta in chunk.choices[0].delta.tool_calls or ():
            names.setdefault(delta.index, delta.function.name)
            arguments[delta.index] += delta.function.arguments
    assert [(names[index], json.loads(arguments[index])) for index in (0, 1)] == called
    assert all(chunk.usage is None for chunk in chunks)


async def test_responses_answer_text_tools_and_schemas(
    provider: LoopbackProvider, mode: str
) -> None:
    text = await responses(provider, mode)
    tool = await responses(provider, mode, tools=[RESPONSES_TOOL], tool_choice="required")
    none = await responses(provider, mode, tools=[RESPONSES_TOOL], tool_choice="none")
    form = {"format": {"type": "json_schema", "name": "User", "schema": USER_SCHEMA}}
    shaped = await responses(provider, mode, text=form)
    assert (text.status, text.output_text[-1]) == ("completed", ".")
    assert none.output_text == text.output_text
    assert User.model_validate_json(tool.output[0].arguments)
    assert User.model_validate_json(shaped.output_text)
    assert text.usage.total_tokens == text.usage.input_tokens + text.usage.output_tokens


async def test_a_responses_stream_ends_with_the_whole_answer(
    provider: LoopbackProvider, mode: str
) -> None:
    whole = await responses(provider, mode)
    events = await collected(await responses(provider, mode, stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text == whole.output_text
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_messages_answer_text_and_tools(provider: LoopbackProvider, mode: str) -> None:
    text = await messages(provider, mode)
    tool = await messages(provider, mode, tools=[MESSAGES_TOOL], tool_choice={"type": "any"})
    none = await messages(provider, mode, tools=[MESSAGES_TOOL], tool_choice={"type": "none"})
    config = {"format": {"type": "json_schema", "schema": USER_SCHEMA}}
    shaped = await messages(provider, mode, output_config=config)
    assert (text.stop_reason, tool.stop_reason) == ("end_turn", "tool_use")
    assert User.model_validate(tool.content[0].input)
    assert User.model_validate_json(shaped.content[0].text)
    assert none.content == text.content
    assert text.usage.input_tokens > 0 < text.usage.output_tokens


async def test_a_messages_stream_adds_up_to_the_whole_answer(
    provider: LoopbackProvider, mode: str
) -> None:
    asked = {**PLAIN, "tools": [MESSAGES_TOOL]}
    whole = await messages(provider, mode, **asked)
    if mode == "sync":
        with provider.anthropic_client().messages.stream(**asked) as stream:
            final = stream.get_final_message()
    else:
        async with provider.async_anthropic_client().messages.stream(**asked) as streamed:
            final = await streamed.get_final_message()
    assert final.content[0].input == whole.content[0].input
    assert (final.stop_reason, final.usage) == (whole.stop_reason, whole.usage)


async def test_a_refusal_is_told_as_each_format_tells_it(
    provider: LoopbackProvider, mode: str
) -> None:
    provider.script(lambda _request: Answer(refusal="No."))
    chatted = await chat(provider, mode, tools=[CHAT_TOOL])
    responded = await responses(provider, mode)
    streamed = await collected(await responses(provider, mode, stream=True))
    message = await messages(provider, mode)
    assert (chatted.choices[0].message.refusal, chatted.choices[0].message.tool_calls) == (
        "No.",
        None,
    )
    assert responded.output[0].content[0].refusal == "No."
    assert [e.delta for e in streamed if e.type == "response.refusal.delta"] == ["No."]
    assert (message.stop_reason, message.content[0].text) == ("refusal", "No.")


async def test_the_reason_for_the_end_is_told_as_each_format_tells_it(
    provider: LoopbackProvider, mode: str
) -> None:
    provider.script(lambda request: Answer(finish=request.headers["x-finish"]))
    reasons = {}
    for finish in ("length", "content_filter"):
        headers = {"extra_headers": {"x-finish": finish}}
        responded = await responses(provider, mode, **headers)
        reasons[finish] = (
            (await chat(provider, mode, **headers)).choices[0].finish_reason,
            (await messages(provider, mode, **headers)).stop_reason,
            (responded.status, responded.incomplete_details.reason),
        )
    assert reasons == {
        "length": ("length", "max_tokens", ("incomplete", "max_output_tokens")),
        "content_filter": ("content_filter", "refusal", ("incomplete", "content_filter")),
    }


async def test_failures_become_the_sdks_own_errors(provider: LoopbackProvider, mode: str) -> None:
    provider.script(
        Failure(status=429, retry_after=3),
        Failure(status=529),
        Failure(status=401),
        Failure(drop=True),
    )
    with pytest.raises(openai.RateLimitError) as limited:
        await chat(provider, mode)
    with pytest.raises(anthropic.InternalServerError, match="overloaded_error"):
        await messages(provider, mode)
    with pytest.raises(openai.AuthenticationError):
        await responses(provider, mode)
    with pytest.raises(anthropic.APIConnectionError):
        await messages(provider, mode)
    assert limited.value.response.headers["retry-after"] == "3"
    assert provider.count == 4


async def test_a_stream_can_break_off(provider: LoopbackProvider, mode: str) -> None:
    provider.script(Answer(value="a long answer " * 20, drop_after_chunks=3))
    stream = await chat(provider, mode, stream=True)
    with pytest.raises(httpx2.RemoteProtocolError, match="peer closed connection"):
        await collected(stream)


async def test_scripted_tokens_and_model_are_answered(
    provider: LoopbackProvider, mode: str
) -> None:
    provider.script(lambda _request: Answer(input_tokens=7, output_tokens=5, model="other"))
    chatted, message = await chat(provider, mode), await messages(provider, mode)
    assert (chatted.usage.prompt_tokens, chatted.usage.completion_tokens) == (7, 5)
    assert (message.usage.input_tokens, message.usage.output_tokens) == (7, 5)
    assert (chatted.model, message.model) == ("other", "other")


async def test_under_an_alias_the_base_url_is_the_same_in_every_run(mode: str) -> None:
    async with LoopbackProvider(alias="provider.invalid") as provider:
        client = provider.openai_client()
        answer = await chat(provider, mode)
        await messages(provider, mode)
        assert str(client.base_url) == "http://provider.invalid/v1/"
        assert answer.choices[0].message.content
        assert [request.path for request in provider.requests] == [
            "/v1/chat/completions",
            "/v1/messages",
        ]
