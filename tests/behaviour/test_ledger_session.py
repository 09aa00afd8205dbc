"""What three processes with threads and tasks did, counted exactly by the ledger they share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmcache import open_backend
from llmcache.backends.base import Ledgers, able
from llmcache.backends.counts import Sums
from llmcache.testing.redis import server_or_skip

WORKER = Path(__file__).with_name("ledger_worker.py")
PROCESSES = ("one", "two", "three")
DAY = "2027-01-15"


def took(calls: int, *, seconds: float | None = None) -> Sums:
    """So many calls of 2 seconds, 10 tokens asked and 2 answered each."""
    return Sums(calls, 2.0 * calls if seconds is None else seconds, 10 * calls, 2 * calls)


MISSES = {
    "absent": 2 + 2 + 1 + 1,
    "refresh": 1,
    "unreadable: it is not an entry of llmcache": 1,
    "expired": 1,
    "the backend failed": 1,
}
SPELLED = 1
"""Streams, of which the seconds count until they begin, here none."""

RAISED = Sums(2)
"""Runs that raised, at once: one behind a stale answer, one as a miss."""

EXPECTED = {
    ("hit", ""): took(3 + 4 + 5 + 1 + 2).plus(took(SPELLED, seconds=0.0)),
    ("wait", ""): took(2 + 3),
    ("stale", "error: ValueError"): took(1),
    ("stale", "offline"): took(1),
    ("stale", "revalidate"): took(1),
    **{("miss", reason): Sums(calls) for reason, calls in MISSES.items()},
    ("miss", "error: ValueError"): Sums(1),
    ("miss", "offline"): Sums(1),
    ("run", ""): took(sum(MISSES.values()) - SPELLED).plus(took(SPELLED, seconds=0.0)).plus(RAISED),
    ("run", "refresh"): took(1),
    ("bypass", "mode"): Sums(2),
    ("bypass", "uncacheable"): Sums(1),
    ("failure", "get"): Sums(1),
}
"""Outcome and reason: what one process comes to."""


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store for all processes."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/a.db"
        return
    pytest.importorskip("redis")
    with server_or_skip() as server:
        yield f"{server.url}?timeout=1m"


def test_three_processes_give_an_exact_ledger(url: str) -> None:
    running = [
        subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable, str(WORKER), url, name], stdout=subprocess.PIPE, text=True
        )
        for name in PROCESSES
    ]
    ran = [int(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    with open_backend(url) as backend:
        ledger = able(backend, Ledgers)
        assert ledger is not None
        counts = ledger.counts()
        missed = ledger.misses(1000)
    found: dict[tuple[str, str], Sums] = {}
    for cell, sums in counts.items():
        what = cell.outcome, cell.reason
        found[what] = found.get(what, Sums()).plus(sums)
    assert found == {what: thrice(sums) for what, sums in EXPECTED.items()}
    runs = sum(sums.calls for what, sums in found.items() if what[0] == "run")
    assert sum(ran) == runs + found["bypass", "mode"].calls
    assert {cell.day for cell in counts} == {DAY}
    assert {(cell.namespace, cell.function) for cell in counts} == {("", "ask")}
    assert len(missed) == (sum(MISSES.values()) + 2) * len(PROCESSES)


def thrice(sums: Sums) -> Sums:
    return sums.plus(sums).plus(sums)
