"""The breaker: nobody waits for a server that does not answer, and it is found when it is back."""

from __future__ import annotations

import pytest

from llmcache.backends.redis.breaker import FIRST_PAUSE, LONGEST_PAUSE, Breaker
from llmcache.testing.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_breaker(clock: ManualClock) -> Breaker:
    """One that has just seen a failure."""
    breaker = Breaker(clock)
    breaker.failed()
    return breaker


def pauses_until(breaker: Breaker, clock: ManualClock, probes: int) -> list[float]:
    """Seconds between the probes that are let through, in steps of a tenth."""
    pauses, waited = [], 0.0
    while len(pauses) < probes:
        clock.advance(0.1)
        waited += 0.1
        if breaker.admits():
            pauses.append(round(waited, 1))
            waited = 0.0
            breaker.failed()
    return pauses


def test_closed_it_lets_everybody_through(clock: ManualClock) -> None:
    breaker = Breaker(clock)
    assert [breaker.admits() for _ in range(3)] == [True] * 3
    assert breaker.remaining() == 0


def test_one_failure_opens_it(open_breaker: Breaker) -> None:
    assert [open_breaker.admits() for _ in range(3)] == [False] * 3
    assert open_breaker.remaining() == FIRST_PAUSE


def test_after_the_pause_one_caller_probes_and_the_others_still_fail(
    open_breaker: Breaker, clock: ManualClock
) -> None:
    clock.advance(FIRST_PAUSE)
    assert [open_breaker.admits() for _ in range(3)] == [True, False, False]


def test_an_answer_closes_it(open_breaker: Breaker, clock: ManualClock) -> None:
    clock.advance(FIRST_PAUSE)
    assert open_breaker.admits()
    open_breaker.answered()
    assert [open_breaker.admits() for _ in range(3)] == [True] * 3


def test_the_pauses_grow_to_a_bound(open_breaker: Breaker, clock: ManualClock) -> None:
    assert pauses_until(open_breaker, clock, 4) == pytest.approx([1, 2, 3, 3], abs=0.11)
    assert LONGEST_PAUSE + FIRST_PAUSE < 5, "caching resumes within 5 s of the server's return"


def test_many_who_fail_together_are_one_failure(open_breaker: Breaker, clock: ManualClock) -> None:
    for _ in range(50):
        open_breaker.failed()
    clock.advance(FIRST_PAUSE)
    assert open_breaker.admits()


def test_a_probe_that_never_reports_does_not_block_the_next(
    open_breaker: Breaker, clock: ManualClock
) -> None:
    clock.advance(FIRST_PAUSE)
    assert open_breaker.admits()
    clock.advance(LONGEST_PAUSE)
    assert open_breaker.admits()


def test_after_a_recovery_the_pauses_begin_anew(open_breaker: Breaker, clock: ManualClock) -> None:
    pauses_until(open_breaker, clock, 3)
    open_breaker.answered()
    open_breaker.failed()
    assert open_breaker.remaining() == FIRST_PAUSE
