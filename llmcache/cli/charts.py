"""Charts as SVG, drawn in the colours of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape

from llmcache.cli.amounts import compact
from llmcache.cli.figures import Figures

__all__ = ["STACKED", "calls_by_day", "days_between"]

STACKED = (
    ("hit", "hits"),
    ("wait", "waits"),
    ("stale", "stale"),
    ("miss", "misses"),
    ("bypass", "bypassed"),
)
"""Outcomes from the bottom of a bar to its top, with their names."""

WIDTH, HEIGHT, LEFT, FOOT, TOP = 800, 250, 62, 30, 18
MOST_DAYS = 60
GAP = 0.25
LABELS = 6


def days_between(days: Sequence[str]) -> list[str]:
    """All days from the first to the last, those without calls too; the last `MOST_DAYS`."""
    last = date.fromisoformat(max(days))
    first = max(date.fromisoformat(min(days)), last - timedelta(days=MOST_DAYS - 1))
    return [(first + timedelta(days=step)).isoformat() for step in range((last - first).days + 1)]


def calls_by_day(figures: Mapping[str, Figures]) -> str:
    """A bar a day, stacked by outcome."""
    days = days_between(list(figures))
    most = max((figures[day].calls for day in days if day in figures), default=0) or 1
    step = (WIDTH - LEFT) / len(days)
    bars = "".join(
        bar(figures[day], LEFT + place * step, step, most, day)
        for place, day in enumerate(days)
        if day in figures
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Calls by day and outcome">'
        f"{rules(most)}{bars}{names(days, step)}</svg>"
    )


def bar(figures: Figures, left: float, step: float, most: int, day: str) -> str:
    """One day."""
    drawn, bottom = "", float(HEIGHT - FOOT)
    for outcome, name in STACKED:
        count = figures.outcomes[outcome]
        if not count:
            continue
        height = count / most * (HEIGHT - FOOT - TOP)
        bottom -= height
        drawn += (
            f'<rect class="{outcome}" x="{left + step * GAP / 2:.1f}" y="{bottom:.1f}" '
            f'width="{step * (1 - GAP):.1f}" height="{height:.1f}">'
            f"<title>{day}: {count:,} {name}</title></rect>"
        )
    return drawn


def rules(most: int) -> str:
    """Lines across, at nothing, half and the most."""
    drawn = ""
    for part in (0.0, 0.5, 1.0):
        y = HEIGHT - FOOT - part * (HEIGHT - FOOT - TOP)
        drawn += f'<line class="rule" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        if part * most == int(part * most):
            shown = compact(part * most)
            drawn += f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>'
    return drawn


def names(days: Sequence[str], step: float) -> str:
    """The days below the bars, as many as have room."""
    each = max(1, -(-len(days) // LABELS))
    return "".join(
        f'<text x="{LEFT + (place + 0.5) * step:.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(day[5:])}</text>"
        for place, day in enumerate(days)
        if place % each == 0
    )
