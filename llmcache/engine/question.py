"""One call as the engine sees it: what is asked, what it goes by, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmcache.backends.base import Entry, Nothing, Scope
from llmcache.codecs import Framing, ResultCodec, Usage
from llmcache.engine.forms import (
    ASYNC_STREAM,
    AWAITABLE,
    RETURNING_STREAM,
    async_copies,
    copies,
    parts_of,
    ready,
)
from llmcache.keys.key import Bound, Keying
from llmcache.lookup import Outcome, judge
from llmcache.settings import Mode, Settings
from llmcache.store import Failed, Store
from llmcache.tally import Tally

__all__ = [
    "Answer",
    "Found",
    "KeptParts",
    "Plan",
    "Question",
    "Turn",
    "check",
    "outcome_of",
    "restore",
    "revive",
]


class KeptParts(NamedTuple):
    """What a key is made of, as it is kept beside an entry.

    Attributes:
        call: JSON of the parts that differ by call.
        manifest: The digest of those that all calls share.
        shared: JSON of those, with what no key can see; empty where it is kept already.
    """

    call: bytes
    manifest: str
    shared: bytes


@dataclass(slots=True, eq=False, repr=False)
class Plan:
    """What all calls of one function under the same settings have in common.

    Attributes:
        reader_ttl: The time to live in seconds that its callers judge by; None where it is a
            callable, which has been asked when storing.
        keep_if: The user's predicate, or None for the rule of `reason_not_to_keep`.
        now: The time, in seconds since 1970 UTC.
        keying: How its calls are keyed.
        kept_manifests: The manifests that are known to be in the store.
        off: Whether the cache has no part in the call.
        anew: Whether what is stored, and what runs already, will not do.
        offline: Whether nothing is to be computed.
    """

    settings: Settings
    scope: Scope
    store: Store
    framing: Framing
    tally: Tally
    keep_if: Callable[[Any], object] | None = None
    keying: Keying = Keying()  # noqa: RUF009 - it cannot change
    reader_ttl: float | None = field(init=False)
    now: Callable[[], float] = field(init=False)
    kept_manifests: set[str] = field(default_factory=set)
    off: bool = field(init=False)
    anew: bool = field(init=False)
    offline: bool = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.settings.clock.time
        ttl = self.settings.ttl
        self.reader_ttl = None if callable(ttl) else ttl
        self.off = self.settings.mode is Mode.OFF
        self.anew = self.settings.mode is Mode.REFRESH
        self.offline = self.settings.mode is Mode.OFFLINE


@dataclass(slots=True, eq=False, repr=False)
class Question:
    """One call with everything that is needed to answer it.

    Attributes:
        key: The digest.
        function: Runs the user's function with this call's arguments.
        bound: What the key was made of.
        mark: What the function gives where it is not a result: put before what is stored.
        patience: Seconds that storage may still add to this call.
        began: When it was asked, by the monotonic clock; None where nobody listens.
        reachable: False once the store failed in this call: it is not asked again.
        stored_as: The digest under which it was found, where that is a former one.
        joins: Whether it may read on in a stream that runs already.
        follows: Whether it waits for another caller's call.
        behind: Whether it is computed behind its caller's back, as a refresh that is nobody's call.
        told: Whether the call has been counted: once, whatever comes of it later.
        reason: Why there was nothing to serve, where the claim was what looked.
        parts: What is kept of `bound`, where that is known already.
    """

    plan: Plan
    key: str
    codec: ResultCodec
    function: Callable[[], Any]
    bound: Bound
    mark: bytes
    patience: float
    began: float | None
    reachable: bool = True
    stored_as: str = ""
    joins: bool = True
    follows: bool = False
    behind: bool = False
    told: bool = False
    reason: str = ""
    parts: KeptParts | None = None

    @property
    def seat(self) -> tuple[int, Scope, str, bytes]:
        """What callers share who can share one call: backend, scope, key and form."""
        return id(self.plan.store.backend), self.plan.scope, self.key, self.mark

    @property
    def anew(self) -> bool:
        """Whether what is stored, and what runs already, will not do."""
        return self.plan.anew

    @property
    def names(self) -> dict[str, Any]:
        """What every event says."""
        plan = self.plan
        return {
            "function": plan.scope.function,
            "key": self.key,
            "backend": plan.store.description,
        }

    @property
    def associated(self) -> bytes:
        """What a sealed entry is bound to, so that it cannot be moved to another key."""
        return bytes.fromhex(self.key)


class Turn(NamedTuple):
    """It is ours to compute.

    Attributes:
        epoch: What storing the answer is bound to; None: nothing will be stored.
        parts: What the key is made of, for the entry.
    """

    epoch: int | None
    parts: KeptParts | None = None


class Answer(NamedTuple):
    """What a computation came to.

    Attributes:
        value: The leader's own: restored from what was stored, or the function's object.
        data: What every other caller restores its own copy from; None: it could not be encoded.
        outdated: It was invalidated while it was computed: only the leader may have it.
        found: The entry, where another process computed it.
        waited: Whether that process was waited for.
        turn: For a stream or an awaitable, what storing its result later goes by.
        usage: What the model says it took, where it says so.
        seconds: What the function took.
    """

    value: Any
    data: bytes | None = None
    outdated: bool = False
    found: Entry | None = None
    waited: bool = False
    turn: Turn | None = None
    usage: Usage | None = None
    seconds: float = 0.0


Found = Entry | Nothing | Failed | None
"""What looking gave; None: nothing was looked for, as in a refresh, or the claim will look."""


def outcome_of(question: Question, found: Entry | Nothing) -> Outcome:
    """What this caller may do with what was found."""
    settings = question.plan.settings
    return judge(
        found,
        settings.clock.time(),
        ttl=question.plan.reader_ttl,
        stale_while_revalidate=settings.stale_while_revalidate,
        stale_if_error=settings.stale_if_error,
    )


def restore(question: Question, entry: Entry) -> bytes:
    """The codec's bytes out of an entry.

    Raises:
        Unreadable: When the frame is damaged, newer, or sealed with another key.
    """
    key = question.stored_as or question.key
    return question.plan.framing.unpack(entry.value, bytes.fromhex(key))


def revive(question: Question, data: bytes) -> Any:
    """A new copy of what was stored, in the form in which the function would return it.

    Raises:
        Unreadable: When the codec cannot restore it.
    """
    if not data.startswith(b"\0"):
        return question.codec.load(data)
    mark, dumped = parts_of(data)
    if mark == AWAITABLE:
        value = question.codec.load(dumped[0])
        return value if question.mark == AWAITABLE else ready(value)
    returned = dumped.pop() if mark == RETURNING_STREAM and dumped else None
    if (question.mark or mark) == ASYNC_STREAM:
        return async_copies(question.codec, dumped)
    return copies(question.codec, dumped, returned)


def check(question: Question, entry: Entry) -> None:
    """Restore all of an entry, to the last item of a stream, for nobody.

    Raises:
        Unreadable: When some of it cannot be restored.
    """
    for data in parts_of(restore(question, entry))[1]:
        question.codec.load(data)
