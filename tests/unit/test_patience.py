"""What storage may add to one call is one figure."""

from __future__ import annotations

import contextvars

import pytest

from llmcache.backends import patience as room
from llmcache.backends.patience import Pauses, patience, remaining
from llmcache.testing import ManualClock


def test_without_a_bound_the_default_counts() -> None:
    assert remaining(2.5) == 2.5


def test_what_is_left_shrinks_with_time_and_ends_at_nothing() -> None:
    clock = ManualClock()
    with patience(1.0, clock=clock):
        assert remaining(5.0) == 1.0
        assert remaining(0.3) == 0.3
        clock.advance(0.75)
        assert remaining(5.0) == 0.25
        clock.advance(3)
        assert remaining(5.0) == 0.0
    assert remaining(5.0) == 5.0


def test_the_earlier_end_counts_inside_another() -> None:
    clock = ManualClock()
    with patience(1.0, clock=clock), patience(9.0, clock=clock):
        assert remaining(5.0) == 1.0
    with patience(9.0, clock=clock):
        with patience(1.0, clock=clock):
            assert remaining(5.0) == 1.0
        assert remaining(20.0) == 9.0


def test_a_copy_of_the_context_shares_it() -> None:
    clock = ManualClock()
    with patience(1.0, clock=clock):
        context = contextvars.copy_context()
    assert context.run(remaining, 5.0) == 1.0


def test_pauses_are_short_grow_and_end_even_where_the_clock_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(room.time, "sleep", slept.append)
    pauses = Pauses(1.0, clock=ManualClock())
    while pauses.once_more():
        pass
    assert sum(slept) == pytest.approx(1.0)
    assert max(slept[:3]) <= 0.00225
    assert 0.005 < max(slept) <= 0.010


def test_no_time_means_no_pause() -> None:
    assert not Pauses(0.0).once_more()
    with patience(0.0):
        assert not Pauses(60.0).once_more()
