"""The page about the file names every table and every column that is in one."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

from llmcache import cached_structured

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sqlite-file.md"


def test_every_table_and_column_is_on_the_page(tmp_path: Path) -> None:
    @cached_structured(backend=f"sqlite:///{tmp_path}/answers.db")
    def measure(text: str) -> int:
        return len(text)

    measure("four")
    with contextlib.closing(sqlite3.connect(tmp_path / "answers.db")) as file:
        columns = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
        found = {name for row in file.execute(columns) for name in row}
    told = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))
    assert {"calls", "entry", "state", "key", "value"} <= found
    assert found - told == set()
