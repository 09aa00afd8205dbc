"""Ordinary use of every public name, read by three type checkers and never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Literal, TypeVar, assert_type

import instructor
from pydantic import BaseModel

import llmcache
from llmcache import (
    MISSING,
    BackendCorruptError,
    BackendError,
    BackendFailure,
    BackendUnavailableError,
    BackendWarning,
    Bypass,
    CacheInfo,
    CacheKey,
    CacheMissError,
    ConfigurationError,
    ConfigurationWarning,
    Event,
    Explanation,
    Hit,
    LLMCacheWarning,
    LRUBackend,
    Miss,
    NullBackend,
    RedisBackend,
    SQLiteBackend,
    Stale,
    Store,
    TieredBackend,
    UncacheableArgumentError,
    UncacheableResultWarning,
    Wait,
    cached_client,
    cached_structured,
    configure,
    disabled,
    mode,
    on_event,
    open_backend,
    record,
    register_codec,
    register_key_type,
    reset_configuration,
)
from llmcache.backends import (
    AsyncLeasing,
    Backend,
    BackendBase,
    Bulk,
    Claim,
    Entry,
    Epochs,
    Held,
    Invalidations,
    Leasing,
    Ledgers,
    Listed,
    Listing,
    Manifests,
    Nothing,
    Pruning,
    Scope,
    Sizing,
    able,
)
from llmcache.clock import Clock
from llmcache.integrations.instructor import InstructorCache
from llmcache.integrations.otel import instrument
from llmcache.testing import BackendContract, LoopbackProvider, ManualClock

T = TypeVar("T", bound=BaseModel)


class Invoice(BaseModel):
    """An answer."""

    number: str
    total: float


# Bare, and with every option in every spelling.


@cached_structured
def bare(text: str, *, pages: int = 1) -> Invoice:
    """One sync function."""
    return Invoice(number=text, total=pages)


@cached_structured()
def empty(text: str) -> Invoice:
    """As bare."""
    return Invoice(number=text, total=0)


def stripped(text: str) -> str:
    """What stands for the arguments."""
    return text.strip()


@cached_structured(
    ttl="7d",
    backend="sqlite:///answers.db",
    namespace="tenant",
    name="extract",
    version=2,
    depends_on=[Invoice, lambda: 1],
    key=stripped,
    mode="readonly",
    ignore=["text"],
    response_model=Invoice,
    stale_if_error=60,
    stale_while_revalidate=timedelta(hours=1),
    cache_if=lambda result: result is not None,
    on_backend_error="raise",
    max_wait=2.5,
    on_uncacheable="bypass",
)
def optioned(text: str) -> Invoice:
    """All options."""
    return Invoice(number=text, total=0)


@cached_structured(ttl=lambda result: 60 if result else None, version="v1", backend=None)
def by_result(text: str) -> Invoice | None:
    """A time to live that the result decides."""
    return None if text else Invoice(number="", total=0)


@cached_structured(ttl=None)
async def awaited(text: str) -> list[Invoice]:
    """One coroutine function."""
    return [Invoice(number=text, total=0)]


@cached_structured
def promised(text: str) -> Awaitable[Invoice]:
    """A function that returns something to await counts as a coroutine function."""
    return unpromised(text)


async def unpromised(text: str) -> Invoice:
    """What it awaits."""
    return Invoice(number=text, total=0)


@cached_structured
def streamed(text: str) -> Iterator[Invoice]:
    """One generator."""
    yield Invoice(number=text, total=0)


@cached_structured
async def streamed_async(text: str) -> AsyncIterator[Invoice]:
    """One async generator."""
    yield Invoice(number=text, total=0)


@cached_structured
def generic(text: str, response_model: type[T]) -> T:
    """A function of the type that it returns."""
    return response_model.model_validate_json(text)


assert_type(bare("a", pages=2), Invoice)
assert_type(empty("a"), Invoice)
assert_type(optioned("a"), Invoice)
assert_type(by_result("a"), Invoice | None)
assert_type(generic("a", Invoice), Invoice)
assert_type(streamed("a"), Iterator[Invoice])
assert_type(streamed_async("a"), AsyncIterator[Invoice])

bare(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] # parameters are kept
bare("a", page=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] # as above


# The handle.

assert_type(bare.cache_key("a", pages=2), CacheKey)
assert_type(bare.cache_key("a").digest, str)
assert_type(bare.cache_explain("a"), Explanation)
assert_type(bare.cache_refresh("a"), Invoice)
assert_type(bare.cache_invalidate("a"), bool)
assert_type(bare.cache_clear(), int)
assert_type(bare.cache_info(), CacheInfo)
assert_type(bare.cache_info().hits, int)
assert_type(bare.cache_with(ttl="1h", mode="refresh", namespace="b", sample=2)("a"), Invoice)
assert_type(bare.__wrapped__("a"), Invoice)

peeked = bare.cache_peek("a")
if peeked is not MISSING:
    assert_type(peeked, Invoice)

plain: Callable[[str], Invoice] = bare
backend: Backend = bare.cache_backend


async def asynchronous() -> None:
    """The handle of a coroutine function."""
    assert_type(await awaited("a"), list[Invoice])
    assert_type(await awaited.cache_refresh("a"), list[Invoice])
    assert_type(await awaited.cache_invalidate("a"), bool)
    assert_type(await awaited.cache_clear(), int)
    assert_type(await promised("a"), Invoice)
    assert_type(awaited.cache_key("a"), CacheKey)
    assert_type(awaited.cache_info(), CacheInfo)
    assert_type(await awaited.cache_with(sample=1)("a"), list[Invoice])
    found = await awaited.cache_peek("a")
    if found is not MISSING:
        assert_type(found, list[Invoice])
    async for invoice in streamed_async("a"):
        assert_type(invoice, Invoice)
    async with open_backend("memory://"):
        pass


# Methods of every kind.


class Extractor:
    """A class whose methods are cached."""

    @cached_structured
    def method(self, text: str) -> Invoice:
        """On an object."""
        return Invoice(number=text, total=0)

    @cached_structured(ttl=60)
    async def awaited(self, text: str) -> Invoice:
        """On an object, async."""
        return Invoice(number=text, total=0)

    @classmethod
    @cached_structured
    def of_class(cls, text: str) -> Invoice:
        """On the class."""
        return Invoice(number=text, total=0)

    @staticmethod
    @cached_structured
    def static(text: str) -> Invoice:
        """On neither."""
        return Invoice(number=text, total=0)


extractor = Extractor()
assert_type(extractor.method("a"), Invoice)
assert_type(extractor.method.cache_key("a"), CacheKey)
assert_type(extractor.method.cache_with(ttl=60)("a"), Invoice)
assert_type(Extractor.of_class("a"), Invoice)
assert_type(Extractor.static("a"), Invoice)  # type: ignore[call-arg]  # see signatures.py


async def asynchronous_method() -> None:
    """A coroutine method."""
    assert_type(await extractor.awaited("a"), Invoice)


# Configuration and modes.

configure(
    ttl="7d",
    backend="memory://",
    namespace="n",
    mode="on",
    max_bytes="500MB",
    previews=True,
    on_backend_error="warn",
    max_wait=None,
    backend_timeout=0.5,
)
reset_configuration()
selected: Literal["off", "on", "refresh", "readonly", "offline"] = "offline"
block = mode(selected)
with block, block, mode("on"), disabled():
    pass


@mode("offline")
@disabled()
def within(text: str) -> Invoice:
    """Each call is inside the blocks."""
    return bare(text)


assert_type(within("a"), Invoice)


# Backends.

near, far = (
    LRUBackend(max_entries=10, max_bytes=None),
    SQLiteBackend("answers.db", max_bytes="1GiB"),
)
with TieredBackend(near, far) as tiered, NullBackend() as null, open_backend("memory://") as opened:
    backends: list[Backend] = [near, far, tiered, null, opened]


class Own(BackendBase):
    """A backend of the user's."""

    @property
    def description(self) -> str:
        """In words."""
        return "own"

    def get(self, key: str) -> Entry | Nothing:
        """One entry."""
        return Entry(key.encode(), Scope("", "f"), 0.0) if key else Nothing.ABSENT

    def put(self, key: str, entry: Entry) -> None:
        """Keep it."""

    def delete(self, key: str) -> bool:
        """Forget it."""
        return bool(key)

    def close(self) -> None:
        """Let go."""


