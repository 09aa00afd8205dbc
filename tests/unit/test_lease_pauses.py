"""How long to wait for another process before asking again."""

from __future__ import annotations

import pytest

from llmcache.flight.leases import POLL_FIRST, POLL_LAST, next_pause


@pytest.mark.parametrize("pause", [POLL_FIRST, 0.1, POLL_LAST, 10.0])
def test_a_pause_is_half_as_long_again_up_to_the_longest_and_spread_by_a_quarter(
    pause: float,
) -> None:
    middle = min(1.5 * pause, POLL_LAST)
    drawn = [next_pause(pause) for _ in range(200)]
    assert all(0.75 * middle <= each <= 1.25 * middle for each in drawn)
    assert len(set(drawn)) > 1
