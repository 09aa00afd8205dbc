"""The ledger in the file: two tables that are made when something is counted first.

They are no part of the schema's version, as no entry depends on them: a file without them has an
empty ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from llmcache.backends.counts import KEPT_DAYS, KEPT_MISSES, Cell, Counts, KeepsCounts, Missed, Sums
from llmcache.backends.sqlite.connection import Connection, Transaction
from llmcache.backends.sqlite.sessions import Sessions
from llmcache.clock import Clock

__all__ = ["FileLedger"]

CREATE = (
    """CREATE TABLE IF NOT EXISTS ledger (
        day TEXT NOT NULL,
        namespace TEXT NOT NULL,
        function TEXT NOT NULL,
        model TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        calls INTEGER NOT NULL,
        seconds REAL NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        PRIMARY KEY (day, namespace, function, model, outcome, reason)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS missed (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        namespace TEXT NOT NULL,
        function TEXT NOT NULL,
        key TEXT NOT NULL,
        reason TEXT NOT NULL)""",
)
ADD = """INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
    calls = calls + excluded.calls,
    seconds = seconds + excluded.seconds,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens"""
MISS = "INSERT INTO missed (at, namespace, function, key, reason) VALUES (?, ?, ?, ?, ?)"
READ = "SELECT * FROM ledger WHERE day >= ? ORDER BY day, namespace, function, model"
LAST = "SELECT at, namespace, function, key, reason FROM missed ORDER BY at DESC, id DESC LIMIT ?"


class FileLedger(KeepsCounts):
    """`Ledgers` for a backend with sessions."""

    sessions: Sessions
    clock: Clock

    def add_counts(self, counts: Counts, missed: Iterable[Missed], batch: str = "") -> None:  # noqa: ARG002 - a transaction that fails adds nothing
        """As `Ledgers.add_counts`."""
        oldest = datetime.fromtimestamp(self.clock.time(), UTC) - timedelta(days=KEPT_DAYS)
        self.sessions.perform("ledger", add, counts, list(missed), f"{oldest:%Y-%m-%d}")

    def counts(self, since: str = "") -> Counts:
        """As `Ledgers.counts`."""
        return self.sessions.read("ledger", read, since)

    def misses(self, limit: int) -> list[Missed]:
        """As `Ledgers.misses`."""
        return self.sessions.read("ledger", last, limit)


def add(
    connection: Connection, counts: Mapping[Cell, Sums], missed: list[Missed], oldest: str
) -> None:
    """Add and forget in one step."""
    with Transaction(connection.raw) as transaction:
        raw = transaction.raw
        for statement in CREATE:
            raw.execute(statement)
        raw.executemany(ADD, [(*cell, *sums) for cell, sums in counts.items()])
        raw.execute("DELETE FROM ledger WHERE day < ?", (oldest,))
        raw.executemany(MISS, missed)
        raw.execute(
            "DELETE FROM missed WHERE id <= (SELECT max(id) FROM missed) - ?", (KEPT_MISSES,)
        )


def read(connection: Connection, since: str) -> dict[Cell, Sums]:
    """All cells from a day on."""
    if not counted(connection.raw):
        return {}
    split = len(Cell._fields)
    rows = connection.raw.execute(READ, (since,))
    return {Cell(*row[:split]): Sums(*row[split:]) for row in rows}


def last(connection: Connection, limit: int) -> list[Missed]:
    """The last misses, the latest first."""
    if not counted(connection.raw):
        return []
    return [Missed(*row) for row in connection.raw.execute(LAST, (limit,))]


def counted(raw: sqlite3.Connection) -> bool:
    """Whether anything was counted in this file."""
    found = raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'missed'").fetchone()
    return found is not None
