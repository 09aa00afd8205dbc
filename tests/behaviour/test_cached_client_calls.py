"""What single calls may say, what the handle of a client tells, and what is told of tokens."""

from __future__ import annotations

import asyncio
import enum
import inspect
from collections.abc import Iterable
from typing import Any

import instructor
import pytest
import tenacity
from instructor.cache import AutoCache
from instructor.v2.dsl import ListResponse
from pydantic import BaseModel, field_validator

from llmcache import (
    MISSING,
    CacheMissError,
    ConfigurationError,
    Hit,
    LRUBackend,
    Miss,
    Store,
    cached_client,
    cached_structured,
    configure,
    record,
)
from llmcache import mode as cache_mode
from llmcache.testing import ManualClock
from llmcache.testing.provider import Answer, Failure, LoopbackProvider

MESSAGES = [{"role": "user", "content": "Jo, 33"}]
ASKED: dict[str, Any] = {"model": "some-model", "messages": MESSAGES}


class User(BaseModel):
    name: str
    age: int


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Adult(BaseModel):
    age: int

    @field_validator("age")
    @classmethod
    def grown(cls, value: int) -> int:
        if value < 18:
            raise ValueError("not grown")
        return value


@pytest.fixture
def made(provider: LoopbackProvider, mode: str) -> Any:
    """An uncached client of the test's colour."""
    return provider.instructor(asynchronous=mode == "async")


@pytest.fixture
def client(made: Any) -> Any:
    return cached_client(made, backend=LRUBackend())


async def settled(value: Any) -> Any:
    """What was asked for; a stream as the list of its items."""
    if inspect.isawaitable(value):
        value = await value
    if inspect.isasyncgen(value):
        return [item async for item in value]
    return list(value) if inspect.isgenerator(value) else value


# ---- per call ------------------------------------------------------------------------------


async def test_what_a_call_says_of_the_cache_does_not_reach_the_provider(
    provider: LoopbackProvider, client: Any
) -> None:
    settings = {"cache_ttl": "1h", "cache_mode": "on", "cache_namespace": "a", "cache_sample": 1}
    await settled(client.create(response_model=User, **ASKED, **settings))
    await settled(client.create_with_completion(response_model=Adult, **ASKED, **settings))
    await settled(client.create_iterable(response_model=User, **ASKED, **settings))
    assert provider.count == 3
    for request in provider.requests:
        assert not [name for name in request.body if name.startswith("cache")]


async def test_a_time_to_live_counts_for_the_call(provider: LoopbackProvider, made: Any) -> None:
    clock = ManualClock()
    configure(clock=clock)
    client = cached_client(made, backend=LRUBackend(clock=clock))
    for _ in range(2):
        await settled(client.create(response_model=User, cache_ttl=60, **ASKED))
    clock.advance(61)
    await settled(client.create(response_model=User, cache_ttl=60, **ASKED))
    assert provider.count == 2


async def test_an_int_of_seconds_and_a_text_mean_the_same(client: Any, provider: Any) -> None:
    for ttl in (3600, "1h", 3600.0):
        await settled(client.create(response_model=User, cache_ttl=ttl, **ASKED))
    assert provider.count == 1


@pytest.mark.parametrize("ttl", [0, -1, True, "soon"])
async def test_a_time_to_live_that_is_none_is_refused(client: Any, ttl: Any) -> None:
    with pytest.raises(ConfigurationError):
        await settled(client.create(response_model=User, cache_ttl=ttl, **ASKED))


async def test_modes_hold_for_a_call_and_for_a_block(
    provider: LoopbackProvider, client: Any
) -> None:
    with pytest.raises(CacheMissError):
        await settled(client.create(response_model=User, cache_mode="offline", **ASKED))
    for each in ("readonly", "off", "refresh", "on", "offline", "refresh"):
        await settled(client.create(response_model=User, cache_mode=each, **ASKED))
    assert provider.count == 4
    with cache_mode("off"):
        await settled(client.create(response_model=User, **ASKED))
    assert provider.count == 5


async def test_samples_are_kept_side_by_side(provider: LoopbackProvider, client: Any) -> None:
    provider.script(*({"name": name, "age": 1} for name in "abc"))
    names = []
    for sample in (None, 1, 2, None, 1, 2):
        answer = await settled(client.create(response_model=User, cache_sample=sample, **ASKED))
        names.append(answer.name)
    assert "".join(names) == "abcabc"


