"""The clock for tests moves when it is told to, and only then."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from llmcache import ConfigurationError
from llmcache.clock import Clock
from llmcache.testing import ManualClock


def test_it_stands_still() -> None:
    clock: Clock = ManualClock()
    assert (clock.time(), clock.monotonic()) == (clock.time(), clock.monotonic())


@pytest.mark.parametrize("by", [90, 90.0, "90s", "1m30s", timedelta(seconds=90)])
def test_both_readings_advance(by: float | str | timedelta) -> None:
    clock = ManualClock(1000.0)
    clock.advance(by)
    assert (clock.time(), clock.monotonic()) == (1090.0, 90.0)


@pytest.mark.parametrize("by", [0, -1, float("nan"), True, "soon"])
def test_time_does_not_run_backwards(by: float | str) -> None:
    with pytest.raises(ConfigurationError, match="by="):
        ManualClock().advance(by)


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_the_wall_clock_jumps_without_time_passing(jump: float) -> None:
    clock = ManualClock(1_000_000.0)
    clock.set(1_000_000.0 + jump)
    assert (clock.time(), clock.monotonic()) == (1_000_000.0 + jump, 0.0)


def test_threads_advance_it_together() -> None:
    clock = ManualClock(0.0)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(400):
            pool.submit(clock.advance, 1)
    assert (clock.time(), clock.monotonic()) == (400.0, 400.0)
