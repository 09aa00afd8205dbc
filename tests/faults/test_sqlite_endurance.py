"""Repetition and scale; each has a small version in the normal run."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import pytest

from llmcache.backends.base import Entry, Scope
from llmcache.backends.sqlite import SQLiteBackend

SCOPE = Scope("", "shop.extract")


def key_of(number: int) -> str:
    """A key, as keys look."""
    return f"{number * 2654435761 % (1 << 64):064x}"


def put_many_times(path: Path, count: int, bound: int) -> tuple[float, list[float]]:
    """Put small entries through a bound; the largest size over the bound, and rates by tenths."""
    rates, largest = [], 0
    with SQLiteBackend(path, max_bytes=bound) as backend:
        for tenth in range(10):
            began = time.perf_counter()
            for number in range(tenth * count // 10, (tenth + 1) * count // 10):
                value = b"%032d" % number
                backend.put(key_of(number), Entry(value * 4, SCOPE, time.time()))
                if number % 64 == 0:
                    largest = max(largest, backend.size())
            rates.append(count / 10 / (time.perf_counter() - began))
        assert backend.count() > 0
    return largest / bound, rates


def test_small_entries_through_a_small_bound(tmp_path: Path) -> None:
    largest, _ = put_many_times(tmp_path / "answers.db", 5_000, 2_000_000)
    assert largest <= 1.2


@pytest.mark.endurance
def test_a_million_puts_through_a_hundred_megabytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = int(os.environ.get("LLMCACHE_ENDURANCE_PUTS", "1000000"))
    largest, rates = put_many_times(tmp_path / "answers.db", count, 100_000_000)
    with capsys.disabled():
        print(f"\n  {count} puts: at most {largest:.3f} of the bound, rates {rates}")  # noqa: T201 - the report
    assert largest <= 1.2
    assert rates[-1] >= 0.7 * rates[0]


def hit_latency(path: Path, count: int) -> float:
    """Median seconds of a hit with so many entries."""
    with SQLiteBackend(path, max_bytes=4 << 30) as backend:
        for first in range(0, count, 5_000):
            numbers = range(first, min(first + 5_000, count))
            backend.put_many(
                {key_of(number): Entry(b"x" * 128, SCOPE, time.time()) for number in numbers}
            )
        backend.prune()
        samples = []
        for number in range(20_000):
            key = key_of(number * 7919 % count)
            began = time.perf_counter()
            found = backend.get(key)
            samples.append(time.perf_counter() - began)
            assert isinstance(found, Entry)
    return statistics.median(samples)


@pytest.mark.endurance
def test_a_hit_among_a_million_takes_hardly_longer_than_among_ten_thousand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = hit_latency(tmp_path / "few.db", 10_000)
    many = hit_latency(tmp_path / "many.db", 1_000_000)
    with capsys.disabled():
        print(f"\n  a hit: {few * 1e6:.1f} µs among 10,000, {many * 1e6:.1f} µs among 1,000,000")  # noqa: T201 - the report
    assert many <= 1.5 * few
