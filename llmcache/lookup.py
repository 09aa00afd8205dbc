"""What a stored entry is worth now. Pure: entry, time and settings in, one of five outcomes out."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from llmcache.backends.base import Entry, Nothing
from llmcache.backends.entries import MAX_SKEW

__all__ = [
    "Absent",
    "Expired",
    "Fresh",
    "Outcome",
    "Stale",
    "Unreadable",
    "is_fresh",
    "judge",
    "lifetime",
    "reason_of",
    "unreadable",
]


class Fresh(NamedTuple):
    """Serve it. `age` in seconds, never negative."""

    entry: Entry
    age: float


class Stale(NamedTuple):
    """Expired, within `stale_while_revalidate`: serve it at once and refresh behind."""

    entry: Entry
    age: float


class Expired(NamedTuple):
    """Over. `covers_errors`: it may still be served if the call raises (`stale_if_error`)."""

    entry: Entry
    age: float
    covers_errors: bool


class Absent(NamedTuple):
    """Nothing there."""


class Unreadable(NamedTuple):
    """There is something, but it cannot be believed; a miss that overwrites it."""

    reason: str


Outcome = Fresh | Stale | Expired | Absent | Unreadable


def is_fresh(entry: Entry, now: float, ttl: float | None) -> bool:
    """Whether `judge` says `Fresh`: all that most hits have to know of an entry."""
    return (
        (entry.expires is None or now < entry.expires)
        and (ttl is None or now < entry.created + ttl)
        and entry.created - now <= MAX_SKEW
    )


def judge(
    found: Entry | Nothing,
    now: float,
    *,
    ttl: float | None,
    stale_while_revalidate: float = 0.0,
    stale_if_error: float = 0.0,
) -> Outcome:
    """Decide what to do with what was found.

    Args:
        found: What the backend gave.
        now: Seconds since 1970 UTC.
        ttl: The reader's own time to live: an entry ends at the earlier of its stored end and
            this many seconds after it was made. None: only the stored end counts.
        stale_while_revalidate: The reader's window after the end, in seconds.
        stale_if_error: As that one.
    """
    if found is Nothing.ABSENT:
        return Absent()
    if not isinstance(found, Entry):
        return Unreadable("its checksum does not match")
    age = max(now - found.created, 0.0)
    if is_fresh(found, now, ttl):
        return Fresh(found, age)
    if found.created - now > MAX_SKEW:
        return Unreadable("it was made in the future")
    own = inf if ttl is None else found.created + ttl
    end = own if found.expires is None else min(found.expires, own)
    if now < end + stale_while_revalidate:
        return Stale(found, age)
    return Expired(found, age, covers_errors=now < end + stale_if_error)


def reason_of(outcome: Stale | Expired | Absent | Unreadable) -> str:
    """Why it is a miss, as events and explanations tell it."""
    if isinstance(outcome, Unreadable):
        return unreadable(outcome.reason)
    return "absent" if isinstance(outcome, Absent) else "expired"


def unreadable(reason: str) -> str:
    """The reason of a miss, for what is there and cannot be restored."""
    return f"unreadable: {reason}"


def lifetime(
    created: float, ttl: float | None, stale_while_revalidate: float, stale_if_error: float
) -> tuple[float | None, float | None]:
    """When an entry made now ends, and until when it may be served expired.

    Returns:
        `expires` and `stale_until`, as `Entry` holds them.
    """
    if ttl is None:
        return None, None
    expires = created + ttl
    window = max(stale_while_revalidate, stale_if_error)
    return expires, expires + window if window else None
