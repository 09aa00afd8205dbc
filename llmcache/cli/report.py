"""`llmcache report`: the ledger as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmcache.cli.options import backend_option
from llmcache.cli.stats import prices_option, since_option

if TYPE_CHECKING:
    from llmcache.cli.page import Report

__all__ = ["report"]


@click.command(short_help="Write a page on hits, misses, tokens and money.")
@click.argument(
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("llmcache-report.html"),
)
@since_option
@prices_option
@backend_option
def report(file: Path, since: float | None, prices: Path | None, backend: str | None) -> None:
    """Write FILE, llmcache-report.html by default: one page that loads nothing and needs no script.

    It holds names of functions and models and sums, no question and no answer. `-` is the
    standard output.
    """
    from llmcache.cli.page import page

    made = page(gathered(since, prices, backend))
    if str(file) == "-":
        click.echo(made, nl=False)
        return
    try:
        file.write_text(made, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(file), hint=str(error.strerror)) from None
    click.echo(f"Wrote {file}.", err=True)


def gathered(since: float | None, prices: Path | None, backend: str | None) -> Report:
    """All that the page tells."""
    from llmcache.cli.amounts import moment
    from llmcache.cli.figures import by, reasons, total
    from llmcache.cli.holdings import holdings
    from llmcache.cli.page import Report
    from llmcache.cli.prices import costs
    from llmcache.cli.reading import counts_of
    from llmcache.cli.stores import now, opened

    cost = costs(prices)
    with opened(backend) as store:
        counts, found, where = counts_of(store, since), holdings(store, now()), store.description
    return Report(
        store=where,
        made=moment(now()) or "",
        total=total(counts, cost),
        by_day=by("day", counts, cost),
        by_function=by("function", counts, cost),
        by_model=by("model", counts, cost),
        misses=reasons(counts, "miss"),
        holdings=found,
    )