own: Backend = Own()
assert_type(able(own, Sizing), Sizing | None)
abilities: list[object] = [
    able(own, Epochs),
    able(own, AsyncLeasing),
    able(own, Ledgers),
    able(own, Manifests),
]
if (leasing := able(own, Leasing)) is not None:
    claim: Claim = leasing.claim("key", Scope("", "f"), "token", 5.0, max_age=None)
    assert_type(claim.held, Held | None)
if (listing := able(own, Listing)) is not None:
    assert_type(listing.entries(limit=5), Iterator[Listed])
if (bulk := able(own, Bulk)) is not None:
    assert_type(bulk.get_many(["key"]), Mapping[str, Entry])
if (pruning := able(own, Pruning)) is not None:
    assert_type(pruning.prune(), int)
if (invalidations := able(own, Invalidations)) is not None:
    assert_type(invalidations.invalidated_since(0), list[str | Scope])


class TestContract(BackendContract):
    """The contract, for a backend."""

    def make_backend(self, clock: Clock) -> LRUBackend:
        """A new one."""
        return LRUBackend(clock=clock)


remote: Backend = RedisBackend("redis://cache:6379/0", prefix="app")
remembering: Backend = LRUBackend(clock=ManualClock())


@cached_structured(backend=tiered)
def in_tiers(text: str) -> Invoice:
    """A backend object as the option."""
    return Invoice(number=text, total=0)


