"""Durations: what holds for every spelling, not only for the ones somebody thought of."""

from __future__ import annotations

import contextlib
import math
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from llmcache.durations import SECONDS, parse_duration, parse_size
from llmcache.errors import ConfigurationError

UNITS = sorted(SECONDS, key=lambda unit: -SECONDS[unit])
STEPS = st.dictionaries(st.sampled_from(UNITS), st.integers(1, 10_000), min_size=1)


@given(STEPS)
def test_text_of_units_is_the_sum_of_its_steps(steps: dict[str, int]) -> None:
    text = "".join(f"{steps[unit]}{unit}" for unit in UNITS if unit in steps)
    expected = sum(count * SECONDS[unit] for unit, count in steps.items())
    assert math.isclose(parse_duration(text, name="ttl"), expected)


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_a_number_of_seconds_is_itself(seconds: float) -> None:
    assert parse_duration(seconds, name="ttl") == seconds


@given(st.timedeltas(min_value=timedelta(microseconds=1)))
def test_a_timedelta_is_its_total_seconds(span: timedelta) -> None:
    assert parse_duration(span, name="ttl") == span.total_seconds()


@given(st.floats(max_value=0.0) | st.integers(max_value=0) | st.timedeltas(max_value=timedelta(0)))
def test_nothing_at_or_below_zero_is_taken(value: float | timedelta) -> None:
    with contextlib.suppress(ConfigurationError):
        raise AssertionError(parse_duration(value, name="ttl"))


@given(st.text())
def test_any_text_is_read_into_a_usable_number_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        seconds = parse_duration(text, name="ttl")
        assert seconds > 0
        assert math.isfinite(seconds)


@given(st.text())
def test_any_text_is_a_size_of_at_least_one_byte_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        assert parse_size(text, name="max_bytes") >= 1
