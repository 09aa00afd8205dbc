"""SDK clients as what makes their answers differ, and nothing secret.

A client counts by provider, mode, base URL, organisation, project, API version and default model.
Keys, tokens, other headers and time-outs do not count. Clients are told by the name of their
class's module; no SDK is imported.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import hashlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from llmcache.keys.secrets import is_secret_name

__all__ = [
    "HEADER_SOURCES", "PASSED_BY", "Identity", "client_digest", "client_facts", "counted_headers",
    "is_client", "other_headers",
]  # fmt: skip

RAW = frozenset({"openai", "anthropic"})
OTHERS = frozenset({"groq", "mistralai", "cohere", "cerebras", "fireworks", "writerai", "google"})
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


class Identity(bytes):
    """What counts of a client, in 32 bytes.

    Attributes:
        facts: The same as names and texts, for explanations.
    """

    facts: tuple[tuple[str, str], ...]


UNCHANGING = frozenset({str, int, float, bool, bytes, type(None)})
CONTAINERS = ("kwargs", "_custom_headers", "_custom_query")
digests: dict[int, tuple[weakref.ref[Any], list[object], Identity]] = {}
kinds: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


def is_client(value: object) -> bool:
    """Whether the value is a client, a proxy of one, or a part of one such as `client.chat`."""
    return kind_of(value) is not None


def client_digest(value: object) -> Identity | None:
    """The facts in 32 bytes; None: not a client.

    Kept as long as the client lives and holds the very same objects, so that a call costs a look
    at those.
    """
    known = digests.get(id(value))
    if known is not None:
        reference, held, found = known
        now = held_by(value)
        if reference() is value and len(now) == len(held) and all(map(same, now, held)):
            return found
    facts = client_facts(value)
    if facts is None:
        return None
    found = Identity(hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).digest())
    found.facts = facts
    with contextlib.suppress(TypeError):
        forget = functools.partial(forgotten, id(value))
        digests[id(value)] = (weakref.ref(value, forget), held_by(value), found)
    return found


def same(one: object, other: object) -> bool:
    """Whether it is the very object; of containers, which are held as text, the same text."""
    return one is other or (type(one) is str and type(other) is str and one == other)


def forgotten(address: int, reference: object) -> None:
    """Drop what is known of a client that is gone, unless another one took its address."""
    known = digests.get(address)
    if known is not None and known[0] is reference:
        del digests[address]


def held_by(value: Any) -> list[object]:
    """All that a client holds, what changes in place and what lies below it included."""
    own = value.__dict__
    held = [*own.values()]
    for name in CONTAINERS:
        container = own.get(name)
        if container:
            items = container.values()
            held += [item if type(item) in UNCHANGING else stable_text(item) for item in items]
    inner = own.get("client") or own.get("_client")
    if type(inner).__module__.partition(".")[0] in RAW:
        held += held_by(inner)
    return held


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
    if top in RAW and known.__name__ in {"SyncAPIResource", "AsyncAPIResource"}:
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
    for name, value in sorted(defaults.items()):
        if name not in PASSED_BY and name not in HEADER_SOURCES:
            yield f"default {name}", stable_text(value)
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
        if str(name).lower() not in HEADERS and not is_secret_name(str(name)):
            yield f"query {name}", stable_text(said)
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
    """`client.chat.completions`: the client, and which part of it."""
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


def stable_text(value: object) -> str:
    """A default of a client as text; containers in order, objects by their class only."""
    if isinstance(value, Mapping):
        pairs = (f"{name!r}:{stable_text(item)}" for name, item in sorted(value.items()))
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(stable_text, value))}]"
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return repr(value)
    return f"<{type(value).__name__}>"


READERS: dict[str, Callable[[Any], Iterator[tuple[str, str]]]] = {
    "instructor": instructor_facts,
    "raw": raw_facts,
    "resource": resource_facts,
    "other": other_facts,
}
