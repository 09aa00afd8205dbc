"""Clients are recognised by what makes their answers differ."""

from __future__ import annotations

import gc
import sys
import types
import warnings
from typing import Any

import anthropic
import instructor
import openai
import pytest
import wrapt

from llmcache.keys import identities
from llmcache.keys.clients import client_facts, is_client
from llmcache.keys.identities import client_digest
from llmcache.keys.key import FunctionKeys


def raw(**options: Any) -> openai.OpenAI:
    return openai.OpenAI(**{"api_key": "sk-one", **options})


UNSEEN: list[dict[str, Any]] = [
    {"api_key": "sk-two"},
    {"timeout": 3},
    {"max_retries": 9},
    {"default_headers": {"Authorization": "Bearer sk", "X-Trace": "1"}},
    {"base_url": "https://API.openai.com/v1/"},
    {"base_url": "https://user:sk-one@api.openai.com/v1"},
    {"default_query": {"access_token": "sk"}},
]
SEEN: list[dict[str, Any]] = [
    {"base_url": "http://localhost:8000/v1"},
    {"organization": "org"},
    {"project": "pro"},
    {"default_query": {"api-version": "2024"}},
    {"default_query": {"route": "a"}},
    {"base_url": "https://api.openai.com/v1?route=a"},
]


@pytest.mark.parametrize("options", UNSEEN, ids=str)
def test_what_changes_no_answer_does_not_count(options: dict[str, Any]) -> None:
    assert client_facts(raw(**options)) == client_facts(raw())


@pytest.mark.parametrize("options", SEEN, ids=str)
def test_what_changes_answers_counts(options: dict[str, Any]) -> None:
    assert client_facts(raw(**options)) != client_facts(raw())


def test_organisation_and_project_may_come_as_headers() -> None:
    headers = {"openai-organization": "org", "OpenAI-Project": "pro"}
    given = client_facts(raw(organization="org", project="pro"))
    assert client_facts(raw(default_headers=headers)) == given


def test_azure_counts_by_endpoint_version_and_deployment() -> None:
    def azure(**options: Any) -> openai.AzureOpenAI:
        given = {"azure_endpoint": "https://a.example", "api_version": "1", "api_key": "sk"}
        return openai.AzureOpenAI(**{**given, **options})

    facts = {
        client_facts(azure(**o)) for o in ({}, {"api_version": "2"}, {"azure_deployment": "d"})
    }
    assert len(facts) == 3
    assert client_facts(azure(api_key="sk-two")) in facts


def test_sync_and_async_clients_of_one_service_are_alike() -> None:
    assert client_facts(openai.AsyncOpenAI(api_key="k")) == client_facts(raw())
    one, other = anthropic.Anthropic(api_key="k"), anthropic.AsyncAnthropic(api_key="j")
    assert client_facts(one) == client_facts(other) != client_facts(raw())


def test_an_instructor_client_counts_by_mode_defaults_and_what_is_below() -> None:
    made = [
        instructor.from_openai(raw()),
        instructor.from_openai(raw(), mode=instructor.Mode.JSON),
        instructor.from_openai(raw(), temperature=0),
        instructor.from_openai(raw(organization="org")),
    ]
    assert len(set(map(client_facts, made))) == len(made)
    assert client_facts(instructor.from_openai(raw(api_key="k"))) == client_facts(made[0])


def test_the_default_model_of_a_provider_string_counts() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = instructor.from_provider("openai/gpt-4o-mini", api_key="k")
        large = instructor.from_provider("openai/gpt-4o", api_key="k")
    assert client_facts(small) != client_facts(large)
    assert dict(client_facts(small) or ())["model"] == "gpt-4o-mini"


def test_parts_and_proxies_of_a_client_are_recognised() -> None:
    client = raw()
    assert is_client(client.chat.completions)
    assert client_facts(wrapt.ObjectProxy(client)) == client_facts(client)
    assert client_facts(client.chat.completions) != client_facts(client)


@pytest.mark.parametrize("value", ["text", 1, None, object(), openai, openai.OpenAI, [1]])
def test_other_values_are_no_clients(value: object) -> None:
    assert client_facts(value) is None
    assert client_digest(value) is None


def test_nothing_secret_is_in_the_facts() -> None:
    headers = {"Authorization": "sk-2"}
    client = raw(api_key="sk-1", default_headers=headers, base_url="http://u:sk-3@h/v1?key=sk-4")
    made = instructor.from_openai(client, api_key="sk-5")
    assert "sk-" not in repr(client_facts(made))


def asks_by_argument(client: Any, text: str) -> Any:
    return client.create(text)


