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
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from llmcache.backends.base import Leasing
from llmcache.flight import running_loop

__all__ = ["LIFE", "POLL_FIRST", "Renewals", "new_token", "next_pause", "renewals"]

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
    return min(pause * 1.5, POLL_LAST) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing


@dataclass(frozen=True, slots=True)
class Kept:
    """A lease that this process holds."""

    leasing: Leasing
    key: str
    token: str
    loop: asyncio.AbstractEventLoop | None

    @property
    def stranded(self) -> bool:
        """Whether it is for a task of a loop that has stopped: then nobody computes."""
        return self.loop is not None and not self.loop.is_running()


class Renewals:
    """The leases that this process holds at the moment."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """In a forked child: the parent's leases are the parent's."""
        self.changed: threading.Condition = threading.Condition()
        self.kept: set[Kept] = set()
        self.orphans: dict[Hashable, str] = {}
        self.thread: threading.Thread | None = None

    def orphan(self, seat: Hashable, token: str) -> None:
        """Remember a lease that could not be given back: it stands, and nobody computes."""
        with self.changed:
            self.orphans[seat] = token
            while len(self.orphans) > MOST_ORPHANS:
                del self.orphans[next(iter(self.orphans))]

    def adopt(self, seat: Hashable) -> str | None:
        """The token of such a lease, under which the next computation claims; None: none."""
        with self.changed:
            return self.orphans.pop(seat, None)

    @contextlib.contextmanager
    def keep(self, leasing: Leasing | None, key: str, token: str) -> Iterator[None]:
        """Renew the lease until the block is left; None: there is none to renew."""
        if leasing is None:
            yield
            return
        lease = Kept(leasing, key, token, running_loop())
        with self.changed:
            self.kept.add(lease)
            if self.thread is None:
                self.start()
        try:
            yield
        finally:
            with self.changed:
                self.kept.discard(lease)

    def start(self) -> None:
        """Start the thread; where none is to be had the leases end, and the call goes on."""
        thread = threading.Thread(target=self.renew_all, name="llmcache-leases", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            logger.debug("No thread is to be had that renews leases", exc_info=True)
        else:
            self.thread = thread

    def renew_all(self) -> None:
        """The thread: a round of renewals every third of a lease's life."""
        while True:
            with self.changed:
                self.changed.wait(LIFE / 3)
                if not self.kept:
                    self.thread = None
                    return
            for lease in self.due():
                self.renew(lease)

    def due(self) -> list[Kept]:
        """The leases to renew in a round."""
        with self.changed:
            return [lease for lease in self.kept if not lease.stranded]

    def renew(self, lease: Kept) -> None:
        """Renew one; one that is lost costs at most a second call elsewhere."""
        try:
            renewed = lease.leasing.renew(lease.key, lease.token, LIFE)
        except Exception:
            logger.debug("A lease could not be renewed", exc_info=True)
            return
        if not renewed:
            logger.debug("The lease of %s was lost while computing", lease.key)


renewals: Renewals = Renewals()
os.register_at_fork(after_in_child=renewals.begin_anew)
