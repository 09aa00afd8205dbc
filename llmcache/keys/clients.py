"""SDK clients as what makes their answers differ, and nothing secret.

A client counts by provider, mode, base URL, organisation, project, API version, default model and
other defaults. Keys, tokens, other headers and time-outs do not count. Clients are told by the name
of their class's module; no SDK is imported.
"""

from __future__ import annotations

import contextlib
import enum
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from llmcache.keys.secrets import is_secret_name

__all__ = [
    "HEADER_SOURCES",
    "PASSED_BY",
    "PROXIES",
    "RAW",
    "client_facts",
    "counted_headers",
    "held_facts",
    "is_client",
    "other_headers",
]

RAW = frozenset({"openai", "anthropic"})
OTHERS = frozenset({"groq", "mistralai", "cohere", "cerebras", "fireworks", "writerai", "google"})
RESOURCES = frozenset({"SyncAPIResource", "AsyncAPIResource"})
PROXIES = "_module_client"
"""The module of `openai.chat` and the like, parts of a client that reads the module's globals."""
ATTRIBUTES = {
    "organization": "organization",
    "project": "project",
    "_api_version": "api version",
    "_azure_deployment": "deployment",
    "aws_region": "region",
    "region": "region",
    "project_id": "project",
    "workspace_id": "workspace",
}
HEADERS = {
    "openai-organization": "organization",
    "openai-project": "project",
    "api-version": "api version",
    "anthropic-version": "api version",
    "anthropic-beta": "beta",
    "openai-beta": "beta",
}
"""Headers that can change an answer; credentials, tracing and user agents cannot."""

HEADER_SOURCES = ("headers", "extra_headers")
"""Parameters of a request that hold headers, which count one by one."""

PASSED_BY = frozenset({
    "hooks", "max_retries", "num_retries", "timeout", "request_timeout", "stream_timeout",
    "token_budget", "cache", "cache_ttl", "http_client", "default_headers", "verbose", "logger_fn",
    "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    "api_key", "auth_token", "azure_ad_token", "azure_ad_token_provider", "aws_access_key_id",
    "aws_secret_access_key", "aws_session_token", "vertex_credentials", "credentials",
})  # fmt: skip
"""What of a request, or of the defaults of a client, changes no answer: how it is fetched, who
asks, credentials. A token budget ends re-asks; what ends in an error is not stored."""


PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
kinds: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


def is_client(value: object) -> bool:
    """Whether the value is a client, a proxy of one, or a part of one such as `client.chat`."""
    return kind_of(value) is not None


def held_facts(value: Any) -> Iterator[tuple[str, object]]:
    """The defaults of a client that are more than a text or a number, and may change in place."""
    for source, word in (("kwargs", "default"), ("_custom_query", "query")):
        given = getattr(value, source, None)
        for name, item in given.items() if isinstance(given, Mapping) else ():
            if type(item) not in PLAIN and counts(name, word):
                yield f"{word} {name}", item
    for inner in (getattr(value, name, None) for name in ("client", "_client")):
        if type(inner).__module__.partition(".")[0] in RAW:
            yield from held_facts(inner)


def counts(name: object, word: str) -> bool:
    """Whether a default, or a part of a query, is a fact of its own."""
    if word == "default":
        return name not in PASSED_BY and name not in HEADER_SOURCES
    return str(name).lower() not in HEADERS and not is_secret_name(str(name))


def client_facts(value: object) -> tuple[tuple[str, str], ...] | None:
    """What counts of a client, as names and texts in a fixed order; None: not a client."""
    kind = kind_of(value)
    if kind is None:
        return None
    facts = dict(READERS[kind](value))
    return tuple(sorted(facts.items()))


def other_headers(value: Any) -> list[str]:
    """The names of the headers that the user gave a client and that do not count."""
    holders = (value, getattr(value, "_client", None), getattr(value, "client", None))
    given = [getattr(holder, "_custom_headers", None) for holder in holders]
    defaults = getattr(value, "kwargs", None)
    if isinstance(defaults, Mapping):
        given += [defaults.get(source) for source in HEADER_SOURCES]
    names = {str(name).lower() for each in given if isinstance(each, Mapping) for name in each}
    return sorted(names.difference(HEADERS))


