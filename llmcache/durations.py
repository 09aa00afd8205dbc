"""Spellings of durations and sizes, read once into numbers.

A duration is seconds as int or float, a `timedelta`, or text such as `"90s"`, `"15m"`, `"1h30m"`,
`"7d"`, `"2w"`, `"250ms"`. A size is bytes as int or text such as `"500MB"` (powers of 1000) or
`"2GiB"` (powers of 1024).
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import Decimal

from llmcache.errors import ConfigurationError

__all__ = ["Duration", "parse_duration", "parse_size"]

Duration = int | float | str | timedelta
"""What a user may write where a duration is asked for."""

ALLOWED_DURATION = (
    "seconds as a number above 0, a timedelta, or text such as '90s', '15m', '1h30m', '7d', '2w'"
)
ALLOWED_SIZE = "bytes as a whole number above 0, or text such as '500MB', '2GiB'"

SECONDS: dict[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
BYTES: dict[str, int] = {
    "": 1,
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("KMGT", start=1)},
    **{f"{prefix}IB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
}
STEP = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*", re.ASCII)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)


def parse_duration(value: Duration, *, name: str) -> float:
    """Read one duration into seconds.

    Args:
        value: Any spelling; plain digits in text are seconds, as variables hold them.
        name: The option or variable, for the error.

    Returns:
        Seconds, finite and above 0.

    Raises:
        ConfigurationError: For 0, negatives, NaN, infinities, bools, and text of another form.
    """
    if isinstance(value, bool):
        raise refused(name, value, "a bool is not a duration (True would be one second)")
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, int | float):
        seconds = as_float(value, name)
    elif isinstance(value, str):
        seconds = read_text(value, name)
    else:
        raise refused(name, value, f"a {type(value).__name__} is not a duration")
    if not math.isfinite(seconds):
        raise refused(name, value, "it must be finite; for no limit of time use None")
    if seconds <= 0:
        whole = name.lower().endswith("ttl") and name != "near_ttl"
        hint = "; to switch caching off use mode='off'" if whole else ""
        raise refused(name, value, f"it must be above 0{hint}")
    return seconds


def parse_size(value: float | str, *, name: str) -> int:
    """Read one size into bytes, rounded down to at least 1.

    Raises:
        ConfigurationError: For 0, negatives, bools, fractions of a byte, and other text.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    factor = BYTES.get(match[2].upper()) if match else None
    size = int(Decimal(match[1]) * factor) if match and factor else 0
    if size < 1:
        raise ConfigurationError(
            f"{name}={value!r} is not a size: use {ALLOWED_SIZE}.",
            name=name,
            value=repr(value),
            allowed=ALLOWED_SIZE,
        )
    return size


def read_text(text: str, name: str) -> float:
    """Read `"1h30m"`, or plain digits as seconds; each unit at most once, larger ones first."""
    stripped = text.strip()
    if NUMBER.fullmatch(stripped):
        return float(stripped)
    steps = STEP.findall(stripped)
    if not steps or STEP.sub("", stripped):
        raise refused(name, text, "it is not a duration that can be read")
    factors = [SECONDS[unit] for _, unit in steps]
    if factors != sorted(set(factors), reverse=True):
        raise refused(name, text, "each unit may stand once, the larger ones first")
    return float(sum(float(count) * SECONDS[unit] for count, unit in steps))


def as_float(value: float, name: str) -> float:
    """Seconds as a float; an int beyond a float's range counts as infinite."""
    try:
        return float(value)
    except OverflowError:
        raise refused(name, value, "it must be finite; for no limit of time use None") from None


def refused(name: str, value: object, why: str) -> ConfigurationError:
    """The error for one refused duration."""
    shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."  # noqa: PLR2004
    return ConfigurationError(
        f"{name}={shown}: {why}. Allowed: {ALLOWED_DURATION}.",
        name=name,
        value=shown,
        allowed=ALLOWED_DURATION,
    )
