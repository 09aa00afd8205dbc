"""What happened to each call, as frozen records, and who is told.

A call counts once, under exactly one of `Hit`, `Miss`, `Stale`, `Wait` and `Bypass`. `Store` and
`BackendFailure` come on top. A handler is any callable of one record; one that raises is logged
and skipped, and never fails the call it was told about.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from llmcache.listening import listen, recordings, stop_listening

__all__ = [
    "BackendFailure",
    "Bypass",
    "Event",
    "Hit",
    "Miss",
    "Recording",
    "Stale",
    "Store",
    "Wait",
    "on_event",
    "record",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all records share.

    Attributes:
        function: `module.qualname`, or the decorator's `name`.
        key: The digest, 64 hex digits; empty where no key was made.
        backend: The backend in words, without credentials.
        seconds: What the call took: for a miss the function itself, for a hit the look-up.
        model: The model that answered, where a completion says so.
        input_tokens: Tokens of the prompt: spent on a miss, saved on a hit; None: not known.
        output_tokens: Tokens of the answer, likewise.
        saved: Seconds of the call that a hit, a wait or a stale answer spared; 0.0: not known.
        outcome: What it is counted as: `hit`, `miss`, `stale`, `wait` or `bypass`, of a call;
            `failure`, of the store; empty: not counted.
    """

    outcome: ClassVar[str] = ""
    function: str
    key: str = ""
    backend: str = ""
    seconds: float = 0.0
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    saved: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(Event):
    """Answered from the store, without a call."""

    outcome: ClassVar[str] = "hit"
    age: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss(Event):
    """The function ran. `reason`: absent, expired, unreadable (and why), refresh."""

    outcome: ClassVar[str] = "miss"
    reason: str = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale(Event):
    """An expired entry was served. `reason`: revalidate, error (with the exception), offline."""

    outcome: ClassVar[str] = "stale"
    age: float = 0.0
    reason: str = "revalidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Event):
    """Answered by another caller's running call."""

    outcome: ClassVar[str] = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Event):
    """An answer was written. `size` is what the entry's value takes, in bytes."""

    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass(Event):
    """The function ran, and the cache had no part. `reason`: mode, uncacheable."""

    outcome: ClassVar[str] = "bypass"
    reason: str = "mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendFailure(Event):
    """The store failed in `operation`; the call went on without it."""

    outcome: ClassVar[str] = "failure"
    operation: str = ""
    error: str = ""


Handler = Callable[[Event], object]


@dataclass(slots=True)
class Recording:
    """The events of the calls made inside one `record()` block, in the order they happened."""

    events: list[Event] = field(default_factory=list)

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self.events))

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, index: int) -> Event:
        return self.events[index]

    def of(self, kind: type[Event]) -> list[Event]:
        """Only the records of one kind: `calls.of(Hit)`."""
        return [event for event in self.events if isinstance(event, kind)]


def on_event(handler: Handler) -> Callable[[], None]:
    """Call `handler` with every record from now on, in the thread of the call.

    The call goes on when the handler has returned, so it should be quick; under asyncio it runs on
    the event loop and is not awaited. What it raises is logged and changes nothing. Registered
    twice, it is called twice.

    Args:
        handler: Takes one record; what it returns is ignored.

    Returns:
        A function that removes it again; calling that twice does nothing.

    Raises:
        TypeError: When it cannot be called, or is a coroutine function, which nobody would await.
    """
    given: object = handler
    if not callable(given) or inspect.iscoroutinefunction(given):
        raise TypeError(
            f"on_event takes a plain function of one record, not {type(handler).__name__} "
            f"{handler!r:.60}; a handler is called, not awaited."
        )
    listen(handler)
    return partial(stop_listening, handler)


@contextlib.contextmanager
def record() -> Iterator[Recording]:
    """Collect the records of the calls made inside: `with llmcache.record() as calls:`.

    It follows the context: tasks started inside are seen, a new thread's calls are not. Blocks may
    be nested; each collects all that happens inside it. The records stay when the block has ended.

    Yields:
        A sequence of the records so far, in the order they happened.
    """
    recording = Recording()
    token = recordings.set((*recordings.get(), recording.events))
    try:
        yield recording
    finally:
        recordings.reset(token)
