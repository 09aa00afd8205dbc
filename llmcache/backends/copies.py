"""The near side of a tier: copies, and which of them still count."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol, Self, cast

from llmcache.backends.base import (
    Backend,
    Entry,
    Epochs,
    Invalidations,
    Listing,
    Nothing,
    Scope,
    Sizing,
    able,
)
from llmcache.backends.forks import forkable
from llmcache.backends.workers import in_worker
from llmcache.clock import Clock
from llmcache.errors import BackendError, ConfigurationError

__all__ = ["Copies", "Near", "Write", "fit_for_near"]


class Near(Backend, Epochs, Listing, Sizing, Protocol):
    """What a near side must be able to do, so that the copies of a scope can be dropped."""


def checked(side: str, backend: Backend) -> Backend:
    """A side of a tier.

    Raises:
        ConfigurationError: For what is no backend, such as a URL.
    """
    if isinstance(backend, Backend):
        return backend
    raise ConfigurationError(
        f"{side}={backend!r} is not a backend; open_backend makes one of a URL.",
        name=side,
        value=repr(backend),
        allowed="a backend object",
    )


def fit_for_near(backend: Backend) -> Near:
    """The backend as a near side.

    Raises:
        ConfigurationError: For what is no backend, and for one that lacks an ability.
    """
    backend = checked("near", backend)
    for kind in (Epochs, Listing, Sizing):
        if able(backend, kind) is None:
            raise ConfigurationError(
                f"{backend.description} cannot be the near side of a tier, as it lacks "
                f"{kind.__name__}: use an LRUBackend.",
                name="near",
                value=backend.description,
                allowed="a backend with Epochs, Listing and Sizing, such as LRUBackend",
            )
    return cast("Near", backend)


class Copies:
    """Copies of what a far side holds, never one that was outdated when it was made.

    A `turn` ends whenever something is written or dropped. Who copies what was read from the far
    side says in which turn it was read; in a later one the copy is not made, as what was read may
    have been overtaken meanwhile.

    Args:
        near: Where the copies live.
        news: Who tells that copies are outdated; None: nobody can.
        life: Seconds that a copy counts for where nobody can.
        clock: Where the time comes from.

    Attributes:
        turn: The number of the present turn.
        seen: The last invalidation that the copies follow; None: not asked yet.
    """

    def __init__(self, near: Near, news: Invalidations | None, life: float, clock: Clock) -> None:
        self.near = near
        self.news = news
        self.life = life
        self.now: Callable[[], float] = clock.time
        self.monotonic: Callable[[], float] = clock.monotonic
        self.lock: threading.RLock = threading.RLock()
        self.turn: int = 0
        self.seen: int | None = None
        self.due: OrderedDict[str, float] = OrderedDict()
        self.asked: threading.local = threading.local()
        forkable(self)

    def find(self, key: str) -> Entry | None:
        """The copy, where there is one that still counts.

        While nobody can tell whether it is outdated, its own times decide.
        """
        # Read before the copy: another thread may catch up in between, and drop this very copy.
        seen = self.seen
        copy = self.counted(key, self.near.get(key))
        if copy is not None and self.outdated(seen):
            self.catch_up()
            copy = self.counted(key, self.near.get(key))
        return copy

    def glance(self, key: str) -> Entry | None:
        """As `find`, but None also where finding out may take waiting, as on an event loop."""
        if self.near.blocking or not getattr(self.asked, "here", False):
            return None
        seen = self.seen
        copy = self.counted(key, self.near.get(key))
        return None if copy is None or self.outdated(seen) else copy

    async def afind(self, key: str) -> Entry | None:
        """As `find`, async; where there are news, the first in each thread finds nothing.

        So that the far side is asked first by its own `aget`, which may wait for what has to be
        opened for this thread, where `invalidations` would hold up the loop.
        """
        if not getattr(self.asked, "here", False):
            self.asked.here = True
            if self.news is not None:
                return None
        seen = self.seen
        copy = self.counted(key, await self.near.aget(key))
        if copy is not None and self.outdated(seen):
            await in_worker(self.catch_up)
            copy = self.counted(key, await self.near.aget(key))
        return copy

    def counted(self, key: str, copy: Entry | Nothing) -> Entry | None:
        """The copy, unless it has expired: the far side may have a newer one."""
        if isinstance(copy, Nothing):
            return None
        if copy.expires is not None and copy.expires <= self.now():
            return None
        if self.news is None and self.due.get(key, -1.0) <= self.monotonic():
            return None
        return copy

    def fill(self, key: str, entry: Entry | Nothing, turn: int) -> None:
        """Copy what the far side gave, if the turn in which it was read is still on."""
        if isinstance(entry, Entry):
            with self.lock:
                if self.turn == turn:
                    self.copy(key, entry)

    async def afill(self, key: str, entry: Entry | Nothing, turn: int) -> None:
        """As `fill`, async."""
        if self.near.blocking:
            await in_worker(self.fill, key, entry, turn)
        else:
            self.fill(key, entry, turn)

    def write(self, *what: str | Scope) -> Write:
        """Put `with copies.write(key) as write:` round a write to the far side; also async."""
        return Write(self, what)

    def begin(self) -> int:
        """Begin a write; the turn to end it with."""
        with self.lock:
            self.turn += 1
            return self.turn

    def end(self, what: Iterable[str | Scope], stored: Entry | None, turn: int) -> None:
        """End a write: copy what was stored; drop the copies where that was nothing, or not sure.

        Of two writers at once nobody knows here who was last on the far side, so neither copies.
        """
        with self.lock:
            sure = self.turn == turn
            self.drop(what)
            if sure and stored is not None:
                for key in what:
                    self.copy(str(key), stored)

    def copy(self, key: str, entry: Entry) -> None:
        """Under the lock: make the copy."""
        self.near.put(key, entry)
        if self.news is None:
            now = self.monotonic()
            self.due.pop(key, None)
            self.due[key] = now + self.life
            while next(iter(self.due.values())) <= now:
                self.due.popitem(last=False)

    def drop(self, outdated: Iterable[str | Scope]) -> None:
        """Drop the copies of these keys and scopes."""
        with self.lock:
            self.turn += 1
            for one in outdated:
                if isinstance(one, Scope):
                    self.near.clear(one)
                else:
                    self.near.delete(one)

    def drop_all(self) -> None:
        """Drop every copy."""
        with self.lock:
            self.drop([listed.key for listed in self.near.entries()])

    def outdated(self, seen: int | None) -> bool:
        """Whether something was invalidated after `seen`."""
        if self.news is None:
            return False
        try:
            return self.news.invalidations() != seen
        except BackendError:
            return False

    def catch_up(self) -> None:
        """Drop the copies of what was invalidated since this was last asked."""
        if self.news is None:
            return
        seen = self.seen
        number = self.news.invalidations()
        if seen is None and self.adopt(number):
            return
        if seen is not None and number < seen:
            self.restart(number)
        else:
            self.follow(number, self.news.invalidated_since(seen or 0))

    def adopt(self, number: int) -> bool:
        """Follow from `number` on, if nothing was seen before and there is no copy to check."""
        with self.lock:
            self.turn += 1
            if self.seen is not None or self.near.count():
                return False
            self.seen = number
            return True

    def follow(self, number: int, outdated: Iterable[str | Scope]) -> None:
        """Drop what was invalidated up to `number`, unless another thread has gone further."""
        with self.lock:
            self.drop(outdated)
            self.seen = max(number, self.seen or 0)

    def restart(self, number: int) -> None:
        """Drop everything: the far side counts anew, so that it is another one than before."""
        with self.lock:
            self.drop_all()
            self.seen = number

    def forked(self) -> None:
        """As `Forkable.forked`: a half-done step is harmless, as its turn was ended first."""
        self.lock = threading.RLock()
        self.asked = threading.local()


class Write:
    """A write to the far side under way.

    Attributes:
        stored: What is under the key now; None: nothing, it failed, or there are several.
    """

    __slots__ = ("copies", "stored", "turn", "what")

    def __init__(self, copies: Copies, what: tuple[str | Scope, ...]) -> None:
        self.copies: Copies = copies
        self.what: tuple[str | Scope, ...] = what
        self.stored: Entry | None = None

    def __enter__(self) -> Self:
        self.turn: int = self.copies.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.copies.end(self.what, self.stored, self.turn)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        if self.copies.near.blocking:
            await in_worker(self.__exit__)
        else:
            self.__exit__()
