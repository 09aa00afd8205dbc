"""Every backend with a ledger adds, reads, forgets and closes alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcache import LRUBackend, RedisBackend, SQLiteBackend, TieredBackend
from llmcache.backends.base import Ledgers, able
from llmcache.backends.counts import KEPT_MISSES, Cell, Missed, Sums
from llmcache.backends.lone import LoneMemory
from llmcache.testing.redis import server_or_skip

KINDS = ("sqlite", "redis", "tiered", "lone")


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Each kind of backend that keeps a ledger."""
    match request.param:
        case "sqlite":
            with SQLiteBackend(tmp_path / "a.db") as made:
                yield made
        case "redis":
            pytest.importorskip("redis")
            with server_or_skip() as server, RedisBackend(server.url) as made:
                yield made
        case "tiered":
            with TieredBackend(LRUBackend(), SQLiteBackend(tmp_path / "a.db")) as made:
                yield made
        case _:
            with LoneMemory() as made:
                yield made


def cell(day: str = "2026-11-23", **facts: str) -> Cell:
    told = {"namespace": "", "function": "f", "model": "m", "outcome": "hit", "reason": ""}
    return Cell(day, **(told | facts))


def test_it_keeps_a_ledger(backend: Any) -> None:
    assert able(backend, Ledgers) is backend
    assert backend.counts() == {}
    assert backend.misses(5) == []


def test_what_is_added_is_added_up(backend: Any) -> None:
    backend.add_counts({cell(): Sums(1, 0.5, 10, 2), cell(outcome="miss"): Sums(1)}, [])
    backend.add_counts({cell(): Sums(2, 1.25, 5, 0), cell(model='ü"\0'): Sums(3)}, [])
    assert backend.counts() == {
        cell(): Sums(3, 1.75, 15, 2),
        cell(outcome="miss"): Sums(1),
        cell(model='ü"\0'): Sums(3),
    }


def test_an_addition_that_is_tried_again_under_its_name_counts_once_where_it_got_through(
    backend: Any,
) -> None:
    """Only a server can fail with what it was told done; elsewhere what is told twice is new."""
    missed = [Missed(1.0, "", "f", "0" * 64, "absent")]
    for name in ("one", "one", "other", "", ""):
        backend.add_counts({cell(): Sums(1)}, missed, name)
    told = 4 if isinstance(backend, RedisBackend) else 5
    assert backend.counts() == {cell(): Sums(told)}
    assert len(backend.misses(9)) == told


def test_days_are_read_from_one_on(backend: Any) -> None:
    days = ("2026-11-21", "2026-11-22", "2026-11-23")
    backend.add_counts({cell(day): Sums(1) for day in days}, [])
    assert sorted(found.day for found in backend.counts("2026-11-22")) == list(days[1:])


def test_the_last_misses_are_kept_the_latest_first(backend: Any) -> None:
    missed = [Missed(float(at), "", "f", "0" * 64, "absent") for at in range(KEPT_MISSES + 5)]
    backend.add_counts({}, missed[:7])
    backend.add_counts({}, missed[7:])
    assert backend.misses(3) == missed[:-4:-1]
    assert len(backend.misses(2 * KEPT_MISSES)) == KEPT_MISSES


def test_what_is_in_hand_is_asked_for_before_closing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    first = SQLiteBackend(path)
    first.before_close(lambda: first.add_counts({cell(): Sums(4)}, []))
    first.close()
    with SQLiteBackend(path) as second:
        assert second.counts() == {cell(): Sums(4)}


def test_old_days_are_forgotten_in_a_file(tmp_path: Path) -> None:
    with SQLiteBackend(tmp_path / "a.db") as backend:
        backend.add_counts({cell("2020-01-01"): Sums(1)}, [])
        assert backend.counts() == {}


def test_a_file_of_those_who_never_counted_has_an_empty_ledger(tmp_path: Path) -> None:
    with SQLiteBackend(tmp_path / "a.db") as backend:
        backend.get("0" * 64)
        assert backend.counts() == {}
        assert backend.misses(3) == []