@pytest.mark.parametrize("sample", [-1, "x", 1.0, True])
async def test_a_sample_is_a_whole_number(client: Any, sample: Any) -> None:
    with pytest.raises(ConfigurationError, match="cache_sample="):
        await settled(client.create(response_model=User, cache_sample=sample, **ASKED))


@pytest.mark.parametrize(
    ("option", "value"), [("cache_ttl", "soon"), ("cache_mode", None), ("cache_namespace", 3)]
)
async def test_a_bad_value_of_a_call_is_told_by_the_name_that_was_used(
    client: Any, option: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=f"^{option}={value!r}") as refused:
        await settled(client.create(response_model=User, **{option: value}, **ASKED))
    assert refused.value.name == option


async def test_an_option_that_is_nearly_one_names_the_one(client: Any) -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'cache_ttl'"):
        await settled(client.create(response_model=User, cache_tll="1h", **ASKED))


@pytest.mark.parametrize("first", ["sync", "async"])
async def test_sync_and_async_clients_share_streams(
    provider: LoopbackProvider, backend: Any, first: str
) -> None:
    sync, other = (
        cached_client(provider.instructor(asynchronous=colour), backend=backend)
        for colour in (False, True)
    )
    order = (sync, other) if first == "sync" else (other, sync)
    one, two = [
        await settled(client.create_iterable(response_model=User, **ASKED)) for client in order
    ]
    assert one == two != []
    assert provider.count == 1


async def test_partial_answers_which_instructor_reads_whole_are_apart_from_async_ones(
    provider: LoopbackProvider, backend: Any
) -> None:
    sync, other = (
        cached_client(provider.instructor(asynchronous=colour), backend=backend)
        for colour in (False, True)
    )
    read = sync.create(response_model=instructor.Partial[User], stream=True, **ASKED)
    assert read == sync.create(response_model=instructor.Partial[User], stream=True, **ASKED)
    assert type(read) is ListResponse
    asked = {"response_model": instructor.Partial[User], "stream": True, **ASKED}
    assert (await other.cache_explain(**asked)).differences == ("argument stream differs",)
    assert await settled(other.create_partial(response_model=User, **ASKED)) == read
    assert provider.count == 2


async def test_a_stream_that_runs_in_the_other_colour_holds_nobody_up(
    provider: LoopbackProvider, backend: Any
) -> None:
    sync, other = (
        cached_client(provider.instructor(asynchronous=colour), backend=backend)
        for colour in (False, True)
    )
    running = sync.create_iterable(response_model=User, **ASKED)
    begun = next(running)
    whole = await settled(other.create_iterable(response_model=User, **ASKED))
    assert [begun, *running] == whole
    assert provider.count == 2


async def test_defaults_that_the_client_was_made_with_count(
    provider: LoopbackProvider, mode: str
) -> None:
    """So that `from_provider(..., cache_ttl=60)` keeps its meaning."""
    clock = ManualClock()
    configure(clock=clock)
    made = provider.instructor(asynchronous=mode == "async", cache_ttl=60)
    client = cached_client(made, backend=LRUBackend(clock=clock))
    for seconds in (1, 61, 1):
        clock.advance(seconds)
        await settled(client.create(response_model=User, **ASKED))
    assert provider.count == 2


async def test_a_cache_of_instructors_own_is_left_out(
    provider: LoopbackProvider, mode: str
) -> None:
    own = AutoCache()
    made = provider.instructor(asynchronous=mode == "async", cache=own)
    client: Any = cached_client(made, backend=LRUBackend())
    await settled(client.create(response_model=User, **ASKED))
    await settled(client.cache_refresh(response_model=User, **ASKED))
    assert provider.count == 2
    assert not own._cache


# ---- the handle ----------------------------------------------------------------------------


