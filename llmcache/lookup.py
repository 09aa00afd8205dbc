"""What a stored entry is worth now. Pure: entry, time and settings in, one of five outcomes out."""

from __future__ import annotations

from dataclasses import dataclass

from llmcache.backends.base import Entry, Nothing

__all__ = [
    "MAX_SKEW",
    "Absent",
    "Expired",
    "Fresh",
    "Outcome",
    "Stale",
    "Unreadable",
    "judge",
    "lifetime",
]

MAX_SKEW = 86_400.0
"""Seconds by which an entry may seem to come from the future before it is not believed.

Clocks of machines differ, and a clock that was a day ahead and was set right must not lose what
was stored meanwhile. Within this bound such an entry counts as new.
"""


@dataclass(slots=True)  # not frozen, which doubles what making one takes: each hit makes one
class Fresh:
    """Serve it. `age` in seconds, never negative."""

    entry: Entry
    age: float


@dataclass(frozen=True, slots=True)
class Stale:
    """Expired, within `stale_while_revalidate`: serve it at once and refresh behind."""

    entry: Entry
    age: float


@dataclass(frozen=True, slots=True)
class Expired:
    """Over. `covers_errors`: it may still be served if the call raises (`stale_if_error`)."""

    entry: Entry
    age: float
    covers_errors: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing there."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """There is something, but it cannot be believed; a miss that overwrites it."""

    reason: str


Outcome = Fresh | Stale | Expired | Absent | Unreadable


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
    age = now - found.created
    if age < 0:
        if age < -MAX_SKEW:
            return Unreadable("it was made in the future")
        age = 0.0
    end = found.expires
    if ttl is not None:
        end = found.created + ttl if end is None else min(end, found.created + ttl)
    if end is None or now < end:
        return Fresh(found, age)
    if now < end + stale_while_revalidate:
        return Stale(found, age)
    return Expired(found, age, covers_errors=now < end + stale_if_error)


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
