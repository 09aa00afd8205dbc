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

EXPECTED = {
    ("hit", ""): (3 + 4 + 5 + 2, True),
    ("wait", ""): (2 + 3, True),
    ("stale", "error: ValueError"): (1, True),
    ("stale", "offline"): (1, True),
    ("miss", "absent"): (2 + 2, True),
    ("miss", "refresh"): (1, True),
    ("miss", "unreadable: it is not an entry of llmcache"): (1, True),
    ("miss", "expired"): (1, True),
    ("miss", "the backend failed"): (1, True),
    ("miss", "offline"): (1, False),
    ("bypass", "mode"): (2, False),
    ("bypass", "uncacheable"): (1, False),
    ("failure", "get"): (1, False),
}
"""Outcome and reason: calls of one process, and whether their tokens and seconds are known."""


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store for all processes."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/a.db"
        return
    pytest.importorskip("redis")
    with server_or_skip() as server:
        yield server.url


def test_three_processes_give_an_exact_ledger(url: str) -> None:
    running = [
        subprocess.Popen([sys.executable, str(WORKER), url, name])  # noqa: S603 - this very Python
        for name in PROCESSES
    ]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    with open_backend(url) as backend:
        ledger = able(backend, Ledgers)
        assert ledger is not None
        counts = ledger.counts()
        missed = ledger.misses(1000)
    assert {(cell.outcome, cell.reason): sums for cell, sums in counts.items()} == {
        what: Sums(calls, 2.0 * calls, 10 * calls, 2 * calls) if known else Sums(calls)
        for what, (each, known) in EXPECTED.items()
        for calls in [each * len(PROCESSES)]
    }
    assert {cell.day for cell in counts} == {DAY}
    assert {(cell.namespace, cell.function) for cell in counts} == {("", "ask")}
    assert len(missed) == 9 * len(PROCESSES)
