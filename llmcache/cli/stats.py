"""`llmcache stats`: what calls came to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmcache.cli.filters import length
from llmcache.cli.options import Command, backend_option, json_option
from llmcache.cli.printing import print_json

if TYPE_CHECKING:
    from llmcache.cli.figures import Figures

__all__ = ["prices_option", "since_option", "stats"]

REASONS = 5
TOLD = {
    "miss": "misses",
    "stale": "stale",
    "bypass": "bypassed",
    "failure": "the store failed in",
    "run": "in the background",
}
IN_WORDS = {"absent": "nothing was stored"}
HEADINGS = ("calls", "hits", "stale", "waits", "misses", "bypassed", "hit rate")
AMOUNTS = ("tokens spent", "tokens saved", "time saved", "$ spent", "$ saved")

since_option: Callable[[Command], Command] = click.option(
    "--since", type=length, metavar="TIME", help="Of the last 24h, 7d, ...; whole days, UTC."
)
prices_option: Callable[[Command], Command] = click.option(
    "--prices",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help='Prices of your own: {"model": {"input": 0.15, "output": 0.6}}, $ per million tokens.',
)


@click.command(short_help="Hits, misses, tokens and money, by function, model or day.")
@click.option(
    "--by",
    "kind",
    type=click.Choice(["function", "model", "day"]),
    default="function",
    show_default=True,
)
@since_option
@prices_option
@backend_option
@json_option
def stats(
    kind: str, since: float | None, prices: Path | None, backend: str | None, *, as_json: bool
) -> None:
    """Show what the calls of all processes came to, as the store's ledger has it.

    Processes write it every few seconds. Money is reckoned now, from the tokens: by --prices, else
    by genai-prices (extra `prices`). Where neither knows a model, only its tokens are shown.
    """
    from llmcache.cli.figures import by, reasons, total
    from llmcache.cli.prices import costs
    from llmcache.cli.reading import counts_of
    from llmcache.cli.stores import absence, opened

    with opened(backend) as store:
        why_nothing = absence(store)
        counts = counts_of(store, since)
    cost = costs(prices)
    groups, whole = by(kind, counts, cost), total(counts, cost)
    told = {outcome: reasons(counts, outcome) for outcome in TOLD}
    if as_json:
        facts = {name: figures.facts() for name, figures in groups.items()}
        why = {outcome: dict(found) for outcome, found in told.items()}
        shown = {"by": kind, "groups": facts, "total": whole.facts(), "reasons": why}
        print_json(shown)
    elif not counts:
        click.echo(why_nothing or "Nothing was counted yet.", err=True)
    else:
        print_figures(kind, groups, whole)
        print_reasons(told)


def print_figures(kind: str, groups: dict[str, Figures], whole: Figures) -> None:
    """Two tables: the calls, and what they took."""
    from llmcache.cli.printing import print_table

    lines = {name or "(not known)": figures for name, figures in groups.items()}
    lines |= {"total": whole} if len(lines) > 1 else {}
    for headings, cells in ((HEADINGS, calls_of), (AMOUNTS, amounts_of)):
        rows = [(name, *cells(figures)) for name, figures in lines.items()]
        print_table((kind, *headings), rows, right=" " + "r" * len(headings), names=0)
        click.echo()
    if whole.unpriced:
        told = f"{whole.unpriced:,} tokens are of models whose price is not known."
        way = "Install llmcache-structured[prices] or give --prices FILE."
        click.echo(f"{told} {way}", err=True)


def calls_of(figures: Figures) -> tuple[str, ...]:
    outcomes = ("hit", "stale", "wait", "miss", "bypass")
    rate = "-" if figures.hit_rate is None else f"{figures.hit_rate:.1%}"
    return (f"{figures.calls:,}", *(f"{figures.outcomes[each]:,}" for each in outcomes), rate)


def amounts_of(figures: Figures) -> tuple[str, ...]:
    from llmcache.cli.amounts import in_money, in_span

    spent, saved = figures.spent, figures.saved
    return (
        f"{spent.input_tokens + spent.output_tokens:,}",
        f"{saved.input_tokens + saved.output_tokens:,}",
        in_span(saved.seconds),
        in_money(figures.money_spent),
        in_money(figures.money_saved),
    )


def print_reasons(told: dict[str, list[tuple[str, int]]]) -> None:
    """Why calls missed, and the like, a line each."""
    for outcome, found in told.items():
        if found:
            shown = ", ".join(
                f"{IN_WORDS.get(reason, reason)} {count:,}" for reason, count in found[:REASONS]
            )
            click.echo(f"{TOLD[outcome]}: {shown}{', ...' if len(found) > REASONS else ''}")
