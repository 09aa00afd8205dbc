"""Sizes, lengths of time and moments, in words for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

__all__ = ["compact", "in_money", "in_size", "in_span", "moment"]

UNITS = ("B", "kB", "MB", "GB", "TB")
STEP = 1000
SPANS = (("d", 86_400), ("h", 3600), ("min", 60))


def in_size(count: float) -> str:
    """Bytes in the largest decimal unit, as `LLMCACHE_MAX_BYTES` reads them."""
    for unit in UNITS[:-1]:
        if count < STEP:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= STEP
    return f"{count:.1f} {UNITS[-1]}"


def compact(count: float) -> str:
    """A count in at most five characters: `950`, `12.3k`, `10.9M`."""
    for unit in ("", "k", "M"):
        if count < STEP:
            return f"{count:.1f}{unit}".replace(".0", "")
        count /= STEP
    return f"{count:.0f}G"


def in_money(dollars: Decimal) -> str:
    """US dollars: cents, and below one dollar hundredths of them; `-` for none."""
    if not dollars:
        return "-"
    return f"{dollars:,.2f}" if dollars >= 1 else f"{dollars:.4f}"


def in_span(seconds: float) -> str:
    """A length of time in its largest unit; `?` where it is not known."""
    if math.isnan(seconds):
        return "?"
    for unit, length in SPANS:
        if abs(seconds) >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def moment(seconds: Any) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC; None where they are none."""
    if not isinstance(seconds, int | float):
        return None
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return None
