"""The request is the key: what can change an answer counts, what cannot does not."""

# ruff: noqa: UP007 - Instructor takes this spelling of a union

from __future__ import annotations

import base64
import datetime as dt
import decimal
import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import anthropic
import instructor
import openai
import pydantic
import pytest
from instructor.core.hooks import Hooks
from instructor.processing.multimodal import PDF, Image
from instructor.v2.core.utils import classproperty
from pydantic import BaseModel, Field, ValidationInfo, create_model

import llmcache
from llmcache import Hit, LRUBackend, UncacheableArgumentError, cached_client
from llmcache.backends.base import Entry
from llmcache.integrations.functions import MOST, Functions, answer
from llmcache.testing.provider import LoopbackProvider

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class User(BaseModel):
    name: str
    age: int


class Reviewed(BaseModel):
    """Its validator is shown the context."""

    name: str

    @pydantic.field_validator("name")
    @classmethod
    def known(cls, value: str, info: ValidationInfo) -> str:
        return value if info.context is None else f"{value}!"


class Prepared(BaseModel):
    """As `Reviewed`, after validation."""

    name: str

    def model_post_init(self, context: Any) -> None:
        self.name += "!" if context else "?"


class Handed(BaseModel):
    """Its hook only hands the context up."""

    name: str
    _seen: int = 0

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)


class Marked(BaseModel):
    """Modes that write the schema into a message render it with the context."""

    name: str = Field(description="in the manner of {{ poet }}")


@pytest.fixture(scope="module")
def provider() -> Iterator[LoopbackProvider]:
    with LoopbackProvider() as started:
        yield started


@pytest.fixture(autouse=True)
def fresh(provider: LoopbackProvider) -> None:
    provider.reset()


class Asking:
    """A question put in many ways, always to the same store."""

    def __init__(self, provider: LoopbackProvider) -> None:
        self.provider = provider
        self.backend = LRUBackend()

    def __call__(self, client: Any = None, /, **changed: Any) -> bool:
        """Ask; whether nothing was sent for it."""
        before = self.provider.count
        client = cached_client(client or self.provider.instructor(), backend=self.backend)
        request: dict[str, Any] = {
            "response_model": User,
            "model": "some-model",
            "messages": [
                {"role": "system", "content": "Extract."},
                {"role": "user", "content": "Jo, 33"},
            ],
            **changed,
        }
        client.create(**request)
        return self.provider.count == before

    def over(self, client: Any, **options: Any) -> bool:
        """Ask through another client of an SDK."""
        kind = "anthropic" if isinstance(client, anthropic.Anthropic) else "openai"
        made = getattr(instructor, f"from_{kind}")(client, **options)
        return self(made, max_tokens=9) if kind == "anthropic" else self(made)


@pytest.fixture
def asking(provider: LoopbackProvider) -> Asking:
    return Asking(provider)


STILL_HITS: dict[str, Callable[[LoopbackProvider], Any]] = {
    "a new client": lambda p: p.openai_client(),
    "a rotated key": lambda p: p.openai_client(api_key="another"),
    "a time-out": lambda p: p.openai_client(timeout=3),
    "retries of the SDK": lambda p: p.openai_client(max_retries=5),
    "headers that trace": lambda p: p.openai_client(default_headers={"X-Trace": "1"}),
    "another user agent": lambda p: p.openai_client(default_headers={"User-Agent": "me/1"}),
}


@pytest.mark.parametrize("what", STILL_HITS)
def test_a_client_that_differs_in_this_still_hits(
    asking: Asking, provider: LoopbackProvider, what: str
) -> None:
    assert not asking()
    assert asking.over(STILL_HITS[what](provider))


MISSES: dict[str, Callable[[LoopbackProvider], Any]] = {
    "base URL": lambda p: p.openai_client(base_url=p.openai_url.replace("127.0.0.1", "localhost")),
    "organisation": lambda p: p.openai_client(organization="org-2"),
    "project": lambda p: p.openai_client(project="proj-2"),
    "a header that chooses": lambda p: p.openai_client(
        default_headers={"OpenAI-Organization": "3"}
    ),
    "a beta": lambda p: p.openai_client(default_headers={"OpenAI-Beta": "assistants=v2"}),
}


@pytest.mark.parametrize("what", MISSES)
def test_a_client_that_differs_in_this_misses(
    asking: Asking, provider: LoopbackProvider, what: str
) -> None:
    asking()
    client = MISSES[what](provider)
    assert not asking.over(client)
    assert asking.over(client)


