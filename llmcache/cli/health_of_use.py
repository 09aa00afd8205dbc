"""What the entries and the ledger tell of how the cache is used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from llmcache.backends.base import Backend, Ledgers, Listing, Manifests, Scope, able
from llmcache.backends.counts import Cell, Sums
from llmcache.cli.amounts import moment
from llmcache.cli.filters import age_of
from llmcache.cli.findings import Finding, fine, hint, problem
from llmcache.keys.explain import decoded
from llmcache.previews import kept_unkeyed

__all__ = ["look_at_use", "never_repeated"]

LOOKED_AT = 20_000
"""Entries, the newest, that arguments are compared in."""

ENOUGH = 20
"""Calls or entries of a function from which on something can be told."""

AHEAD = 60.0
"""Seconds that clocks of several machines may differ by."""

LATELY = timedelta(days=7)
ARGUMENT = "argument "


def look_at_use(store: Backend, now: float) -> Iterator[Finding]:
    """The clock, what no key sees, arguments that never repeat, functions that never hit."""
    listing, ledger = able(store, Listing), able(store, Ledgers)
    if listing is not None:
        yield from look_at_clock(listing, now)
        yield from look_at_entries(listing, able(store, Manifests))
    if ledger is None:
        yield hint("ledger", f"{store.description} keeps none: counts are each process's own.")
        return
    since = f"{datetime.fromtimestamp(now, UTC) - LATELY:%Y-%m-%d}"
    yield from look_at_counts(ledger.counts(since))


def look_at_clock(listing: Listing, now: float) -> Iterator[Finding]:
    """Entries from the future, which tell of clocks."""
    for newest in listing.entries(limit=1):
        if age_of(newest.entry.created, now) < -AHEAD:
            when = moment(newest.entry.created)
            yield problem("clock", f"The newest entry is from the future ({when}): set the clock.")


def look_at_entries(listing: Listing, manifests: Manifests | None) -> Iterator[Finding]:
    """By function: what its key cannot see, and an argument that differs in every entry."""
    parts: dict[Scope, list[Mapping[str, str]]] = defaultdict(list)
    newest: dict[Scope, str] = {}
    for listed in listing.entries(limit=LOOKED_AT):
        parts[listed.entry.scope].append(decoded(listed.entry.parts) or {})
        newest.setdefault(listed.entry.scope, listed.entry.manifest)
    for scope, found in parts.items():
        shared = manifests.get_manifest(newest[scope]) if manifests is not None else None
        for name, why in kept_unkeyed(shared or b"{}").items():
            text = f"not seen by the key of {scope.function}: {name} ({why})"
            yield hint("keys", f"{text}. If answers depend on it, depends_on= brings it in.")
        for name in never_repeated(found):
            text = f"{name!r} of {scope.function} never repeats: if the answer does not depend on"
            yield hint("arguments", f"{text} it, ignore=[{name!r}] makes its calls hit.")


def never_repeated(found: list[Mapping[str, str]]) -> list[str]:
    """The one argument with as many values as there are entries, where all others repeat."""
    names = {name for parts in found for name in parts if name.startswith(ARGUMENT)}
    if len(found) < ENOUGH or len(names) < 2:  # noqa: PLR2004 - one that differs, one that repeats
        return []
    seen = {name: len({parts.get(name) for parts in found}) for name in names}
    single = [name for name, values in seen.items() if values == len(found)]
    if len(single) != 1 or any(
        values > len(found) // 2 for name, values in seen.items() if name not in single
    ):
        return []
    return [single[0].removeprefix(ARGUMENT)]


def look_at_counts(counts: Mapping[Cell, Sums]) -> Iterator[Finding]:
    """What the calls of the last days came to."""
    asked: dict[str, Counter[str]] = defaultdict(Counter)
    for cell, sums in counts.items():
        asked[cell.function][cell.outcome] += sums.calls
        if cell.outcome == "bypass" and cell.reason == "uncacheable":
            text = f"{sums.calls:,} calls of {cell.function} on {cell.day} had no key"
            yield hint("arguments", f"{text}: ignore= the parameter, or give it __cache_key__.")
    for function, outcomes in asked.items():
        if outcomes["failure"]:
            yield hint("store", f"It failed {outcomes['failure']:,} times for {function}.")
        if outcomes["miss"] >= ENOUGH and not outcomes["hit"] + outcomes["stale"]:
            text = f"{function} missed {outcomes['miss']:,} times and never hit"
            yield hint("misses", f"{text}: llmcache explain says why.")
    if not asked:
        yield fine("ledger", "Nothing was counted in the last 7 days.")
