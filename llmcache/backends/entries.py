"""What is stored and asked for: the words that a backend and its callers share.

A *key* is text, 64 hex digits. A *scope* is a function in a namespace, what `clear` works on. An
*epoch* counts the invalidations that a key has seen: whoever computes an answer reads it first
and stores under the condition that it is still the same. A *lease* says which process computes
the answer for a key at the moment.

They are tuples, as some are made for each hit of a store that keeps rows.
"""

from __future__ import annotations

import enum
from math import inf
from typing import NamedTuple

__all__ = [
    "MAX_SKEW",
    "Claim",
    "Entry",
    "Held",
    "Listed",
    "Nothing",
    "Scope",
    "end_of",
    "is_live",
]

MAX_SKEW = 86_400.0
"""Seconds by which an entry may seem to come from the future before it is not believed.

Clocks of machines differ, and a clock that was a day ahead and was set right must not lose what
was stored meanwhile. Within this bound such an entry counts as new; beyond it its age has no
meaning.
"""


class Nothing(enum.Enum):
    """The typed "nothing there", so that no value has to stand for it.

    Attributes:
        ABSENT: Nothing is stored under the key.
        DAMAGED: Something is, but it is not what was stored; a miss that the next answer replaces.
    """

    ABSENT = "absent"
    DAMAGED = "damaged"


class Scope(NamedTuple):
    """A function in a namespace."""

    namespace: str
    function: str


class Entry(NamedTuple):
    """One stored answer. Times are seconds since 1970 UTC.

    Attributes:
        value: The answer as the codec framed it.
        scope: Whose answer it is.
        created: When it was stored.
        expires: End of its time to live; None: until evicted.
        stale_until: Until when it may be served expired; None: not at all. Never below `expires`.
        parts: The parts of the key that differ by call, as JSON of name to short digest.
        manifest: The digest under which the parts that all calls share are kept (`Manifests`).
        model: The model that answered, where known.
        input_tokens: Tokens of the prompt, where known.
        output_tokens: Tokens of the answer, where known.
        seconds: What the call took that made the answer.
    """

    value: bytes
    scope: Scope
    created: float
    expires: float | None = None
    stale_until: float | None = None
    parts: bytes = b"{}"
    manifest: str = ""
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 0.0


def end_of(entry: Entry) -> float:
    """The moment from which it can no longer be served, not even stale; infinite: never."""
    if entry.expires is None:
        return inf
    return max(entry.expires, entry.stale_until or entry.expires)


def is_live(entry: Entry | Nothing, now: float, max_age: float | None) -> bool:
    """Whether nothing has to be computed: neither expired nor older than the reader takes."""
    if isinstance(entry, Nothing) or (entry.expires is not None and entry.expires <= now):
        return False
    return max_age is None or now - entry.created < max_age


class Listed(NamedTuple):
    """One line of a listing.

    Attributes:
        key: 64 hex digits.
        entry: Without its value.
        size: Bytes of the value; in memory those of key and parts besides.
        used: When it was last read, in seconds since 1970 UTC, a minute late at most; when it was
            stored, where the backend does not know.
        hits: How often since it was stored; 0 where the backend does not count.
    """

    key: str
    entry: Entry
    size: int
    used: float
    hits: int = 0


class Held(NamedTuple):
    """Somebody else holds the lease: until when; it may end earlier, with its process."""

    expires: float


class Claim(NamedTuple):
    """The answer to a claim, taken in one step.

    Attributes:
        entry: What is stored under the key, fresh or not.
        epoch: The epoch of the key at that moment; what `settle` and `put_if` compare with.
        held: Who else computes it; None: the lease is ours, or none was needed as `entry` is live.
    """

    entry: Entry | Nothing
    epoch: int
    held: Held | None = None
