"""The facts of a client, word by word: they are in keys, so that none may change unnoticed."""

from __future__ import annotations

import copy
import dataclasses
import enum
from typing import Any

import anthropic
import instructor
import openai
import pytest
from pydantic import BaseModel

from llmcache.keys.clients import client_facts, other_headers
from llmcache.keys.key import FunctionKeys


class Answer(BaseModel):
    """A type that is asked for."""

    text: str


OPENAI = ("class", "OpenAI")
PUBLIC = ("base url", "https://api.openai.com/v1")


def raw(**options: Any) -> openai.OpenAI:
    return openai.OpenAI(**{"api_key": "sk-one", **options})


CLIENTS: dict[str, tuple[Any, tuple[tuple[str, str], ...]]] = {
    "plain": (raw(), (PUBLIC, OPENAI)),
    "async": (openai.AsyncOpenAI(api_key="sk"), (PUBLIC, OPENAI)),
    "server of one's own": (
        raw(base_url="http://LOCALHOST:8000/v1/"),
        (("base url", "http://localhost:8000/v1"), OPENAI),
    ),
    "address with user, known port and query": (
        raw(base_url="https://u:p@h.example:443/v1?route=b&key=c"),
        (("base url", "https://h.example/v1"), OPENAI, ("query route", "'b'")),
    ),
    "organization and project": (
        raw(organization="org", project="pro"),
        (PUBLIC, OPENAI, ("organization", "org"), ("project", "pro")),
    ),
    "headers": (
        raw(default_headers={"OpenAI-Organization": "o", "X-Trace": "1"}, organization="x"),
        (PUBLIC, OPENAI, ("organization", "o")),
    ),
    "query": (
        raw(default_query={"api-version": "1", "route": "a", "token": "s"}),
        (("api version", "1"), PUBLIC, OPENAI, ("query route", "'a'")),
    ),
    "resource": (raw().chat.completions, (PUBLIC, OPENAI, ("resource", "Completions"))),
    "Anthropic": (
        anthropic.Anthropic(api_key="sk", default_headers={"anthropic-beta": "b"}),
        (("base url", "https://api.anthropic.com"), ("beta", "b"), ("class", "Anthropic")),
    ),
    "Azure": (
        openai.AzureOpenAI(
            azure_endpoint="https://a.example", api_version="1", api_key="s", azure_deployment="d"
        ),
        (
            ("api version", "1"),
            ("base url", "https://a.example/openai/deployments/d"),
            ("class", "AzureOpenAI"),
            ("deployment", "d"),
        ),
    ),
    "Instructor with defaults": (
        instructor.from_openai(raw(), model="m", temperature=0.5, max_retries=4),
        (
            PUBLIC,
            OPENAI,
            ("default temperature", "0.5"),
            ("mode", "tool_call"),
            ("model", "m"),
            ("provider", "openai"),
        ),
    ),
    "Instructor by a string": (
        instructor.from_provider("openai/gpt-4o-mini", api_key="sk"),
        (
            PUBLIC,
            OPENAI,
            ("mode", "tool_call"),
            ("model", "gpt-4o-mini"),
            ("provider", "openai"),
        ),
    ),
    "Instructor on Anthropic": (
        instructor.from_anthropic(anthropic.Anthropic(api_key="sk")),
        (
            ("base url", "https://api.anthropic.com"),
            ("class", "Anthropic"),
            ("mode", "tool_call"),
            ("model", ""),
            ("provider", "anthropic"),
        ),
    ),
}


@pytest.mark.parametrize(("client", "facts"), CLIENTS.values(), ids=CLIENTS)
def test_a_client_has_these_facts_and_no_others(
    client: Any, facts: tuple[tuple[str, str], ...]
) -> None:
    assert client_facts(client) == facts


@pytest.mark.parametrize(
    "name",
    [
        *("hooks", "max_retries", "num_retries", "timeout", "request_timeout", "stream_timeout"),
        *("token_budget", "cache", "cache_ttl", "http_client", "default_headers", "verbose"),
        *("logger_fn", "user", "metadata", "safety_identifier", "prompt_cache_key"),
        *("prompt_cache_retention", "api_key", "auth_token", "azure_ad_token"),
        *("azure_ad_token_provider", "aws_access_key_id", "aws_secret_access_key"),
        *("aws_session_token", "vertex_credentials", "credentials"),
    ],
)
def test_a_default_of_instructor_that_changes_no_answer_does_not_count(name: str) -> None:
    client = instructor.from_openai(raw())
    client.kwargs[name] = "given"
    assert client_facts(client) == client_facts(instructor.from_openai(raw()))


