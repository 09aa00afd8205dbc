"""The report as one HTML page that loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from llmcache.cli.amounts import compact, in_money, in_size, in_span
from llmcache.cli.charts import STACKED, calls_by_day
from llmcache.cli.figures import Figures
from llmcache.cli.holdings import AGES, Holdings

__all__ = ["Report", "page"]

REASONS = 8
ROWS = 30
ALLOWED = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Report:
    """What the page tells.

    Attributes:
        store: In words.
        made: When, ISO 8601.
        total: All calls.
        by_day: Figures by day.
        by_function: By function, the most calls first.
        by_model: By model.
        misses: Reasons and how often.
        holdings: What is stored.
    """

    store: str
    made: str
    total: Figures
    by_day: dict[str, Figures]
    by_function: dict[str, Figures]
    by_model: dict[str, Figures]
    misses: list[tuple[str, int]]
    holdings: Holdings


def page(report: Report) -> str:
    """The whole page."""
    style = (files("llmcache.cli") / "report.css").read_text(encoding="utf-8")
    body = "".join(sections(report))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{ALLOWED}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>llmcache report</title><style>{style}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def sections(report: Report) -> Iterable[str]:
    """Its parts from top to bottom."""
    yield f'<h1>llmcache report</h1><p class="soft">{escape(report.store)}, {report.made}</p>'
    yield tiles(report.total)
    if not report.by_day:
        yield "<p>Nothing was counted yet.</p>"
    else:
        legend = "".join(f'<span><i class="{kind}"></i>{name}</span>' for kind, name in STACKED)
        chart = f'{calls_by_day(report.by_day)}<div class="legend soft">{legend}</div>'
        yield section("Calls by day", chart)
        yield section("By function", figures_table("function", report.by_function))
        yield section("By model", figures_table("model", report.by_model))
    if report.misses:
        yield section("Why calls missed", counts_table(("reason", "misses"), report.misses, "miss"))
    yield section("What is stored", stored(report.holdings))


def section(title: str, content: str) -> str:
    return f'<section><h2>{title}</h2><div class="card">{content}</div></section>'


def tiles(total: Figures) -> str:
    """The figures that count."""
    rate = "-" if total.hit_rate is None else f"{total.hit_rate:.1%}"
    saved = total.saved.input_tokens + total.saved.output_tokens
    shown = [
        (rate, "answered without a call"),
        (compact(total.calls), "calls"),
        (compact(saved), "tokens saved"),
        (f"${in_money(total.money_saved)}" if total.money_saved else "-", "saved"),
        (in_span(total.saved.seconds), "of waiting saved"),
    ]
    drawn = "".join(
        f'<div class="tile"><b>{value}</b><span class="soft">{what}</span></div>'
        for value, what in shown
    )
    unpriced = (
        f'<p class="soft">{total.unpriced:,} tokens are of models whose price is not known.</p>'
        if total.unpriced
        else ""
    )
    return f'<div class="tiles">{drawn}</div>{unpriced}'


def figures_table(kind: str, groups: dict[str, Figures]) -> str:
    """A row a group."""
    headings = (kind, "calls", "hit rate", "tokens spent", "tokens saved", "$ spent", "$ saved")
    rows = [figures_row(name, figures) for name, figures in list(groups.items())[:ROWS]]
    left = len(groups) - ROWS
    more = f'<p class="soft">and {left:,} more</p>' if left > 0 else ""
    return table(headings, rows) + more


def figures_row(name: str, figures: Figures) -> Sequence[str]:
    rate = figures.hit_rate
    spent, saved = figures.spent, figures.saved
    drawn = bar("hit", rate or 0)
    return (
        f"{escape(name) or '(not known)'}{drawn}",
        f"{figures.calls:,}",
        "-" if rate is None else f"{rate:.1%}",
        f"{spent.input_tokens + spent.output_tokens:,}",
        f"{saved.input_tokens + saved.output_tokens:,}",
        in_money(figures.money_spent),
        in_money(figures.money_saved),
    )


def counts_table(headings: Sequence[str], counts: Sequence[tuple[str, int]], kind: str) -> str:
    """A row a count, with a bar."""
    most = max((count for _, count in counts), default=0) or 1
    rows = [
        (f"{escape(name)}{bar(kind, count / most)}", f"{count:,}")
        for name, count in counts[:REASONS]
    ]
    return table(headings, rows)


def bar(kind: str, part: float) -> str:
    """A bar below a name; none for nothing."""
    return f'<span class="bar {kind}" style="width:{part:.0%}"></span>' if part else ""


def stored(found: Holdings) -> str:
    """Size and age of the store."""
    names = [f"younger than {name}" for name, _ in AGES] + ["older"]
    size = "" if found.size is None else f", {in_size(found.size)} in all"
    told = f"{found.entries:,} entries{size}; {found.expired:,} expired."
    ages = counts_table(("age", "entries"), list(zip(names, found.ages, strict=True)), "hit")
    return f"<p>{told}</p>{ages}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    body = "".join(f"<tr>{cells(headings, row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cells(headings: Sequence[str], row: Sequence[str]) -> str:
    """The cells of a row; each knows its heading, which a phone shows beside it."""
    return "".join(
        f'<td data-of="{escape(heading)}">{cell}</td>'
        for heading, cell in zip(headings, row, strict=True)
    )