def counted_headers(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the headers among the parameters of a request that count, in lower case."""
    return {
        str(name).lower(): value
        for source in HEADER_SOURCES
        if isinstance(given := parameters.get(source), Mapping)
        for name, value in given.items()
        if str(name).lower() in HEADERS
    }


def kind_of(value: object) -> str | None:
    """Which of the readers below fits, by the classes of the value; a proxy says its client's."""
    try:
        said = value.__class__
        kind = kinds.get(said)
        if kind is None:
            kind = kinds[said] = next(filter(None, map(known_kind, said.__mro__)), "")
    except Exception:  # noqa: BLE001 - what is asked runs code of the user's, which may raise anything
        return None
    return kind or None


def known_kind(known: type) -> str | None:
    """The reader for one class, by its module and name."""
    top, _, rest = known.__module__.partition(".")
    if top == "instructor" and known.__name__ in {"Instructor", "AsyncInstructor"}:
        return "instructor"
    if top in RAW and known.__name__ in {"SyncAPIClient", "AsyncAPIClient"}:
        return "raw"
    if top in RAW and (known.__name__ in RESOURCES or rest == PROXIES):
        return "resource"
    if top in OTHERS and known.__name__.lower().endswith(("client", "groq", "mistral", "cerebras")):
        return "other"
    return "raw" if top in RAW and not rest and "Client" in known.__name__ else None


def instructor_facts(client: Any) -> Iterator[tuple[str, str]]:
    """An Instructor client: that of the SDK below it, and its own mode and defaults."""
    inner = getattr(client, "client", None)
    if inner is not None:
        yield from client_facts(inner) or [("client", class_name(inner))]
    for name in ("provider", "mode"):
        yield name, plain_text(getattr(client, name, None))
    model = getattr(client, "default_model", None) or default_model(
        getattr(client, "create_fn", None)
    )
    yield "model", plain_text(model)
    defaults = getattr(client, "kwargs", {})
    for name, value in defaults.items():
        if type(value) in PLAIN and counts(name, "default"):
            yield f"default {name}", repr(value)
    for name, value in counted_headers(defaults).items():
        yield f"default header {name}", str(value)


def default_model(create: Any) -> str | None:
    """The model that `from_provider` put into the closure of its `create`."""
    code, closure = getattr(create, "__code__", None), getattr(create, "__closure__", None)
    for name, cell in zip(code.co_freevars if code else (), closure or (), strict=False):
        if name == "default_model":
            return cell.cell_contents if isinstance(cell.cell_contents, str) else None
    return None


def raw_facts(client: Any) -> Iterator[tuple[str, str]]:
    """A client of an SDK."""
    yield "class", class_name(client).removeprefix("Async")
    yield "base url", plain_url(getattr(client, "base_url", None))
    asked = dict(parse_qsl(urlsplit(str(getattr(client, "base_url", ""))).query))
    given_query = getattr(client, "_custom_query", None)
    asked.update(given_query if isinstance(given_query, Mapping) else {})
    for name, said in asked.items():
        if type(said) in PLAIN and counts(name, "query"):
            yield f"query {name}", repr(said)
    for source in ("_custom_headers", "_custom_query"):
        given = getattr(client, source, None)
        if isinstance(given, Mapping):
            for name, value in given.items():
                if str(name).lower() in HEADERS:
                    yield HEADERS[str(name).lower()], str(value)
    for attribute, name in ATTRIBUTES.items():
        value = getattr(client, attribute, None)
        given_as_header = name in {"organization", "project"} and header_of(client, name)
        if isinstance(value, str) and value and not given_as_header:
            yield name, value


def header_of(client: Any, name: str) -> bool:
    """Whether a header of the client says this already; the header is what is sent."""
    given = getattr(client, "_custom_headers", None) or {}
    return any(HEADERS.get(str(header).lower()) == name for header in given)


def resource_facts(resource: Any) -> Iterator[tuple[str, str]]:
    """`client.chat.completions`: the client, and which part of it.

    That of `openai.chat` is made when it is first asked for, which fails without credentials.
    """
    with contextlib.suppress(Exception):
        yield from client_facts(resource._client) or ()  # noqa: SLF001 - where every resource keeps it
    yield "resource", class_name(resource).removeprefix("Async")


def other_facts(client: Any) -> Iterator[tuple[str, str]]:
    """A client of an SDK that is known by name only."""
    yield "class", class_name(client).removeprefix("Async")
    yield "base url", plain_url(getattr(client, "base_url", None))


def class_name(value: object) -> str:
    """The class by its name; where it lies in its package changes between releases."""
    known = value.__class__
    return f"{known.__name__}" if known.__module__.partition(".")[0] in RAW else known.__qualname__


def plain_url(url: object) -> str:
    """A URL without user, password, query and closing slash; host in lower case."""
    if url is None:
        return ""
    parts = urlsplit(str(url))
    host = (parts.hostname or "").lower()
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme.lower()}://{host}{port}{parts.path.rstrip('/')}"


def plain_text(value: object) -> str:
    """An enum by its value, None as nothing, everything else as text."""
    if value is None:
        return ""
    return str(value.value) if isinstance(value, enum.Enum) else str(value)


READERS: dict[str, Callable[[Any], Iterator[tuple[str, str]]]] = {
    "instructor": instructor_facts,
    "raw": raw_facts,
    "resource": resource_facts,
    "other": other_facts,
}