def test_another_mode_and_another_provider_miss(asking: Asking, provider: LoopbackProvider) -> None:
    asking()
    for mode in (instructor.Mode.JSON, instructor.Mode.MD_JSON, instructor.Mode.RESPONSES_TOOLS):
        assert not asking.over(provider.openai_client(), mode=mode)
    assert not asking.over(provider.anthropic_client())


def test_the_default_model_is_the_model(asking: Asking, provider: LoopbackProvider) -> None:
    asking()
    messages = [
        {"role": "system", "content": "Extract."},
        {"role": "user", "content": "Jo, 33"},
    ]
    for model, hit in (("some-model", True), ("other-model", False)):
        made = instructor.from_openai(provider.openai_client(), model=model)
        client = cached_client(made, backend=asking.backend)
        before = provider.count
        client.create(response_model=User, messages=messages)
        assert (provider.count == before) is hit
        assert client.default_model == model


def test_defaults_of_the_client_are_part_of_its_requests(
    asking: Asking, provider: LoopbackProvider
) -> None:
    asking(temperature=0.25)
    assert asking.over(provider.openai_client(), temperature=0.25)
    assert not asking.over(provider.openai_client(), temperature=0.75)


def another(**changed: Any) -> dict[str, Any]:
    return changed


DO_NOT_COUNT: dict[str, dict[str, Any]] = {
    "user": another(user="u-1"),
    "metadata": another(metadata={"run": "7"}),
    "safety_identifier": another(safety_identifier="u-1"),
    "timeout": another(timeout=7.0),
    "max_retries": another(max_retries=1),
    "token_budget": another(token_budget=100_000),
    "nothing added to the body": another(extra_body=None),
    "an empty addition to the body": another(extra_body={}),
    "nothing added to the query": another(extra_query=None),
    "messages in a tuple": another(
        messages=(
            {"role": "system", "content": "Extract."},
            {"role": "user", "content": "Jo, 33"},
        )
    ),
    "a tracing header": another(extra_headers={"traceparent": "00-1"}),
    "a credential in a header": another(extra_headers={"Authorization": "Bearer other"}),
    "hooks": another(hooks=Hooks()),
    "a value that is not sent": another(temperature=openai.NOT_GIVEN),
    "the order of a message's keys": another(
        messages=[
            {"content": "Extract.", "role": "system"},
            {"content": "Jo, 33", "role": "user"},
        ]
    ),
    "no context": another(context={}),
    "a context that nobody looks at": another(context={"unused": {1, 2}}),
}


@pytest.mark.parametrize("what", DO_NOT_COUNT)
def test_this_does_not_count(asking: Asking, what: str) -> None:
    assert not asking()
    assert asking(**DO_NOT_COUNT[what])


SYSTEM = {"role": "system", "content": "Extract."}
COUNT: dict[str, dict[str, Any]] = {
    "model": another(model="m2"),
    "temperature": another(temperature=0.1),
    "temperature 0 and 0.0": another(temperature=0),
    "seed": another(seed=1),
    "top_p": another(top_p=0.5),
    "max_tokens": another(max_tokens=100),
    "extra_body": another(extra_body={"top_k": 5}),
    "extra_query": another(extra_query={"v": "2"}),
    "a beta header": another(extra_headers={"OpenAI-Beta": "x"}),
    "strict": another(strict=False),
    "reasoning_effort": another(reasoning_effort="low"),
    "system prompt": another(
        messages=[{"role": "system", "content": "Extract!"}, {"role": "user", "content": "Jo, 33"}]
    ),
    "an earlier turn": another(
        messages=[SYSTEM, {"role": "user", "content": "Hi"}, {"role": "user", "content": "Jo, 33"}]
    ),
    "the order of messages": another(
        messages=[{"role": "user", "content": "Jo, 33"}, SYSTEM],
    ),
    "response model": another(response_model=create_model("User", name=(str, ...))),
    "a description in it": another(
        response_model=create_model(
            "User", name=(str, Field(description="as written")), age=(int, ...)
        )
    ),
    "the order of its fields": another(
        response_model=create_model("User", age=(int, ...), name=(str, ...))
    ),
    "a list of it": another(response_model=list[User]),
    "namespace": another(cache_namespace="tenant"),
    "sample": another(cache_sample=2),
}


@pytest.mark.parametrize("what", COUNT)
def test_this_counts(asking: Asking, what: str) -> None:
    asking()
    if what == "temperature 0 and 0.0":
        asking(temperature=0.0)
    assert not asking(**COUNT[what])
    assert asking(**COUNT[what])


