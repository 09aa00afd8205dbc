"""Instructor: whole clients (`cached_client`), and a cache for Instructor's own slot.

`InstructorCache` is for those who stay with `cache=`. Instructor keeps its own ways there: it
makes the key, with the API key and a random namespace in it, it stores models only, and on a hit
it validates the stored JSON again. `cached_client` does none of that.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import instructor.cache

from llmcache.backends.base import Backend, Entry, Scope
from llmcache.backends.configured import backend_of
from llmcache.backends.patience import patience
from llmcache.codecs import Framing, ResultCodec, Unreadable, Unstorable, result_codec
from llmcache.durations import parse_duration
from llmcache.errors import BackendWarning, ConfigurationError
from llmcache.events import BackendFailure, Event, Hit, Miss
from llmcache.events import Store as Stored
from llmcache.integrations.clients import cached_client
from llmcache.keys.secrets import digest_secret
from llmcache.lookup import Fresh, judge, lifetime
from llmcache.modes import mode_in_context
from llmcache.settings import Mode, Settings, layer, resolve
from llmcache.store import Failed, Operation, Store, store_of
from llmcache.tally import CacheInfo, Tally, told_of_failure, warn_of_failure

__all__ = ["InstructorCache", "cached_client"]

NAME = "instructor.cache"
READING = frozenset({Mode.ON, Mode.READONLY, Mode.OFFLINE})
WRITING = frozenset({Mode.ON, Mode.REFRESH})
framing: Callable[[tuple[bytes, ...]], Framing] = functools.lru_cache(maxsize=8)(
    lambda keys: Framing(keys=keys)
)
codec: ResultCodec = result_codec(Any)


class Place(NamedTuple):
    """Where the answer to one of Instructor's keys is kept, under today's settings."""

    settings: Settings
    store: Store
    digest: str

    @property
    def scope(self) -> Scope:
        """What the entry belongs to."""
        return Scope(self.settings.namespace, NAME)

    @property
    def frames(self) -> Framing:
        """How values are framed."""
        return framing(self.settings.sealing_keys)

    def sealed(self, data: bytes) -> bytes:
        """Some bytes, framed for this place."""
        return self.frames.pack(data, bytes.fromhex(self.digest))

    def opened(self, framed: bytes) -> bytes:
        """The way back from `sealed`."""
        return self.frames.unpack(framed, bytes.fromhex(self.digest))


class InstructorCache(instructor.cache.BaseCache):
    """A cache for `from_provider(..., cache=...)`, in any backend.

    What Instructor gives is kept framed and with a checksum; a damaged, outdated or unreadable row
    is a miss that the next answer overwrites. Neither `get` nor `set` ever raises: a failure of
    the store is told as a `BackendFailure` event and warned of once. Safe to use from any thread.
    Both are plain calls, as Instructor's slot has no others: under asyncio take a backend that
    answers at once, memory or a file, not a server far away.

    `llmcache.mode` and `LLMCACHE_DISABLE` count here too; `offline` cannot keep Instructor from
    calling where nothing is stored.

    Args:
        backend: A backend object, a URL, or None for the configured default, opened at the first
            use.
        ttl: Time to live of what Instructor hands over without one; None: until evicted. Left
            out: the configured default.
        namespace: Keeps applications apart that share a backend.

    Raises:
        ConfigurationError: For a value that an option does not take.
    """

    def __init__(self, backend: Backend | str | None = None, **options: Any) -> None:
        unknown = set(options) - {"ttl", "namespace"}
        if unknown:
            raise ConfigurationError(
                f"InstructorCache takes backend, ttl and namespace, not {sorted(unknown)}.",
                name=min(unknown),
                allowed="backend, ttl, namespace",
            )
        self.layer: dict[str, Any] = layer(
            options if backend is None else {"backend": backend, **options}
        )
        self.tally: Tally = Tally()

    def options(self, namespace: str = "llmcache") -> dict[str, Any]:
        """What to hand to `from_provider`, so that entries outlive the process.

        Instructor puts a random namespace of the client into each key unless it is told one; this
        tells it one where the installed Instructor knows the argument.

        Args:
            namespace: Not empty. Clients that share it share answers, as far as service, API key
                and request agree.
        """
        named = {"cache_namespace": namespace} if knows_namespaces() else {}
        return {"cache": self, **named}

    def get(self, key: str) -> Any | None:
        """What was stored under Instructor's key; None: nothing that can be had."""
        place = self.place(key)
        if place is None or place.settings.mode not in READING:
            return None
        with patience(place.settings.backend_timeout):
            found = place.store.get(place.digest)
        if isinstance(found, Failed):
            self.report(place, found)
            return None
        # Not bound by our own ttl: the one that Instructor handed over may be longer.
        outcome = judge(found, place.settings.clock.time(), ttl=None)
        if not isinstance(outcome, Fresh):
            self.tell(place, Miss, reason=type(outcome).__name__.lower())
            return None
        try:
            value = codec.load(place.opened(outcome.entry.value))
        except Unreadable as error:
            self.tell(place, Miss, reason=f"unreadable: {error.reason}")
            return None
        self.tell(place, Hit, age=outcome.age)
        return value

    def set(self, key: str, value: Any, ttl: int | None = None) -> None:
        """Store what Instructor gives.

        Args:
            key: Instructor's.
            value: A str; any other plain value is taken too, others are left.
            ttl: Seconds, or None for the cache's own. 0 and less: what is stored is forgotten. A
                bool or what is no duration counts as None.
        """
        place = self.place(key)
        if place is None or place.settings.mode not in WRITING:
            return
        seconds = life(ttl, place.settings)
        if seconds == 0:
            self.done(place, Operation.INVALIDATE, place.digest, place.scope)
            return
        try:
            framed = place.sealed(codec.dump(value).data)
        except Unstorable as error:
            self.tally.warn_unstored(NAME, str(error))
            return
        created = place.settings.clock.time()
        expires, _ = lifetime(created, seconds, 0.0, 0.0)
        entry = Entry(value=framed, scope=place.scope, created=created, expires=expires)
        epoch = self.done(place, Operation.EPOCH, place.digest, place.scope)
        if epoch is not None and self.done(place, Operation.PUT_IF, place.digest, entry, epoch):
            self.tell(place, Stored, size=len(framed))

    def cache_info(self) -> CacheInfo:
        """How often `get` found something and how often not, in this process."""
        return self.tally.info(None)

    # What lies below.

    def place(self, key: str) -> Place | None:
        """Where an answer is kept; None, with one warning, where the settings name no place."""
        chosen = mode_in_context()
        try:
            settings = resolve(self.layer, {} if chosen is None else {"mode": chosen})
            store = store_of(backend_of(settings))
        except ConfigurationError as error:
            self.tally.warn_once("backend", told_of_failure(NAME, str(error)), BackendWarning)
            return None
        return Place(settings, store, digest_of(key, settings))

    def done(self, place: Place, operation: Operation, *arguments: Any) -> Any:
        """Let the store do something; None where it failed."""
        with patience(place.settings.backend_timeout):
            result = place.store.run(operation, *arguments)
        if isinstance(result, Failed):
            self.report(place, result)
            return None
        return result

    def report(self, place: Place, failed: Failed) -> None:
        """The store failed; Instructor goes on."""
        operation = failed.operation.value
        self.tell(place, BackendFailure, operation=operation, error=str(failed.error))
        warn_of_failure(place.store, failed, NAME)

    def tell(self, place: Place, kind: type[Event], **facts: Any) -> None:
        """Count an event and tell of it."""
        facts.update(function=NAME, key=place.digest, backend=place.store.description)
        self.tally.tell(kind(**facts))


def digest_of(key: str, settings: Settings) -> str:
    """The digest that stands for Instructor's key in the store."""
    parts = (b"llmcache/1 instructor", settings.namespace.encode(), str(key).encode())
    framed = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    keys = settings.sealing_keys
    if keys:
        return hmac.new(digest_secret(keys[0]), framed, hashlib.sha256).hexdigest()
    return hashlib.sha256(framed).hexdigest()


def life(ttl: Any, settings: Settings) -> float | None:
    """Seconds that an entry lives; None: until evicted; 0: not at all."""
    if isinstance(ttl, int | float) and not isinstance(ttl, bool) and ttl <= 0:
        return 0.0
    if ttl is not None:
        try:
            return parse_duration(ttl, name="ttl")
        except ConfigurationError:
            pass
    own = settings.ttl
    return own if isinstance(own, int | float) and math.isfinite(own) else None


def knows_namespaces() -> bool:
    """Whether the installed Instructor takes `cache_namespace`."""
    return hasattr(instructor.cache, "make_request_cache_key")
