"""The floor: the least that any cache must do, by the bare operations.

A hit must read the prompt (SHA-256 of it), find the answer and make an object of it
(`validate_json`); a put must write a row. Nothing here is safe, shared, checked or explained.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from pathlib import Path

from pydantic import BaseModel

__all__ = ["SCRIPT", "bare_database", "bare_hit", "data_version", "sqlite_hit", "sqlite_upsert"]

SCRIPT = """
import hashlib, sqlite3, sys
from pydantic import BaseModel
class Small(BaseModel):
    vendor: str
    total: float
    paid: bool
    note: str | None = None
digest = hashlib.sha256(("x" * 200).encode()).hexdigest()
found = sqlite3.connect(sys.argv[1]).execute("SELECT value FROM entry WHERE key = ?", (digest,))
row = found.fetchone()
print(Small.model_validate_json(row[0] if row else '{"vendor": "A", "total": 1, "paid": true}'))
"""
"""A cold process to its first answer: import pydantic, make the class, read one row."""


def bare_hit(prompt: str, answer: BaseModel) -> Callable[[], BaseModel]:
    """SHA-256 of the prompt, a dict, `validate_json`."""
    held = {sha256(prompt.encode()).hexdigest(): answer.model_dump_json().encode()}
    kind = type(answer)
    return lambda: kind.model_validate_json(held[sha256(prompt.encode()).hexdigest()])


@contextlib.contextmanager
def bare_database(path: Path):
    """A table of keys and values in WAL mode."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA journal_mode = WAL").fetchall()
    raw.execute("PRAGMA synchronous = NORMAL")
    raw.execute("CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value BLOB)")
    try:
        yield raw
    finally:
        raw.close()


UPSERT = "INSERT INTO entry VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


def sqlite_hit(raw: sqlite3.Connection, prompt: str, answer: BaseModel) -> Callable[[], BaseModel]:
    """SHA-256 of the prompt, a bare SELECT, `validate_json`."""
    digest = sha256(f"{type(answer).__name__}{prompt}".encode()).hexdigest()
    raw.execute(UPSERT, (digest, answer.model_dump_json().encode()))
    kind = type(answer)

    def hit() -> BaseModel:
        sha256(prompt.encode()).hexdigest()
        row = raw.execute("SELECT value FROM entry WHERE key = ?", (digest,)).fetchone()
        return kind.model_validate_json(row[0])

    return hit


def data_version(raw: sqlite3.Connection) -> Callable[[], object]:
    """What asking a SQLite file whether anybody wrote costs."""
    return lambda: raw.execute("PRAGMA data_version").fetchone()


def sqlite_upsert(raw: sqlite3.Connection, value: bytes) -> Callable[[], object]:
    """One row more at each call, acknowledged as WAL does it."""
    numbers = count()
    return lambda: raw.execute(UPSERT, (sha256(b"%d" % next(numbers)).hexdigest(), value))