def test_unions_and_literals_in_another_order_are_other_questions(
    provider: LoopbackProvider,
) -> None:
    """Python holds them equal; a model reads them from the left."""
    client = cached_client(provider.instructor(), backend=LRUBackend())
    wanted: list[Any] = [
        Literal["a", "b"],
        Literal["b", "a"],
        Union[User, Handed],
        Union[Handed, User],
    ]
    for kind in wanted * 2:
        client.create(response_model=kind, model="m", messages=templated("Jo"))
    assert provider.count == len(wanted)


WORDS = "one"


class Mixin:
    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        schema: dict[str, Any] = super().model_json_schema(*args, **kwargs)  # type: ignore[misc]
        return {**schema, "description": WORDS}


class Described(Mixin, BaseModel):
    name: str


class Parsed(BaseModel):
    name: str

    @classmethod
    def model_validate_json(cls, *args: Any, **kwargs: Any) -> Any:
        return super().model_validate_json(*args, **kwargs).model_copy(update={"name": WORDS})


class Validated(BaseModel):
    name: str

    @classmethod
    def model_validate(cls, *args: Any, **kwargs: Any) -> Any:
        return super().model_validate(*args, **kwargs).model_copy(update={"name": WORDS})


class Responded(BaseModel):
    name: str

    @classmethod
    def from_response(cls, *_: Any, **__: Any) -> Any:
        return cls(name=WORDS)


class Cored(BaseModel):
    name: str

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(source) if WORDS else None


class Propertied(BaseModel):
    model_config = pydantic.ConfigDict(ignored_types=(classproperty,))
    name: str

    @classproperty
    def openai_schema(cls) -> dict[str, Any]:  # noqa: N805 - Instructor's property of a class
        return {"description": WORDS}


@pytest.mark.parametrize("kind", [Described, Parsed, Validated, Responded, Cored, Propertied])
def test_what_a_model_overrides_of_pydantic_and_instructor_counts_with_what_it_reads(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    assert not asking(response_model=kind)
    assert asking(response_model=kind)
    monkeypatch.setitem(globals(), "WORDS", "two")
    assert not asking(response_model=kind)


def described_as(text: str) -> Any:
    """A class with other code under the same name."""
    body = (
        f"def model_json_schema(cls, **how): return {{**cls.plain(**how), 'description': {text!r}}}"
    )
    found: dict[str, Any] = {"__name__": __name__}
    exec(body, found)  # noqa: S102 - as an edit of the source
    method = found["model_json_schema"]
    plain = classmethod(BaseModel.model_json_schema.__func__)  # type: ignore[attr-defined]
    base = type("Base", (), {"plain": plain, "model_json_schema": classmethod(method)})
    return create_model("Edited", __base__=(base, BaseModel), name=(str, ...))


def test_another_schema_method_of_the_same_name_is_another_question(asking: Asking) -> None:
    assert not asking(response_model=described_as("one"))
    assert not asking(response_model=described_as("two"))


def tool(**properties: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": {"properties": properties}}}


def test_in_a_schema_the_order_of_properties_counts_and_no_other(asking: Asking) -> None:
    text, number = {"type": "string", "title": "T"}, {"type": "integer"}
    asking(extra_body={"more": [tool(a=text, b=number)], "k": 1})
    assert asking(extra_body={"k": 1, "more": [tool(a={"title": "T", "type": "string"}, b=number)]})
    assert not asking(extra_body={"more": [tool(b=number, a=text)], "k": 1})


def test_turns_of_an_sdks_own_classes_count_by_what_they_hold(
    asking: Asking, provider: LoopbackProvider
) -> None:
    """A field that a later release of the SDK adds is not set and changes nothing."""
    said = provider.anthropic_client().messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "Jo"}]
    )
    held = [block.model_dump(exclude_unset=True) for block in said.content]
    for content, hit in ((said.content, False), (held, True), (held * 2, False)):
        turns = [
            {"role": "user", "content": "Jo"},
            {"role": "assistant", "content": content},
            {"role": "user", "content": "And?"},
        ]
        client = provider.instructor("anthropic")
        assert asking(client, messages=turns, max_tokens=9) is hit


# ---- context -------------------------------------------------------------------------------


