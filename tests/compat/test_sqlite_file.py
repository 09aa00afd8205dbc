"""A file of every released version of the schema is read for ever.

`sqlite_file_v1.db` was written by the release that had version 1, and is never written again.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from llmcache.backends.base import Entry, Nothing, Scope
from llmcache.backends.sqlite import SQLiteBackend
from llmcache.errors import BackendUnavailableError
from llmcache.testing import ManualClock

OLD = Path(__file__).with_name("sqlite_file_v1.db")
A, B = Scope("", "shop.extract"), Scope("tenant ü", "shop.classify")
MADE = 1_700_000_000.0
PARTS = b'{"text":"0a1b2c3d"}'
ENTRIES = {
    f"{1:064x}": Entry(b"LLC\x01 the first", A, MADE),
    f"{2:064x}": Entry(
        *(b"two" * 2000, B, MADE + 0.25, MADE + 86400.5, MADE + 172800.0, PARTS, "ab" * 8),
        *("gpt-4o-mini", 120, 7, 1.5),
    ),
    "not hex": Entry(b"", A, MADE + 1, MADE + 3600),
    f"{4:064x}": Entry(b"ended", A, MADE, MADE + 10),
}
DAMAGED, INVALIDATED = f"{3:064x}", f"{5:064x}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A copy of the old file."""
    path = tmp_path / "answers.db"
    shutil.copyfile(OLD, path)
    path.chmod(0o600)
    return path


def test_entries_of_a_file_of_version_1_are_found_as_they_were_stored(path: Path) -> None:
    with SQLiteBackend(path, clock=ManualClock()) as backend:
        assert {key: backend.get(key) for key in ENTRIES} == ENTRIES
        assert backend.get(DAMAGED) is Nothing.ABSENT
        assert backend.get(INVALIDATED) is Nothing.ABSENT
        assert backend.get_manifest("ab" * 8) == b'{"code":"ff"}'
        used = {listed.key: listed.hits for listed in backend.entries()}
        assert used == {**dict.fromkeys(ENTRIES, 0), f"{1:064x}": 2, f"{2:064x}": 1}
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (2,)
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_invalidations_of_a_file_of_version_1_still_count(path: Path) -> None:
    with SQLiteBackend(path, clock=ManualClock()) as backend:
        assert backend.invalidations() == 1_700_000_000_002
        assert backend.epoch(INVALIDATED, A) == 1_700_000_000_001
        assert not backend.put_if(INVALIDATED, ENTRIES[f"{1:064x}"], 0)
        assert backend.clear(A) == 3
        assert backend.invalidations() == 1_700_000_000_003


def test_a_file_of_version_1_that_is_locked_is_led_on_by_who_opens_it_next(path: Path) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        SQLiteBackend(path, timeout=0.0, clock=ManualClock()) as backend,
    ):
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BackendUnavailableError, match="stayed locked"):
            backend.get(DAMAGED)
        other.execute("ROLLBACK")
        assert {key: backend.get(key) for key in ENTRIES} == ENTRIES
