"""Durations and sizes: every spelling that is taken, and every plausible mistake that is not."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from llmcache.durations import Duration, parse_duration, parse_size
from llmcache.errors import ConfigurationError


@pytest.mark.parametrize(
    ("spelling", "seconds"),
    [
        (90, 90.0),
        (0.5, 0.5),
        (timedelta(minutes=2), 120.0),
        ("90s", 90.0),
        ("15m", 900.0),
        ("1h30m", 5400.0),
        ("7d", 604_800.0),
        ("2w", 1_209_600.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
        ("1d 12h", 129_600.0),
        (" 10s ", 10.0),
        ("3600", 3600.0),
    ],
)
def test_a_duration_is_read_into_seconds(spelling: Duration, seconds: float) -> None:
    assert parse_duration(spelling, name="ttl") == seconds


@pytest.mark.parametrize(
    ("mistake", "why"),
    [
        (True, "bool"),
        (False, "bool"),
        (0, "above 0"),
        (0.0, "above 0"),
        (-1, "above 0"),
        ("0s", "above 0"),
        (timedelta(0), "above 0"),
        (timedelta(seconds=-1), "above 0"),
        (math.nan, "finite"),
        (math.inf, "finite"),
        (-math.inf, "finite"),
        (10**400, "finite"),
        ("", "can be read"),
        ("soon", "can be read"),
        ("-5s", "can be read"),
        ("1e3", "can be read"),
        ("5 minutes", "can be read"),
        ("1M", "can be read"),
        ("30m1h", "larger ones first"),
        ("1h1h", "may stand once"),
        (None, "NoneType is not a duration"),
        (b"1h", "bytes is not a duration"),
    ],
)
def test_a_plausible_mistake_is_refused_and_the_text_says_why(mistake: object, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as refusal:
        parse_duration(mistake, name="ttl")  # type: ignore[arg-type] # the mistake under test
    assert refusal.value.name == "ttl"
    assert "'1h30m'" in refusal.value.allowed
    assert refusal.value.allowed in str(refusal.value)


def test_a_refusal_is_a_value_error_and_carries_the_spelling() -> None:
    with pytest.raises(ValueError, match=r"LLMCACHE_TTL='-1'") as refusal:
        parse_duration("-1", name="LLMCACHE_TTL")
    assert isinstance(refusal.value, ConfigurationError)
    assert refusal.value.value == "'-1'"


def test_a_very_long_spelling_is_shortened_in_the_refusal() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_duration("x" * 10_000, name="ttl")
    assert len(refusal.value.value) == 80
    assert refusal.value.value.endswith("...")
    with pytest.raises(ConfigurationError) as refusal:
        parse_duration("x" * 78, name="ttl")
    assert refusal.value.value == repr("x" * 78)


@pytest.mark.parametrize(
    ("spelling", "count"),
    [
        (1, 1),
        (1_000_000, 1_000_000),
        ("512", 512),
        ("500B", 500),
        ("500MB", 500_000_000),
        ("2GiB", 2 * 1024**3),
        ("1gib", 1024**3),
        ("1.5 KB", 1500),
        ("1TB", 10**12),
    ],
)
def test_a_size_is_read_into_bytes(spelling: int | str, count: int) -> None:
    assert parse_size(spelling, name="max_bytes") == count


@pytest.mark.parametrize("mistake", [0, -1, True, 1.5, "", "0", "-1", "many", "5 XB", "0.1B", None])
def test_what_is_not_a_size_is_refused(mistake: object) -> None:
    with pytest.raises(ConfigurationError, match=r"max_bytes=.* is not a size.*'2GiB'") as refusal:
        parse_size(mistake, name="max_bytes")  # type: ignore[arg-type] # the mistake under test
    assert refusal.value.name == "max_bytes"


@pytest.mark.parametrize("text", ["\u0663s", "\u0663", "1\u0663m"])
def test_digits_of_other_scripts_are_not_read(text):
    with pytest.raises(ConfigurationError):
        parse_duration(text, name="ttl")
    with pytest.raises(ConfigurationError):
        parse_size(text, name="max_bytes")
