"""Entries in one SQLite file. `backend` is the whole, the other modules its parts."""

from __future__ import annotations

from llmcache.backends.sqlite.backend import SQLiteBackend

__all__ = ["SQLiteBackend"]
