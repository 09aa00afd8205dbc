"""Put the tables of a run into `docs/explanation/performance.md`, between its two marks."""

from __future__ import annotations

import json
from pathlib import Path

from report import markdown

__all__ = ["PAGE", "write_page"]

PAGE = Path(__file__).parents[2] / "docs/explanation/performance.md"
BEGIN, END = "<!-- figures: written by tests/bench/run.py --page -->\n", "<!-- end of figures -->\n"


def write_page(figures: str) -> None:
    """Replace the tables; the text round them is written by hand."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = markdown(json.loads(figures))
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}", encoding="utf-8")
