"""Measure, print the tables, write the figures: `python tests/bench/run.py [--quick]`.

No figure fails anything: what is not met is said. `--page` also writes the tables of the run into
`docs/explanation/performance.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from clients import measure_clients
from hits import measure_hits, measure_key, measure_matrix
from page import write_page
from remote import measure_redis
from report import Report, markdown
from starts import measure_rivals, measure_starts, measure_threads
from steps import measure_steps
from stores import measure_growth, measure_misses, measure_puts, measure_sizes, measure_worth

ROOT = Path(__file__).parents[2]
Part = Callable[[Report, Path, int], None]

PARTS: dict[str, Part] = {
    "hits": measure_hits,
    "steps": measure_steps,
    "key": measure_key,
    "clients": measure_clients,
    "misses": measure_misses,
    "starts": measure_starts,
    "sizes": measure_sizes,
    "puts": measure_puts,
    "processes": measure_rivals,
    "threads": measure_threads,
    "redis": measure_redis,
    "growth": measure_growth,
    "worth": measure_worth,
    "matrix": measure_matrix,
}


def main() -> None:
    """Run the parts that are asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--quick", action="store_true", help="fewer rounds: under two minutes")
    asked.add_argument("--page", action="store_true", help="write the tables into the page")
    asked.add_argument("--only", choices=PARTS, action="append", help="some parts, not all")
    asked.add_argument("--out", type=Path, default=ROOT / "bench-results", help="for the JSON")
    chosen = asked.parse_args()
    if chosen.page and (chosen.quick or chosen.only):
        asked.error("the page shows whole runs: leave out --quick and --only")
    report = Report(quick=chosen.quick)
    with tempfile.TemporaryDirectory(prefix="llmcache-bench-", ignore_cleanup_errors=True) as made:
        for name, part in PARTS.items():
            if chosen.only is None or name in chosen.only:
                began = time.perf_counter()
                directory = Path(made, name)
                directory.mkdir()
                part(report, directory, 15 if chosen.quick else 50)
                print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)  # noqa: T201 - progress
    chosen.out.mkdir(exist_ok=True)
    text = report.as_json()
    (chosen.out / "latest.json").write_text(text + "\n", encoding="utf-8")
    print(markdown(json.loads(text)))  # noqa: T201 - the report
    if chosen.page:
        write_page(text)


if __name__ == "__main__":
    main()