# Keys for types of one's own.


class Account:
    """A value that only its owner knows how to name."""

    number = 1

    def __cache_key__(self) -> object:
        """What stands for it in a key."""
        return self.number


class Foreign:
    """A type of somebody else's."""

    number = 1


def restored(number: int) -> Foreign:
    """The way back from what is stored."""
    foreign = Foreign()
    foreign.number = number
    return foreign


register_key_type(Foreign, lambda value: value.number)
register_codec(Foreign, encode=lambda value: value.number, decode=restored)


# Events and errors.


def told(event: Event) -> None:
    """A handler."""
    if isinstance(event, Hit | Stale):
        assert_type(event.age, float)
    elif isinstance(event, Miss | Bypass):
        assert_type(event.reason, str)
    elif isinstance(event, Store):
        assert_type(event.size, int)
    elif isinstance(event, BackendFailure):
        assert_type(event.operation, str)
    elif isinstance(event, Wait):
        assert_type(event.saved, float)
    assert_type(event.model, str | None)


remove = on_event(told)
assert_type(remove, Callable[[], None])
with record() as calls:
    assert_type(len(calls), int)
    assert_type(calls[0], Event)
    assert_type(calls.of(Hit), list[Event])

try:
    bare("a")
except CacheMissError as miss:
    assert_type(miss.key, str)
except UncacheableArgumentError as refusal:
    assert_type(refusal.path, str)
except ConfigurationError as wrong:
    assert_type(wrong.allowed, str)
except (BackendUnavailableError, BackendCorruptError) as failure:
    assert_type(failure.backend, str)
except BackendError as failure:
    assert_type(failure.operation, str)
except llmcache.LLMCacheError:
    pass

categories: list[type[LLMCacheWarning]] = [
    BackendWarning,
    ConfigurationWarning,
    UncacheableResultWarning,
]


# Whole clients.

with LoopbackProvider() as provider:
    client = cached_client(
        instructor.from_openai(provider.openai_client()),
        ttl="7d",
        backend="memory://",
        namespace="tenant",
        ignore=["user"],
    )
    assert_type(client, instructor.Instructor)
    assert_type(
        client.create(model="m", response_model=Invoice, messages=[], cache_sample=2), Invoice
    )
    aclient = cached_client(instructor.from_openai(provider.async_openai_client()))
    assert_type(aclient, instructor.AsyncInstructor)


# Instructor's own slot for a cache, and what is told to OpenTelemetry.

slot: instructor.cache.BaseCache = InstructorCache("memory://", ttl="1d")
assert_type(instrument(), Callable[[], None])


# Around the decorator.


def traced(function: Callable[[str], Invoice]) -> Callable[[str], Invoice]:
    """A decorator of the user's own."""
    return function


@traced
@cached_structured
def under(text: str) -> Invoice:
    """Cached, and decorated on top."""
    return Invoice(number=text, total=0)


@cached_structured
@traced
def over(text: str) -> Invoice:
    """Decorated, and cached on top."""
    return Invoice(number=text, total=0)


assert_type(under("a"), Invoice)
assert_type(over("a"), Invoice)
