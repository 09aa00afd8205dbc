"""Who computes the answer for a key: rows of `lease`, and the decision whether one is free."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from llmcache.backends.sqlite.process import Process, is_dead, this_process

__all__ = ["LeaseRow", "drop", "extend", "is_free", "read", "take"]

CLOCK_SLACK = 60.0
"""Seconds by which an end may lie beyond the lease's life before the clock must have jumped."""


class LeaseRow(NamedTuple):
    """One lease as stored."""

    token: str
    holder: Process
    epoch: int
    seconds: float
    expires: float


def is_free(lease: LeaseRow | None, token: str, epoch: int, now: float) -> bool:
    """Whether `token` may take it: no lease, its own, outdated, ended, or of a dead process.

    One that ends later than it was given for is of a clock that went back since: ended as well.
    """
    if lease is None or lease.token == token or lease.epoch < epoch:
        return True
    if not now < lease.expires <= now + lease.seconds + CLOCK_SLACK:
        return True
    return is_dead(lease.holder)


def read(raw: sqlite3.Connection, key: str) -> LeaseRow | None:
    """The lease on a key, ended or not."""
    row: tuple[Any, ...] | None = raw.execute(
        "SELECT token, machine, pid, started, epoch, seconds, expires FROM lease WHERE key = ?",
        (key,),
    ).fetchone()
    if row is None:
        return None
    token, machine, pid, started, epoch, seconds, expires = row
    return LeaseRow(token, Process(machine, pid, started), epoch, seconds, expires)


def take(  # noqa: PLR0913 - what a lease is made of
    raw: sqlite3.Connection, key: str, *, token: str, epoch: int, seconds: float, now: float
) -> None:
    """Write the lease of this process, over whatever lease there is."""
    me = this_process()
    raw.execute(
        "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (key, token, me.machine, me.pid, me.started, epoch, seconds, now + seconds),
    )


def extend(raw: sqlite3.Connection, key: str, token: str, seconds: float, now: float) -> bool:
    """Let it end `seconds` from now; whether it was ours to extend."""
    changed = raw.execute(
        "UPDATE lease SET seconds = ?, expires = ? WHERE key = ? AND token = ?",
        (seconds, now + seconds, key, token),
    )
    return changed.rowcount > 0


def drop(raw: sqlite3.Connection, key: str, token: str) -> None:
    """Remove it if it is still ours."""
    raw.execute("DELETE FROM lease WHERE key = ? AND token = ?", (key, token))
