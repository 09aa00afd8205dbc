"""The page about the file names every table and every column that is in one."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

from llmcache import SQLiteBackend
from llmcache.backends.counts import Missed

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sqlite-file.md"


def test_every_table_and_column_is_on_the_page(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    with SQLiteBackend(path) as backend:
        backend.add_counts({}, [Missed(0.0, "", "shop.extract", "ab" * 32, "absent")])
    with contextlib.closing(sqlite3.connect(path)) as file:
        columns = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
        found = {name for row in file.execute(columns) for name in row}
    told = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))
    assert {"calls", "entry", "ledger", "missed", "value"} <= found
    assert found - told == set()
