"""Numbers of invalidations: rows of `invalidation`, and the counter in `state`."""

from __future__ import annotations

import sqlite3

from llmcache.backends.base import Scope
from llmcache.backends.sqlite.schema import read_scope, scope_text

__all__ = ["advance_key", "advance_scope", "epoch", "forget", "last", "since"]

REMEMBERED = 86_400.0
"""Seconds a key's number is kept: longer than any computation that began before it, for which a
missing number would mean "nothing happened"."""


def epoch(raw: sqlite3.Connection, key: str, scope: Scope) -> int:
    """The number of the last invalidation that touched the key or its scope; 0: none known."""
    row = raw.execute(
        "SELECT max(number) FROM invalidation WHERE what IN (?, ?)", (key, scope_text(scope))
    ).fetchone()
    return row[0] or 0


def last(raw: sqlite3.Connection) -> int:
    """The number of the last invalidation of all; 0: none in this file."""
    row = raw.execute("SELECT CASE WHEN number > first THEN number ELSE 0 END FROM state")
    number: int = row.fetchone()[0]
    return number


def since(raw: sqlite3.Connection, number: int) -> list[str | Scope]:
    """What was invalidated after `number`; a scope where its keys are forgotten already."""
    rows = raw.execute(
        "SELECT what FROM invalidation WHERE max(number, forgotten) > ?", (number,)
    ).fetchall()
    return [read_scope(what) for (what,) in rows]


def advance_key(raw: sqlite3.Connection, key: str, scope: Scope, now: float) -> int:
    """Begin a new epoch for a key; its number."""
    return advance(raw, key, scope_text(scope), now)


def advance_scope(raw: sqlite3.Connection, scope: Scope, now: float) -> int:
    """Begin a new epoch for a scope and all its keys; its number."""
    what = scope_text(scope)
    return advance(raw, what, what, now)


def advance(raw: sqlite3.Connection, what: str, scope: str, now: float) -> int:
    """Write the next number down for `what`."""
    raw.execute("UPDATE state SET number = number + 1")
    number = last(raw)
    raw.execute(
        """INSERT INTO invalidation (what, scope, number, at) VALUES (?, ?, ?, ?)
        ON CONFLICT (what) DO UPDATE SET number = excluded.number, at = excluded.at""",
        (what, scope, number, now),
    )
    return number


def forget(raw: sqlite3.Connection, now: float, limit: int) -> None:
    """Let go of up to `limit` old numbers of keys.

    Each leaves a note with its scope, so that `since` tells a reader who slept through it to
    drop the whole scope. Rows of scopes stay: there are as many as functions.
    """
    old = raw.execute(
        "SELECT what, scope, number FROM invalidation WHERE at < ? AND what <> scope LIMIT ?",
        (now - REMEMBERED, limit),
    ).fetchall()
    for what, scope, number in old:
        raw.execute(
            """INSERT INTO invalidation (what, scope, number, forgotten, at)
            VALUES (?, ?, 0, ?, ?)
            ON CONFLICT (what) DO UPDATE SET forgotten = max(forgotten, excluded.forgotten)""",
            (scope, scope, number, now),
        )
        raw.execute("DELETE FROM invalidation WHERE what = ?", (what,))
