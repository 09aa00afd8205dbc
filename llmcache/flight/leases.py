"""Keeping the leases of this process alive while it computes, and how to wait for others'.

One daemon thread renews all of them, at a third of their life, and ends when there is none left
to renew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import secrets
import threading
import weakref
from collections.abc import Hashable
from typing import cast

from llmcache.backends.base import Backend, Leasing, Ledgers, able
from llmcache.flight.flight import running_loop

__all__ = ["LIFE", "POLL_FIRST", "Lease", "Renewals", "new_token", "next_pause", "renewals"]

LIFE = 6.0
"""Seconds a lease lives unrenewed: a killed leader on another machine is replaced after it."""

MOST_ORPHANS = 1024
"""Leases that could not be given back, remembered in a process; each ends by itself anyway."""

POLL_FIRST = 0.01
POLL_LAST = 0.25
logger: logging.Logger = logging.getLogger("llmcache")


def new_token() -> str:
    """A name for one computation, unique among all machines."""
    return secrets.token_hex(16)


def next_pause(pause: float) -> float:
    """How long to wait before the next look at another process's lease, in seconds.

    Grows by half from 10 to 250 ms, with a jitter of a quarter, so that many waiters spread out.
    """
    return min(pause * 1.5, POLL_LAST) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing  # nosec B311


class Lease:
    """A lease that this process may hold, from before it is claimed until it is over.

    Args:
        leasing: Where it is; None: there are no leases, and it never stands.
        key: What is computed.
        seat: Whose computation it is, within this process.
        token: The name of the computation.

    Attributes:
        stands: Whether it may be held: set before the claim, as an interrupt may come in between.
    """

    def __init__(self, leasing: Leasing | None, key: str, seat: Hashable, token: str) -> None:
        self.leasing = leasing
        self.key = key
        self.seat = seat
        self.token = token
        self.loop: asyncio.AbstractEventLoop | None = running_loop()
        self.stands = False

    @property
    def stranded(self) -> bool:
        """Whether it is for a task of a loop that has stopped: then nobody computes."""
        return self.loop is not None and not self.loop.is_running()


class Renewals:
    """The leases that this process holds at the moment."""

    def __init__(self) -> None:
        self.heeded: weakref.WeakSet[Leasing] = weakref.WeakSet()
        self.begin_anew()

    def begin_anew(self) -> None:
        """In a forked child: the parent's leases are the parent's."""
        # The bare lock is entered in one instruction, a condition is not: interrupts come between.
        self.lock: threading.RLock = threading.RLock()
        self.changed: threading.Condition = threading.Condition(self.lock)
        # Weak, so that none is renewed for ever should an interrupt come in the middle of `end`.
        self.kept: weakref.WeakSet[Lease] = weakref.WeakSet()
        # Tokens by seat, and not the leases: they would keep backends that are closed.
        self.orphans: dict[Hashable, str] = {}
        self.left: list[Lease] = []
        self.releasing: threading.Lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def take(self, leasing: Leasing | None, key: str, seat: Hashable) -> Lease:
        """A lease to be claimed, under the token of one that could not be given back, if any."""
        with self.lock:
            token = self.orphans.pop(seat, None)
        return Lease(leasing, key, seat, token or new_token())

    def keep(self, lease: Lease) -> None:
        """Renew it until `end`."""
        with self.lock:
            self.kept.add(lease)
            self.start()

    def end(self, lease: Lease) -> None:
        """No more is computed: a lease that stands is given back by the thread, or by who closes.

        Where that fails too it is left for the next computation here, and ends by itself.
        """
        with self.lock:
            self.kept.discard(lease)
            if not lease.stands:
                return
            self.left.append(lease)
            self.orphans[lease.seat] = lease.token
            while len(self.orphans) > MOST_ORPHANS:
                del self.orphans[next(iter(self.orphans))]
            self.start()
            self.changed.notify()
        with contextlib.suppress(TypeError):  # of what takes no weak reference
            self.heed(cast("Backend", lease.leasing))

    def heed(self, backend: Backend) -> None:
        """See that what is left of a backend's leases is given back before it closes."""
        leasing, ledgers = able(backend, Leasing), able(backend, Ledgers)
        if leasing is None or ledgers is None or leasing in self.heeded:
            return
        self.heeded.add(leasing)
        closing = weakref.ref(leasing)
        ledgers.before_close(lambda: self.release_left(closing()))

    def start(self) -> None:
        """Start the thread; where none is to be had the leases end, and the call goes on."""
        if self.thread is not None:
            return
        thread = threading.Thread(target=self.renew_all, name="llmcache-leases", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            logger.debug("No thread is to be had that renews leases", exc_info=True)
        else:
            self.thread = thread

    def renew_all(self) -> None:
        """The thread: renews every third of a lease's life, gives back at once what is left."""
        while self.one_round():
            pass

    def one_round(self) -> bool:
        """Whether there was anything to do; no lease is held on to after it."""
        with self.lock:
            if not self.left:
                self.changed.wait(LIFE / 3)
            if not self.kept and not self.left:
                self.thread = None
                return False
        self.release_left()
        for lease in self.due():
            self.renew(lease)
        return True

    def due(self) -> list[Lease]:
        """The leases to renew in a round."""
        with self.lock:
            return [lease for lease in self.kept if not lease.stranded]

    def release_left(self, leasing: Leasing | None = None) -> None:
        """Give back what is left, of one backend or of all; nobody is at it afterwards."""
        with self.releasing:
            with self.lock:
                mine = [one for one in self.left if leasing is None or one.leasing is leasing]
                self.left = [one for one in self.left if one not in mine]
            for lease in mine:
                self.release(lease)

    def release(self, lease: Lease) -> None:
        """Give one back, unless the next computation here goes by its token already."""
        with self.lock:
            if self.orphans.get(lease.seat) != lease.token:
                return
            del self.orphans[lease.seat]
        try:
            cast("Leasing", lease.leasing).release(lease.key, lease.token)
        except Exception:
            logger.debug("A lease could not be given back", exc_info=True)
            with self.lock:
                self.orphans.setdefault(lease.seat, lease.token)

    def renew(self, lease: Lease) -> None:
        """Renew one; one that is lost costs at most a second call elsewhere."""
        try:
            renewed = cast("Leasing", lease.leasing).renew(lease.key, lease.token, LIFE)
        except Exception:
            logger.debug("A lease could not be renewed", exc_info=True)
            return
        if not renewed:
            logger.debug("The lease of %s was lost while computing", lease.key)


renewals: Renewals = Renewals()
os.register_at_fork(after_in_child=renewals.begin_anew)