async def test_the_handle_takes_what_create_takes(provider: LoopbackProvider, client: Any) -> None:
    asked = {"response_model": User, **ASKED}
    assert await settled(client.cache_peek(**asked)) is MISSING
    answer = await settled(client.create(**asked))
    assert await settled(client.cache_peek(**asked)) == answer
    assert str(await settled(client.cache_explain(**asked))).endswith("hit; 0 s old, never expires")
    assert client.cache_key(**asked).digest == client.cache_key(strict=True, **asked).digest
    assert await settled(client.cache_invalidate(**asked)) is True
    assert await settled(client.cache_peek(**asked)) is MISSING
    await settled(client.cache_refresh(**asked))
    info = client.cache_info()
    assert (info.misses, info.hits, info.currsize) == (2, 0, 1)
    assert await settled(client.cache_clear()) == 1
    assert provider.count == 2


async def test_an_explanation_names_what_differs(client: Any) -> None:
    await settled(client.create(response_model=User, **ASKED))
    for changed, named in (
        ({"model": "other"}, "argument model"),
        ({"temperature": 1}, "argument temperature"),
        ({"seed": 1}, "argument seed is new"),
        ({"strict": False}, "argument strict"),
        ({"messages": [{"role": "user", "content": "?"}]}, "argument messages"),
        ({"response_model": Adult}, "response"),
    ):
        asked = {"response_model": User, **ASKED, **changed}
        assert named in str(await settled(client.cache_explain(**asked)))


@pytest.mark.parametrize("way", ["create_iterable", "create_partial"])
async def test_a_stored_stream_is_explained_as_the_hit_that_it_is(client: Any, way: str) -> None:
    kind = Iterable[User] if way == "create_iterable" else instructor.Partial[User]
    asked = {"response_model": kind, "stream": True, **ASKED}
    assert (await settled(client.cache_explain(**asked))).status == "miss"
    await settled(getattr(client, way)(response_model=User, **ASKED))
    assert (await settled(client.cache_explain(**asked))).status == "hit"


async def test_clients_of_one_store_share_answers_and_clearing(
    provider: LoopbackProvider, made: Any
) -> None:
    backend = LRUBackend()
    one, two = (cached_client(made, backend=backend) for _ in range(2))
    for client in (one, two):
        await settled(client.create(response_model=User, **ASKED))
        await settled(client.create(response_model=Adult, **ASKED))
    assert provider.count == 2
    assert await settled(one.cache_clear()) == 2  # type: ignore[attr-defined] # on the copy alone


def test_names_to_ignore_that_are_none_are_refused_at_once(made: Any) -> None:
    with pytest.raises(ConfigurationError, match="ignore=3"):
        cached_client(made, ignore=3)  # type: ignore[arg-type] # the mistake under test


def test_an_option_that_does_not_exist_is_refused_at_once(made: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"cached_client has .* Did you mean 'ttl'"):
        cached_client(made, tll="1h")  # type: ignore[call-arg] # the mistake under test


async def test_a_decorated_function_knows_a_cached_client_as_the_one_it_copies(
    provider: LoopbackProvider,
) -> None:
    made = [
        instructor.from_openai(provider.openai_client(), model=model) for model in ("one", "two")
    ]

    @cached_structured(backend="memory://", name="ask")
    def ask(client: Any) -> User:
        answer: User = client.create(response_model=User, messages=MESSAGES)
        return answer

    first, second = (ask.cache_key(client).digest for client in made)
    cached = [cached_client(client, backend="memory://") for client in made]
    assert [ask.cache_key(client).digest for client in cached] == [first, second]
    assert first != second


# ---- one call per question -----------------------------------------------------------------


async def test_twenty_callers_at_once_make_one_request(provider: LoopbackProvider) -> None:
    client = cached_client(provider.instructor(asynchronous=True), backend=LRUBackend())
    with provider.hold() as gate:
        tasks = [
            asyncio.create_task(client.create(response_model=User, **ASKED)) for _ in range(20)
        ]
        await provider.wait_for_async(1)
        gate.release()
        answers = await asyncio.gather(*tasks)
    assert provider.count == 1
    assert len({id(answer) for answer in answers}) == 20
    assert all(answer == answers[0] for answer in answers)


# ---- errors and re-asks --------------------------------------------------------------------


async def test_an_error_reaches_the_caller_and_is_not_stored(
    provider: LoopbackProvider, client: Any
) -> None:
    provider.script(Failure(status=500, message="down"))
    with pytest.raises(instructor.core.InstructorRetryException, match="down"):
        await settled(client.create(response_model=User, max_retries=0, **ASKED))
    await settled(client.create(response_model=User, **ASKED))
    await settled(client.create(response_model=User, **ASKED))
    assert provider.count == 2