def test_headers_that_do_not_count_are_listed_wherever_the_client_is() -> None:
    given = {"X-Route": "eu", "OpenAI-Project": "pro", "Authorization": "Bearer sk-1"}
    client = instructor.from_openai(raw(default_headers=given))
    asks = FunctionKeys(asks_by_argument)
    listed = (
        "header authorization of Instructor: not known to change answers",
        "header x-route of Instructor: not known to change answers",
    )
    assert asks.key((client, "x"), {}).unkeyed == listed
    assert asks.key(([client], "x"), {}).unkeyed == listed
    assert FunctionKeys(client.create).key((str, []), {}).unkeyed == listed
    assert asks.key((instructor.from_openai(raw()), "x"), {}).unkeyed == ()


def test_a_client_comes_apart_into_its_facts_in_an_explanation() -> None:
    asks = FunctionKeys(asks_by_argument)
    small = asks.key((instructor.from_openai(raw(), temperature=0), "x"), {}).parts
    large = asks.key((instructor.from_openai(raw(), temperature=1), "x"), {}).parts
    assert {name for name in small if small[name] != large[name]} == {
        "argument client: default temperature"
    }


def test_a_client_that_is_changed_is_looked_at_again() -> None:
    client = instructor.from_openai(raw())
    before = client_digest(client)
    assert client_digest(client) == before
    client.mode = instructor.Mode.JSON
    changed = client_digest(client)
    assert changed != before
    client.client.base_url = "http://localhost:1/v1"  # type: ignore[union-attr]
    assert client_digest(client) not in {before, changed}
    client.kwargs["temperature"] = 1
    assert client_digest(client) not in {before, changed}


def test_a_default_of_a_client_that_is_changed_in_place_is_looked_at_again() -> None:
    body = {"route": "a"}
    client = instructor.from_openai(
        raw(), temperature=1, extra_body=body, extra_headers={"OpenAI-Beta": "a"}
    )
    asks = FunctionKeys(asks_by_argument)
    found = [asks.digest((client, "x"), {})]
    body["route"] = "b"
    found.append(asks.digest((client, "x"), {}))
    client.kwargs["extra_headers"]["OpenAI-Beta"] = "b"
    found.append(asks.digest((client, "x"), {}))
    client.kwargs["top_p"] = client.kwargs.pop("temperature")
    found.append(asks.digest((client, "x"), {}))
    assert len({*found}) == len(found)


@pytest.fixture
def vendored(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module of somebody else's that has made a client."""
    module = types.ModuleType("keys_vendored")
    module.__file__ = "site-packages/keys_vendored.py"
    monkeypatch.setitem(sys.modules, "keys_vendored", module)
    vars(module)["client"] = raw()
    vars(module)["settings"] = types.SimpleNamespace(client=raw())
    return module


def test_another_client_in_a_module_of_somebody_else_is_looked_at(
    vendored: types.ModuleType,
) -> None:
    def direct(text: str) -> Any:
        return vendored.client, text

    def through(text: str) -> Any:
        return vendored.client.chat.completions.create(text)

    def held(text: str) -> Any:
        return vendored.settings.client.chat.completions.create(text)

    asking = [FunctionKeys(function) for function in (direct, through, held)]
    before = [keys.digest(("x",), {}) for keys in asking]
    vendored.client = vendored.settings.client = raw(base_url="http://localhost:1")
    changed = [keys.digest(("x",), {}) for keys in asking]
    assert not {*before} & {*changed}
    vendored.client.base_url = vendored.settings.client.base_url = "http://localhost:2"
    again = [keys.digest(("x",), {}) for keys in asking]
    assert not {*again} & {*before, *changed}
    vendored.client, vendored.settings = raw(), types.SimpleNamespace(client=raw(api_key="sk-2"))
    assert [keys.digest(("x",), {}) for keys in asking] == before


def test_the_client_of_the_module_openai_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def asks(text: str) -> Any:
        return openai.chat.completions.create(text)  # type: ignore[call-overload]

    def asks_a_part(text: str) -> Any:
        return chat.create(text)  # type: ignore[call-overload]

    def digests() -> list[str]:
        return [keys.digest(("x",), {}), parts.digest(("x",), {})]

    keys, parts = FunctionKeys(asks), FunctionKeys(asks_a_part)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(openai, "_client", None)
    assert keys.digest(("x",), {})
    monkeypatch.setattr(openai, "api_key", "sk-one")
    chat = openai.chat.completions
    before = digests()
    monkeypatch.setattr(openai, "api_key", "sk-two")
    assert digests() == before
    monkeypatch.setattr(openai, "base_url", "http://localhost:1")
    assert not {*digests()} & {*before}


def test_a_client_is_forgotten_when_it_is_gone() -> None:
    client = raw()
    client_digest(client)
    address = id(client)
    assert address in identities.digests
    del client
    gc.collect()
    assert address not in identities.digests
