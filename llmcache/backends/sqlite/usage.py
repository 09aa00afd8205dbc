"""When entries were last used and how often, gathered in memory: a hit is not a write."""

from __future__ import annotations

import sqlite3
from itertools import islice

from llmcache.backends.sqlite import fork
from llmcache.backends.sqlite.rows import hash_of

__all__ = ["Usage"]

USE = """UPDATE entry SET used = max(coalesce(used, id / 1000000.0), ?), hits = hits + ?
    WHERE hash = ?"""

INTERVAL = 60.0
"""Seconds after which gathered uses ride on the next operation."""

MOST_GATHERED = 4096
"""Keys after which they do so at once."""


class Usage:
    """Uses since the last time they were written; safe in threads, at worst a count is lost.

    Args:
        at_once: How many keys one write may take along.

    Attributes:
        overdue: Whether they should be written with the next operation, be it a read.
    """

    def __init__(self, at_once: int = MOST_GATHERED) -> None:
        self.at_once = at_once
        self.start_anew()
        fork.owners.add(self)

    def start_anew(self) -> None:
        """Forget them; in a forked child they are the parent's to write."""
        self.uses: dict[str, tuple[float, int]] = {}
        self.since: float = 0.0
        self.overdue: bool = False

    def note(self, key: str, now: float, hits: int = 1) -> None:
        """Count one use; of no hit where it was stored anew, in its place."""
        uses = self.uses
        known = uses.get(key)
        if known is None:
            if not uses:
                self.since = now
            uses[key] = (now, hits)
        else:
            uses[key] = (now, known[1] + hits)
        # The lower bound is for a clock that went back.
        if not -INTERVAL < now - self.since < INTERVAL or len(uses) >= MOST_GATHERED:
            self.overdue = True

    def postpone(self, now: float) -> None:
        """Try again in a while; what is beyond memory is forgotten."""
        self.since = now
        self.overdue = False
        if len(self.uses) >= MOST_GATHERED:
            self.uses = {}

    def write(self, raw: sqlite3.Connection) -> None:
        """Write some, inside the caller's transaction; what fails is gathered again."""
        if not self.uses:
            return
        uses, self.uses = self.uses, {}
        try:
            some = list(islice(uses.items(), self.at_once))
            raw.executemany(USE, [(used, count, hash_of(key)) for key, (used, count) in some])
        except BaseException:
            self.uses = {**uses, **self.uses}
            raise
        rest = dict(islice(uses.items(), self.at_once, None))
        self.uses = {**rest, **self.uses}
        self.overdue = self.overdue and bool(rest)