async def test_instructors_own_retries_go_on_below_the_cache(
    provider: LoopbackProvider, client: Any, mode: str
) -> None:
    provider.script({"age": 3}, {"age": 30})
    retries = tenacity.AsyncRetrying if mode == "async" else tenacity.Retrying
    for _ in range(2):
        answer = await settled(
            client.create(
                response_model=Adult,
                max_retries=retries(stop=tenacity.stop_after_attempt(2)),
                **ASKED,
            )
        )
        assert answer.age == 30
    assert provider.count == 2


# ---- tokens --------------------------------------------------------------------------------


def told(calls: Any) -> list[tuple[str, Any, Any]]:
    """The tokens of each event, by its name."""
    return [(type(event).__name__, event.input_tokens, event.output_tokens) for event in calls]


@pytest.mark.parametrize("kind", [User, int, bool, str, Mood, list[User], None])
async def test_tokens_are_spent_on_a_miss_and_saved_on_a_hit(
    provider: LoopbackProvider, client: Any, kind: Any
) -> None:
    provider.script(lambda _: Answer(input_tokens=70, output_tokens=7))
    with record() as calls:
        for _ in range(2):
            await settled(client.create(response_model=kind, **ASKED))
    assert told(calls) == [("Store", 70, 7), ("Miss", 70, 7), ("Hit", 70, 7)]
    assert {event.model for event in calls} == {"some-model"}


@pytest.mark.parametrize(
    ("name", "style", "options"),
    [
        ("openai", "TOOLS", {"stream_options": {"include_usage": True}}),
        ("openai", "RESPONSES_TOOLS", {}),
        ("anthropic", "TOOLS", {"max_tokens": 100}),
    ],
)
async def test_the_tokens_of_a_stream_are_heard_as_it_passes(
    provider: LoopbackProvider, mode: str, name: Any, style: str, options: dict[str, Any]
) -> None:
    """OpenAI says them where `include_usage` asks for it, Anthropic always."""
    provider.script(lambda _: Answer(input_tokens=70, output_tokens=7))
    made = provider.instructor(name, mode=style, asynchronous=mode == "async")
    client = cached_client(made, backend=LRUBackend())
    for way in (client.create_iterable, client.create_partial):
        with record() as calls:
            for _ in range(2):
                await settled(way(response_model=User, **ASKED, **options))
        assert told(calls.of(Store)) == [("Store", 70, 7)]
        assert told(calls.of(Hit)) == [("Hit", 70, 7)]


@pytest.mark.parametrize("style", ["TOOLS", "RESPONSES_TOOLS"])
@pytest.mark.parametrize(("kind", "field"), [(int, "content"), (Adult, "age")])
async def test_the_tokens_of_reasks_are_summed(
    provider: LoopbackProvider, mode: str, style: str, kind: Any, field: str
) -> None:
    provider.script(
        Answer(value={field: "one"}, input_tokens=10, output_tokens=1),
        Answer(value={field: 30}, input_tokens=70, output_tokens=7),
    )
    made = provider.instructor(mode=style, asynchronous=mode == "async")
    client = cached_client(made, backend=LRUBackend())
    with record() as calls:
        await settled(client.create(response_model=kind, **ASKED))
    assert told(calls.of(Miss)) == [("Miss", 80, 8)]
    assert provider.count == 2


async def test_tokens_of_a_call_past_the_cache_are_told_of_no_later_one(client: Any) -> None:
    with cache_mode("off"):
        answer = await settled(client.create(response_model=bool, **ASKED))

    @cached_structured(backend=LRUBackend(), version=1)
    def later() -> bool:
        return bool(answer)

    with record() as calls:
        later()
    assert told(calls) == [("Store", None, None), ("Miss", None, None)]


async def test_an_answer_that_was_cut_off_is_not_kept(
    provider: LoopbackProvider, client: Any
) -> None:
    provider.script(lambda _: Answer(finish="length"))
    for _ in range(2):
        await settled(client.create(response_model=None, **ASKED))
    assert provider.count == 2
