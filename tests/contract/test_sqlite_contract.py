"""The SQLite backend keeps the contract."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from llmcache.backends import Backend
from llmcache.backends.sqlite import SQLiteBackend
from llmcache.clock import Clock
from llmcache.testing import BackendContract


class TestSQLite(BackendContract):
    """Without a bound of entries, and with one; opened again, and damaged from outside."""

    def make_backend(self, clock: Clock) -> Backend:
        return SQLiteBackend(self.place() / "answers.db", clock=clock)

    def reopen(self, backend: Backend, clock: Clock) -> Backend:
        assert isinstance(backend, SQLiteBackend)
        return SQLiteBackend(backend.path, clock=clock)

    def make_small(self, clock: Clock, max_entries: int) -> Backend:
        return SQLiteBackend(self.place() / "answers.db", max_entries=max_entries, clock=clock)

    def damage(self, backend: Backend, key: str) -> bool:
        assert isinstance(backend, SQLiteBackend)
        with closing(sqlite3.connect(backend.path)) as raw, raw:
            (value,) = raw.execute("SELECT value FROM entry WHERE key = ?", (key,)).fetchone()
            changed = bytes([value[0] ^ 1]) + value[1:]
            raw.execute("UPDATE entry SET value = ? WHERE key = ?", (changed, key))
        return True
