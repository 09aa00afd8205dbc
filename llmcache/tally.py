"""What a function's calls came to: counted always, told to whoever listens."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from llmcache.backends.base import Entry
from llmcache.backends.forks import forkable
from llmcache.codecs import Usage
from llmcache.errors import BackendWarning, LLMCacheWarning, UncacheableResultWarning
from llmcache.ledger import Account
from llmcache.listening import emit
from llmcache.notices import notice
from llmcache.store import Failed, Store

if TYPE_CHECKING:  # a process of hits that nobody listens to makes none
    from llmcache.events import Event

__all__ = ["CacheInfo", "Tally", "told_of_failure", "told_of_left", "warn_of_failure"]


class CacheInfo(NamedTuple):
    """The counters of one decorated function in this process.

    Attributes:
        hits: Calls answered from the store.
        misses: Calls for which the function ran, also those that raised; and those that mode
            `offline` refused.
        stale: Calls answered by an expired entry.
        waits: Calls answered by another caller's running call.
        errors: Failures of the store; the calls went on.
        bypassed: Calls in which the cache had no part.
        currsize: Entries stored now, of all processes; None where the backend cannot count.
    """

    hits: int
    misses: int
    stale: int
    waits: int
    errors: int
    bypassed: int
    currsize: int | None


NOTHING = (None, None, None)


class Counters:
    """What one function's calls came to in this process, and what it was warned of.

    Each outcome that events name is counted in an attribute of that name, the fastest place.
    """

    def __init__(self) -> None:
        self.hit: int = 0
        self.miss: int = 0
        self.stale: int = 0
        self.wait: int = 0
        self.failure: int = 0
        self.bypass: int = 0
        self.warned: set[str] = set()
        self.forked()
        forkable(self)

    def forked(self) -> None:
        """See `Forkable.forked`; re-entrant, as a finalizer may call in the middle of a count."""
        self.lock: threading.RLock = threading.RLock()


def told_of_failure(function: str, text: str) -> str:
    """The warning that a store failed: what was failing, what follows, and what to do."""
    return (
        f"{text.rstrip('.')}. The call of {function} went on without the cache, and so do others "
        "while this lasts; no more is said of it here: see cache_info().errors and the "
        "BackendFailure events. `llmcache doctor` looks into the store, on_backend_error='raise' "
        "makes an error of it, and LLMCACHE_DISABLE=1 goes without."
    )


def warn_of_failure(store: Store, failed: Failed, function: str) -> None:
    """Warn that a store failed, once for each kind of failure: many functions share a store."""
    if store.is_first(failed):
        notice(told_of_failure(function, str(failed.error)), BackendWarning)


def told_of_left(function: str) -> str:
    """The warning that a refresh, whose new answer was paid for and returned, left an older one."""
    return (
        f"A refresh of {function} returned a new answer that could not be stored. The older one "
        "may be served again once the store works: refresh or invalidate it then."
    )


class Tally:
    """The counters of one function, and the warnings that it has given once.

    Args:
        counters: Those of another tally of the same function; None: new ones.
        account: Where the ledger counts these calls too; None: nowhere.
    """

    def __init__(self, counters: Counters | None = None, account: Account | None = None) -> None:
        self.counters: Counters = counters or Counters()
        self.account = account

    def at(self, account: Account) -> Tally:
        """This tally, for calls that the ledger counts too."""
        return Tally(self.counters, account)

    def count_hit(self, entry: Entry, now: float) -> None:
        """A hit that nobody listens to, at `now`: all that is done for it."""
        counters = self.counters
        with counters.lock:
            counters.hit += 1
        if self.account is not None:
            self.account.counts.add_hit(entry, now)

    def tell(self, event: Event) -> None:
        """Count an event and hand it on."""
        if event.outcome:
            counters = self.counters
            with counters.lock:
                setattr(counters, event.outcome, getattr(counters, event.outcome) + 1)
            if self.account is not None:
                self.account.counts.add(event)
        emit(event)

    def count_run(self, seconds: float, usage: Usage | None, *, refresh: bool) -> None:
        """The function ran: what it took, for the ledger; the call itself is told of apart."""
        if self.account is not None:
            taken = (usage.model, usage.input_tokens, usage.output_tokens) if usage else NOTHING
            self.account.counts.add_run(seconds, *taken, refresh=refresh)

    def warn_once(self, about: str, text: str, category: type[LLMCacheWarning]) -> None:
        """Warn, once per function and subject."""
        counters = self.counters
        with counters.lock:
            known = about in counters.warned
            counters.warned.add(about)
        if not known:
            notice(text, category)

    def warn_unstored(self, function: str, what: str) -> None:
        """A result was returned and not stored."""
        self.warn_once(
            "result",
            f"A result of {function} was returned but not stored: {what}. "
            "Each call of this kind calls the model again. Declare the type that is returned "
            "(a return annotation or response_model=), or register_codec() for a foreign one.",
            UncacheableResultWarning,
        )

    def warn_uncacheable(self, function: str, error: Exception) -> None:
        """A call ran uncached because an argument has no stable form."""
        self.warn_once("argument", f"{function} ran uncached: {error}", UncacheableResultWarning)

    def info(self, currsize: int | None) -> CacheInfo:
        """The counters now."""
        counters = self.counters
        with counters.lock:
            return CacheInfo(
                hits=counters.hit,
                misses=counters.miss,
                stale=counters.stale,
                waits=counters.wait,
                errors=counters.failure,
                bypassed=counters.bypass,
                currsize=currsize,
            )