def test_headers_among_the_defaults_of_instructor_count_as_those_of_a_request_do() -> None:
    plain = instructor.from_openai(raw())
    for source in ("headers", "extra_headers"):
        made = instructor.from_openai(raw())
        made.kwargs[source] = {"OpenAI-Beta": "b", "X-Trace": "1", "Authorization": "s"}
        assert dict(client_facts(made) or ()) == {
            **dict(client_facts(plain) or ()),
            "default header openai-beta": "b",
        }
        assert other_headers(made) == ["authorization", "x-trace"]


class Level(enum.Enum):
    """A setting as an SDK has it."""

    LOW = 0
    HIGH = 1


@dataclasses.dataclass
class Config:
    """A default as `GenerateContentConfig` is."""

    level: int


def with_default(value: object) -> FunctionKeys:
    """What asks a client with that default."""
    client = instructor.from_openai(raw())
    client.kwargs["given"] = value

    def asks(text: str) -> Any:
        return client.create(text)  # type: ignore[call-overload]

    return FunctionKeys(asks)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"who": "Jo"}, {"who": "Al"}),
        ({1: "a", "b": 2}, {1: "a", "b": 3}),
        ([Config(0)], [Config(1)]),
        (Config(0), Config(1)),
        (Level.LOW, Level.HIGH),
        (Answer, list[Answer]),
    ],
)
def test_a_default_of_instructor_counts_by_what_it_holds(one: object, other: object) -> None:
    """A context, for one, is put into the messages."""
    before = with_default(one).key(("x",), {})
    assert before.digest == with_default(copy.deepcopy(one)).digest(("x",), {})
    after = with_default(other).key(("x",), {})
    changed = {name for name in before.parts if after.parts[name] != before.parts[name]}
    assert len(changed) == 1
    assert changed.pop().endswith("client: default given")


def test_a_default_of_instructor_without_a_stable_form_is_listed() -> None:
    keys = with_default(object())
    said = "default given of Instructor: object has no stable form"
    assert keys.key(("x",), {}).unkeyed == (said,)
    assert keys.digest(("x",), {}) == with_default(object()).digest(("x",), {})


def test_a_part_of_a_query_counts_by_what_it_holds() -> None:
    def digest(route: object) -> str:
        client = instructor.from_openai(raw(default_query={"route": route}))
        return FunctionKeys(client.create).digest((str, []), {})

    assert digest(["a"]) == digest(["a"])
    assert len({digest(["a"]), digest(["b"]), digest("a")}) == 3


@pytest.mark.parametrize("name", ["OpenAI-Beta", "anthropic-beta"])
def test_a_beta_in_the_headers_of_a_client_counts(name: str) -> None:
    assert ("beta", "b") in (client_facts(raw(default_headers={name: "b"})) or ())


def of_module(module: str, name: str, **attributes: str) -> Any:
    """An object of a class of that name, as an SDK that is not installed would make it."""
    return type(name, (), {"__module__": module, **attributes})()


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("organization", "organization"),
        ("project", "project"),
        ("_api_version", "api version"),
        ("_azure_deployment", "deployment"),
        ("aws_region", "region"),
        ("region", "region"),
        ("project_id", "project"),
        ("workspace_id", "workspace"),
    ],
)
def test_what_a_client_of_a_known_sdk_is_made_with_counts(attribute: str, name: str) -> None:
    client = of_module("anthropic", "CloudClient", **{attribute: "here"})
    facts = client_facts(client)
    assert facts is not None
    assert set(facts) == {("base url", ""), ("class", "CloudClient"), (name, "here")}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("groq._client", "Groq"),
        ("mistralai.sdk", "Mistral"),
        ("cohere.client", "Client"),
        ("cerebras.cloud.sdk", "Cerebras"),
        ("fireworks.client", "Client"),
        ("writerai", "WriterClient"),
        ("google.genai.client", "Client"),
    ],
)
def test_a_client_of_another_sdk_counts_by_class_and_address(module: str, name: str) -> None:
    client = of_module(module, f"Async{name}", base_url="https://API.example:8443/v2/")
    assert client_facts(client) == (("base url", "https://api.example:8443/v2"), ("class", name))


@pytest.mark.parametrize("module", ["groqs", "app.groq", "vertexai"])
def test_a_class_of_another_package_is_no_client(module: str) -> None:
    assert client_facts(of_module(module, "Client")) is None
