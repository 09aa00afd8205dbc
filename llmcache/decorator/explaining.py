"""Why a call would hit or miss: what is stored, held against what the call asks for."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from llmcache.backends.base import Backend, Entry, Listing, Manifests, able
from llmcache.codecs import Unreadable
from llmcache.decorator.subject import Arguments, Variant
from llmcache.engine.looking import found
from llmcache.engine.question import Plan, Question, check, outcome_of
from llmcache.keys.explain import Explanation, Near, explanation, nearest
from llmcache.keys.key import KeyParts
from llmcache.lookup import Expired, Fresh, Stale
from llmcache.previews import kept_previews
from llmcache.store import Failed

__all__ = ["explain"]

LISTED = 5_000
"""Entries of the function, the newest, that the nearest one is looked for among."""


def explain(variant: Variant, call: Arguments) -> Explanation:
    """Explain one call; reads the store, calls nothing, counts nothing.

    Raises:
        UncacheableArgumentError: When the call has no key.
    """
    plan = variant.plan()
    bound = variant.bound(plan, call)
    question = variant.question(plan, call, bound)
    unkeyed = bound.unkeyed()
    stored = found(question)
    if isinstance(stored, Failed):
        return unknown(question, stored, unkeyed)
    told = functools.partial(
        explanation,
        plan.scope.function,
        question.key,
        unkeyed=unkeyed,
        mode=plan.settings.mode.value,
    )
    match outcome_of(question, stored):
        case Fresh(entry, age) if readable(question, entry):
            status = "hit"
        case Stale(entry, age) if readable(question, entry):
            status = "stale"
        case Expired(entry, age):
            status = "expired"
        case _:
            near = nearest_of(plan, bound.parts())
            return told(status="miss", near=near, previews=previews_of(plan, near))
    return told(status=status, age=age, left=left(plan, entry), previews=kept_previews(entry.parts))


def unknown(question: Question, failed: Failed, unkeyed: Iterable[str]) -> Explanation:
    """What can be said where the store cannot be read."""
    return Explanation(
        question.plan.scope.function,
        question.key,
        "unknown",
        unkeyed=tuple(unkeyed),
        mode=question.plan.settings.mode.value,
        failure=str(failed.error),
    )


def previews_of(plan: Plan, near: Near | None) -> dict[str, str]:
    """What the nearest entry was asked with, where that was kept."""
    entry = plan.store.get(near.key) if near is not None else None
    return kept_previews(entry.parts) if isinstance(entry, Entry) else {}


def readable(question: Question, entry: Entry) -> bool:
    """Whether the entry can be restored, to its last item; one that cannot is a miss."""
    try:
        check(question, entry)
    except Unreadable:
        return False
    return True


def left(plan: Plan, entry: Entry) -> float | None:
    """Seconds until an entry ends for this reader; negative once it has; None: it does not."""
    own = None if plan.reader_ttl is None else entry.created + plan.reader_ttl
    ends = [end for end in (entry.expires, own) if end is not None]
    return min(ends) - plan.settings.clock.time() if ends else None


def nearest_of(plan: Plan, parts: KeyParts) -> Near | None:
    """The stored entry of the function that differs least; None where there is no listing."""
    backend: Backend = plan.store.backend
    listing, manifests = able(backend, Listing), able(backend, Manifests)
    if listing is None:
        return None
    stored = (
        (listed.key, listed.entry.parts, listed.entry.manifest)
        for listed in listing.entries(plan.scope, limit=LISTED)
    )
    return nearest(parts, stored, manifests.get_manifest if manifests else lambda _: None)