def templated(*parts: str, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": list(parts) if len(parts) > 1 else parts[0]}]


@pytest.mark.parametrize("parts", [("Find {{ who }}.",), ("Find {{ who }}.", "Thanks.")])
@pytest.mark.parametrize("role", ["user", "system"])
def test_a_context_counts_by_what_it_renders(asking: Asking, parts: Any, role: str) -> None:
    messages = [*templated(*parts, role=role), {"role": "user", "content": "Go."}]
    asking(messages=messages, context={"who": "Jo"})
    assert asking(messages=messages, context={"who": "Jo", "unused": {decimal.Decimal("1.0")}})
    assert not asking(messages=messages, context={"who": "Bo"})


def test_a_rendered_template_is_the_text_it_renders(asking: Asking) -> None:
    asking(messages=templated("Find Jo."))
    assert asking(messages=templated("Find {{ who }}."), context={"who": "Jo"})
    assert not asking(messages=templated("Find {{ who }}."))


def test_a_system_prompt_that_anthropic_does_not_render_is_kept_apart(
    asking: Asking, provider: LoopbackProvider
) -> None:
    def ask(text: str, **context: Any) -> bool:
        messages = [{"role": "system", "content": text}, {"role": "user", "content": "Jo"}]
        client = provider.instructor("anthropic")
        return asking(client, messages=messages, max_tokens=9, context=context)

    ask("Be {{ style }}.", style="short")
    assert not ask("Be short.", style="short")
    bodies = [request.body["system"] for request in provider.requests]
    assert "{{ style }}" in str(bodies[0])
    assert "{{ style }}" not in str(bodies[1])


@pytest.mark.parametrize("model", [Reviewed, list[Reviewed], Prepared, Marked])
def test_a_context_counts_whole_where_more_than_a_message_takes_it(
    asking: Asking, model: Any
) -> None:
    asking(response_model=model, context={"a": 1, "at": dt.time(1)})
    assert asking(response_model=model, context={"at": dt.time(1), "a": 1})
    assert not asking(response_model=model, context={"a": 2, "at": dt.time(1)})


def told(value: str, info: ValidationInfo) -> str:
    return value if info.context is None else f"{value}!"


def test_a_validator_in_an_annotation_is_seen(asking: Asking) -> None:
    kind = Annotated[str, pydantic.AfterValidator(told)]
    asking(response_model=kind, context={"a": 1})
    assert not asking(response_model=kind, context={"a": 2})


def test_a_hook_that_only_hands_the_context_up_does_not_make_it_count(asking: Asking) -> None:
    asking(response_model=Handed, context={"a": 1})
    assert asking(response_model=Handed, context={"a": 2})


@pytest.mark.parametrize(
    ("indented", "sent"), [("  Find\n  Jo.\n", "Find\nJo."), ("  Find Jo.", "Find Jo.")]
)
def test_an_indented_text_is_what_instructor_makes_of_it(
    asking: Asking, provider: LoopbackProvider, indented: str, sent: str
) -> None:
    """With any context Instructor takes the indentation away, without one it does not."""
    asking(messages=templated(indented))
    assert not asking(messages=templated(indented), context={"unused": 1})
    assert asking(messages=templated(sent))
    bodies = [request.body["messages"][0]["content"] for request in provider.requests]
    assert bodies == [indented, sent]


def test_a_template_that_cannot_be_rendered_raises_what_the_call_raises(
    provider: LoopbackProvider,
) -> None:
    broken: dict[str, Any] = {
        "response_model": User,
        "model": "m",
        "messages": templated("{{ broken"),
        "context": {"a": 1},
    }
    with pytest.raises(Exception, match="end of template") as bare:
        provider.instructor().create(**broken)
    with pytest.raises(type(bare.value), match="end of template"):
        cached_client(provider.instructor(), backend=LRUBackend()).create(**broken)


# ---- images and documents ------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Image, PDF])
def test_media_count_by_content(asking: Asking, tmp_path: Path, kind: Any) -> None:
    suffix, content = ("png", PIXEL) if kind is Image else ("pdf", b"%PDF-1.4 one")
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        path.write_bytes(content)

    def messages(path: Path) -> list[dict[str, Any]]:
        return [{"role": "user", "content": ["What is it?", kind.from_path(str(path))]}]

    assert not asking(messages=messages(paths[0]))
    assert asking(messages=messages(paths[1]))
    paths[1].write_bytes(content + b" ")
    assert not asking(messages=messages(paths[1]))


async def test_files_that_instructor_finds_in_texts_count_by_content(
    provider: LoopbackProvider, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "a.png"
    client = cached_client(provider.instructor(asynchronous=mode == "async"), backend=LRUBackend())
    counts = []
    for content in (PIXEL, PIXEL, PIXEL + b" "):
        path.write_bytes(content)
        answer = client.create(
            response_model=User,
            model="m",
            messages=[{"role": "user", "content": ["What is it?", str(path)]}],
            autodetect_images=True,
        )
        _ = await answer if mode == "async" else answer
        counts.append(provider.count)
    assert counts == [1, 1, 2]
    sent = provider.requests[0].body["messages"][0]["content"]
    assert [part["type"] for part in sent] == ["text", "image_url"]


# ---- what cannot be keyed ------------------------------------------------------------------


class Handle:
    """Something that has no stable form."""

    __slots__ = ("at",)


def test_what_cannot_be_keyed_is_an_error_that_names_the_way_out(asking: Asking) -> None:
    held = {"db": Handle()}
    with pytest.raises(UncacheableArgumentError, match=r"context\['db'\]") as caught:
        asking(response_model=Reviewed, context=held)
    assert caught.value.parameter == "context"


def test_a_parameter_that_cannot_be_keyed_is_named_as_in_the_call(asking: Asking) -> None:
    with pytest.raises(UncacheableArgumentError, match=r"ignore=\['logger'\]") as caught:
        asking(logger=[Handle()])
    assert (caught.value.parameter, caught.value.path) == ("logger", "logger[0]")


def test_a_name_to_ignore_that_no_request_has_is_warned_of(provider: LoopbackProvider) -> None:
    made = provider.instructor()
    with pytest.warns(llmcache.ConfigurationWarning, match="Did you mean 'temperature'") as told:
        cached_client(made, ignore=["temprature", "seed", "context", "service", "user"])
    assert len(told) == 1
    assert told[0].filename == __file__


def test_a_key_of_ones_own_is_made_of_the_keyword_arguments_of_a_request(
    provider: LoopbackProvider,
) -> None:
    given: list[Any] = []

    def key(model: str, messages: list[Any], response_model: Any, **others: Any) -> Any:
        given.append(others.get("seed"))
        return model, messages[0]["content"]

    made = instructor.from_openai(provider.openai_client(), model="some-model")
    client: Any = cached_client(made, key=key, backend=LRUBackend())
    for seed in (1, 2):
        client.create(response_model=User, messages=templated("Jo"), seed=seed)
    assert (provider.count, given[-1]) == (1, 2)
    client.create(response_model=User, messages=templated("Bo"))
    assert provider.count == 2
    assert client.cache_explain(response_model=User, messages=templated("Bo")).status == "hit"


def test_a_key_of_ones_own_that_has_to_be_awaited_is_refused(provider: LoopbackProvider) -> None:
    async def key(**_: Any) -> str:
        return ""

    with pytest.raises(llmcache.ConfigurationError, match="key="):
        cached_client(provider.instructor(), key=key)


def test_what_does_not_count_may_be_named(provider: LoopbackProvider) -> None:
    client = cached_client(provider.instructor(), backend=LRUBackend(), ignore=["context", "seed"])
    for seed in (1, 2):
        client.create(
            response_model=Reviewed,
            model="m",
            messages=templated("Jo"),
            context={"db": Handle()},
            seed=seed,
        )
    assert provider.count == 1
    assert provider.requests[0].body["seed"] == 1


# ---- where a client is not one of an SDK ---------------------------------------------------


def completion(provider: LoopbackProvider, **added: Any) -> Any:
    """A function such as `litellm.completion`."""
    raw = provider.openai_client()

    def complete(**request: Any) -> Any:
        request.pop("api_key", None)
        request.pop("api_base", None)
        return raw.chat.completions.create(**request)

    return functools.partial(complete, **added) if added else complete


def test_a_client_over_a_completion_function_is_cached(
    asking: Asking, provider: LoopbackProvider
) -> None:
    complete = completion(provider)
    assert not asking(instructor.from_litellm(complete))
    assert asking(instructor.from_litellm(complete), api_key="rotated")
    assert not asking(instructor.from_litellm(complete), api_base="http://elsewhere")


async def test_an_async_completion_function_is_cached(mode: str) -> None:
    if mode == "sync":
        pytest.skip("it is async")
    async with LoopbackProvider() as provider:
        raw = provider.async_openai_client()

        async def acompletion(**request: Any) -> Any:
            return await raw.chat.completions.create(**request)

        client = cached_client(instructor.from_litellm(acompletion), backend=LRUBackend())
        for _ in range(2):
            await client.create(response_model=User, model="m", messages=templated("Jo"))
        assert provider.count == 1


async def test_sync_and_async_clients_share_answers(tmp_path: Path) -> None:
    async with LoopbackProvider() as provider:
        backend = f"sqlite:///{tmp_path}/a.db"
        asked: dict[str, Any] = {"model": "m", "messages": templated("Jo")}
        plain = cached_client(provider.instructor(), backend=backend)
        client = cached_client(provider.instructor(asynchronous=True), backend=backend)
        answer = await client.create(response_model=User, **asked)
        assert plain.create(response_model=User, **asked) == answer
        assert provider.count == 1
        streamed = list(plain.create_iterable(response_model=User, **asked))
        items = client.create_iterable(response_model=User, **asked)
        assert [item async for item in items] == streamed


def test_a_class_that_is_made_anew_each_time_still_hits(
    asking: Asking, provider: LoopbackProvider
) -> None:
    def made() -> Any:
        class Local(BaseModel):
            name: str

        return Local

    client = cached_client(provider.instructor(), backend=LRUBackend())
    for _ in range(3):
        for kind in (made(), instructor.Maybe(made())):
            answer = client.create(response_model=kind, model="m", messages=templated("Jo"))
            assert type(answer) is kind
    assert provider.count == 2


def test_a_type_that_cannot_be_hashed_is_left_to_instructor(provider: LoopbackProvider) -> None:
    """Which does not take it either, today."""
    client = cached_client(provider.instructor(), backend=LRUBackend())
    kind = Annotated[int, ["a note"]]
    with pytest.raises(TypeError, match="unhashable") as caught:
        client.create(response_model=kind, model="m", messages=templated("Jo"), context={"a": 1})
    assert "is_simple_type" in {entry.name for entry in caught.traceback}


def test_types_made_at_run_time_are_let_go_of() -> None:
    functions = Functions(answer, {"backend": "memory://", "name": "ask", "version": 1})
    for number in range(2 * MOST):
        kind = type(f"Kind{number}", (), {})
        made = functions.of(kind, {})
        assert functions.of(kind, {}) is made
        assert len(functions.made) <= MOST


def test_what_a_partial_adds_counts_as_in_a_call(
    asking: Asking, provider: LoopbackProvider
) -> None:
    asking(instructor.from_litellm(completion(provider, api_key="a", api_base="x")))
    assert asking(instructor.from_litellm(completion(provider, api_key="b", api_base="x")))
    assert not asking(instructor.from_litellm(completion(provider, api_key="b", api_base="y")))


# ---- in another process --------------------------------------------------------------------

OTHER_PROCESS = """
import sys
import instructor, openai
from pydantic import BaseModel
from llmcache import cached_client

class User(BaseModel):
    name: str
    age: int

url, database, key = sys.argv[1:]
made = instructor.from_openai(openai.OpenAI(base_url=url, api_key=key), temperature=0.5)
client = cached_client(made, backend=f"sqlite:///{database}")
print(client.create(
    response_model=User, model="m", messages=[{"role": "user", "content": "Jo"}]
).model_dump_json())
"""


def test_another_process_hits(provider: LoopbackProvider, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(OTHER_PROCESS)
    answers = [
        subprocess.run(  # noqa: S603 - this interpreter, this text
            [sys.executable, script, provider.openai_url, tmp_path / "a.db", key],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for key in ("one", "two")
    ]
    assert provider.count == 1
    assert answers[0] == answers[1] != ""


def test_the_key_names_its_parts_and_holds_no_secret(provider: LoopbackProvider) -> None:
    made = instructor.from_openai(provider.openai_client(api_key="sk-very-secret"))
    client: Any = cached_client(made, backend=LRUBackend())
    asked: dict[str, Any] = {
        "response_model": User,
        "model": "m",
        "messages": templated("Jo"),
        "temperature": 0,
    }
    key = client.cache_key(**asked)
    assert {f"argument {name}" for name in ("model", "messages", "mode", "temperature")} <= set(
        key.parts
    )
    client.create(**asked)
    stored = client.create_fn.cache_backend.get(key.digest)
    assert isinstance(stored, Entry)
    assert "very-secret" not in repr((stored, key))
    explained = str(client.cache_explain(**{**asked, "temperature": 1}))
    assert "argument temperature differs" in explained
    with llmcache.record() as calls:
        client.create(**asked)
    assert len(calls.of(Hit)) == 1
