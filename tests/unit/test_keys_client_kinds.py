"""Which objects are clients, and the small print of their facts."""

from __future__ import annotations

import enum
from typing import Any

import pytest

from llmcache.keys.clients import (
    client_facts,
    counted_headers,
    default_model,
    held_facts,
    is_client,
    known_kind,
    other_headers,
    plain_text,
    plain_url,
)

SCHEMA = {"type": "object"}


def class_of(module: str, name: str, **members: Any) -> type:
    """A class of that name, as the SDK of that name would make it."""
    return type(name, (), {"__module__": module, **members})


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        ("instructor.core.client", "Instructor", "instructor"),
        ("instructor.core.client", "AsyncInstructor", "instructor"),
        ("instructor.core.client", "Response", None),
        ("shop.client", "Instructor", None),
        ("openai._base_client", "SyncAPIClient", "raw"),
        ("openai._base_client", "AsyncAPIClient", "raw"),
        ("anthropic._base_client", "SyncAPIClient", "raw"),
        ("openai._base_client", "Page", None),
        ("openai._resource", "SyncAPIResource", "resource"),
        ("openai._resource", "AsyncAPIResource", "resource"),
        ("openai._module_client", "ChatProxy", "resource"),
        ("openai._other", "ChatProxy", None),
        ("openai", "SomeClient", "raw"),
        ("openai.types", "SomeClient", None),
        ("openai", "Some", None),
        ("shop", "SomeClient", None),
        ("cohere.client", "ClientV2", None),
        ("google.genai", "Client", "other"),
        ("groq", "Stream", None),
        ("shop", "SyncAPIClient", None),
        ("shop", "SyncAPIResource", None),
    ],
)
def test_a_client_is_known_by_the_name_of_its_class(
    module: str, name: str, kind: str | None
) -> None:
    assert known_kind(class_of(module, name)) == kind
    below = type("Own", (class_of(module, name),), {"__module__": "shop"})
    assert is_client(below()) is (kind is not None)


