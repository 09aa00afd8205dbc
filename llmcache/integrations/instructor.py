"""Instructor: whole clients (`cached_client`), and a cache for Instructor's own slot.

`InstructorCache` is for those who stay with `cache=`. Instructor keeps its own ways there: it
makes the key, with the API key and a random namespace in it, it stores models only, and on a hit
it validates the stored JSON again. `cached_client` does none of that.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Callable
from typing import Any, NamedTuple

import instructor.cache

from llmcache.backends.base import Backend, Entry, Nothing, Scope
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
from llmcache.spellings import check_options
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
    """Where the answer to one of Instructor's keys is kept, under today's settings.

    Attributes:
        settings: Those settings.
        store: The store.
        framing: How values are framed.
        digest: Stands for Instructor's key in the store.
        former: What stood for it under older encryption keys.
    """

    settings: Settings
    store: Store
    framing: Framing
    digest: str
    former: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """What the entry belongs to."""
        return Scope(self.settings.namespace, NAME)

    def found(self) -> tuple[str, Entry | Nothing | Failed]:
        """What is stored, and under which digest."""
        for digest in (self.digest, *self.former):
            entry = self.store.get(digest)
            if entry is not Nothing.ABSENT:
                return digest, entry
        return self.digest, Nothing.ABSENT


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
            out: the configured default. A callable is given what Instructor hands over: JSON text,
            not your model.
        namespace: Keeps applications apart that share a backend.

    Raises:
        ConfigurationError: For a value that an option does not take.
    """

    def __init__(self, backend: Backend | str | None = None, **options: Any) -> None:
        check_options("InstructorCache", options, ("backend", "ttl", "namespace"))
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
            digest, found = place.found()
        if isinstance(found, Failed):
            self.report(place, found)
            return None
        # Not bound by our own ttl: the one that Instructor handed over may be longer.
        outcome = judge(found, place.settings.clock.time(), ttl=None)
        if not isinstance(outcome, Fresh):
            self.tell(place, Miss, reason=type(outcome).__name__.lower())
            return None
        try:
            opened = place.framing.unpack(outcome.entry.value, bytes.fromhex(digest))
            value = codec.load(opened)
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
                bool or what is no duration counts as None. Where the cache's own is a callable, it
                is asked with `value`; where it fails, nothing is stored.
        """
        place = self.place(key)
        if place is None or place.settings.mode not in WRITING:
            return
        try:
            seconds = life(ttl, place.settings, value)
            framed = place.framing.pack(codec.dump(value).data, bytes.fromhex(place.digest))
        except Unstorable as error:
            self.tally.warn_unstored(NAME, str(error))
            return
        except Exception as error:  # noqa: BLE001 - the user's ttl, after the model has been paid
            self.tally.warn_unstored(NAME, f"ttl failed with {type(error).__name__}: {error}")
            return
        if seconds == 0:
            for digest in (place.digest, *place.former):
                self.done(place, Operation.INVALIDATE, digest, place.scope)
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
            store, frames = store_of(backend_of(settings)), framing(settings.sealing_keys)
        except ConfigurationError as error:
            self.tally.warn_once("backend", told_of_failure(NAME, str(error)), BackendWarning)
            return None
        return Place(settings, store, frames, *digests_of(key, settings))

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


def digests_of(key: str, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """The digest that stands for Instructor's key in the store, and the former ones."""
    parts = (b"llmcache/1 instructor", settings.namespace.encode(), str(key).encode())
    framed = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    secrets = [digest_secret(sealing) for sealing in settings.sealing_keys]
    if not secrets:
        return hashlib.sha256(framed).hexdigest(), ()
    first, *former = (hmac.digest(secret, framed, "sha256").hex() for secret in secrets)
    return first, tuple(former)


def life(ttl: Any, settings: Settings, value: Any) -> float | None:
    """Seconds that an entry lives; None: until evicted; 0: not at all.

    Raises:
        Exception: Whatever the user's callable raises.
    """
    if isinstance(ttl, int | float) and not isinstance(ttl, bool) and ttl <= 0:
        return 0.0
    if ttl is not None:
        try:
            return parse_duration(ttl, name="ttl")
        except ConfigurationError:
            pass
    own = settings.ttl
    if not callable(own):
        return own
    answer = own(value)
    return None if answer is None else parse_duration(answer, name="ttl")


def knows_namespaces() -> bool:
    """Whether the installed Instructor takes `cache_namespace`."""
    return hasattr(instructor.cache, "make_request_cache_key")