class Rude:
    """One that does not say what it is."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError


def test_what_does_not_say_what_it_is_is_no_client() -> None:
    assert not is_client(Rude())
    assert client_facts(Rude()) is None


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        (None, ""),
        ("https://api.example/v1/", "https://api.example/v1"),
        ("HTTPS://API.Example/V1", "https://api.example/V1"),
        ("https://user:secret@api.example:8443/v1?key=s#x", "https://api.example:8443/v1"),
        ("https://api.example", "https://api.example"),
        ("", "://"),
    ],
)
def test_an_address_counts_without_what_may_be_secret(url: object, plain: str) -> None:
    assert plain_url(url) == plain


class Mode(enum.Enum):
    TOOLS = "tool_call"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (Mode.TOOLS, "tool_call"), ("m", "m"), (3, "3")]
)
def test_a_setting_counts_as_text(value: object, text: str) -> None:
    assert plain_text(value) == text


@pytest.mark.parametrize(
    ("header", "fact"),
    [
        ("OpenAI-Organization", "organization"),
        ("OpenAI-Project", "project"),
        ("api-version", "api version"),
        ("anthropic-version", "api version"),
        ("anthropic-beta", "beta"),
        ("OpenAI-Beta", "beta"),
        ("Authorization", None),
        ("X-Trace", None),
    ],
)
def test_of_the_headers_these_count(header: str, fact: str | None) -> None:
    client = class_of("openai", "RawClient", _custom_headers={header: "h"})()
    facts = dict(client_facts(client) or ())
    assert {*facts} == {"class", "base url", *([fact] if fact else [])}
    assert facts.get(str(fact), "h") == "h"
    assert counted_headers({"headers": {header: 1}}) == ({header.lower(): 1} if fact else {})
    assert counted_headers({"extra_headers": {header: 1}}) == ({header.lower(): 1} if fact else {})
    assert counted_headers({"body": {header: 1}, "headers": None}) == {}
    assert other_headers(client) == ([] if fact else [header.lower()])


@pytest.mark.parametrize("place", ["_client", "client"])
def test_headers_of_the_client_below_do_not_count_either(place: str) -> None:
    below = class_of("openai", "RawClient", _custom_headers={"X-Trace": "1"})()
    assert other_headers(class_of("openai", "Top", **{place: below})()) == ["x-trace"]


@pytest.mark.parametrize("headers", [{}, {"X-Trace": "1"}, {"OpenAI-Project": "p"}, None])
def test_what_is_given_beside_headers_counts(headers: Any) -> None:
    client = class_of("openai", "RawClient", organization="o", _custom_headers=headers)()
    assert dict(client_facts(client) or ())["organization"] == "o"


def test_what_is_given_as_header_is_what_is_sent() -> None:
    headers = {"OpenAI-Organization": "h"}
    client = class_of("openai", "RawClient", organization="o", _custom_headers=headers)()
    assert dict(client_facts(client) or ())["organization"] == "h"


@pytest.mark.parametrize("nothing", ["", None, 3])
def test_what_is_no_text_or_empty_is_no_fact(nothing: object) -> None:
    client = class_of("openai", "RawClient", organization=nothing)()
    assert "organization" not in dict(client_facts(client) or ())


@pytest.mark.parametrize(
    ("query", "facts"),
    [
        ({"route": "a"}, {"query route": "'a'"}),
        ({"n": 1}, {"query n": "1"}),
        ({"token": "s"}, {}),
        ({"API-Version": "1"}, {"api version": "1"}),
        ({"shape": SCHEMA}, {}),
        (None, {}),
    ],
)
def test_of_a_query_what_is_no_secret_counts(query: Any, facts: dict[str, str]) -> None:
    client = class_of("openai", "RawClient", _custom_query=query)()
    found = dict(client_facts(client) or ())
    assert {n: found[n] for n in found if n not in {"class", "base url"}} == facts


def test_what_is_more_than_a_text_or_a_number_is_held() -> None:
    below = class_of("openai", "RawClient", _custom_query={"shape": SCHEMA, "n": 1, "token": [1]})()
    kwargs = {"schema": SCHEMA, "model": "m", "metadata": {}, "headers": {}, "extra_headers": {}}
    for place in ("client", "_client"):
        client = class_of("instructor", "Instructor", kwargs=kwargs, **{place: below})()
        assert list(held_facts(client)) == [("default schema", SCHEMA), ("query shape", SCHEMA)]
    other = class_of("shop", "Other", kwargs={"schema": SCHEMA})()
    assert list(held_facts(class_of("instructor", "Instructor", client=other)())) == []


@pytest.mark.parametrize(
    ("below", "facts"),
    [
        (class_of("shop", "Own")(), {"client": "Own"}),
        (class_of("openai", "RawClient")(), {"class": "RawClient", "base url": "://"}),
    ],
)
def test_an_instructor_client_counts_with_what_is_below(below: Any, facts: dict[str, str]) -> None:
    below.__class__.base_url = ""
    own = {"provider": "p", "mode": Mode.TOOLS, "default_model": "m", "kwargs": {}}
    client = class_of("instructor", "Instructor", client=below, **own)()
    told = {"provider": "p", "mode": "tool_call", "model": "m"}
    assert dict(client_facts(client) or ()) == {**facts, **told}


def creating(default_model: object, other: str = "o") -> Any:
    def create() -> object:
        return other, default_model

    return create


def test_the_default_model_is_found_in_the_closure() -> None:
    assert default_model(creating("m")) == "m"
    assert default_model(creating(3)) is None
    assert default_model(class_of) is None
    assert default_model(None) is None


def test_a_part_of_a_client_counts_with_its_client_where_that_can_be_made() -> None:
    raw = class_of("openai", "RawClient", base_url="http://a.example")()
    part = class_of("openai.r", "AsyncChat", _client=raw)
    part = type("AsyncChat", (class_of("openai.r", "SyncAPIResource"), part), {})
    part.__module__ = "openai.resources"
    assert dict(client_facts(part()) or ()) == {
        "class": "RawClient",
        "base url": "http://a.example",
        "resource": "Chat",
    }

    def refuses(_: object) -> None:
        raise ValueError

    proxy = class_of("openai._module_client", "ChatProxy", _client=property(refuses))()
    assert client_facts(proxy) == (("resource", "ChatProxy"),)
