"""`llmcache demo`: what the cache does, on real documents, with no key and no network."""

from __future__ import annotations

import logging
import textwrap
from typing import TYPE_CHECKING, Any

import click

from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json, print_table
from llmcache.cli.problems import FOUND_A_PROBLEM, in_one_line
from llmcache.cli.progress import progress

if TYPE_CHECKING:
    from llmcache.demo.passes import Demonstration, Pass
    from llmcache.demo.source import ProviderName

__all__ = ["demo"]

LONGEST_ERROR = 300
SELLER_ROOM = 30


@click.command(short_help="Extract invoices twice, offline: see it work.")
@click.option(
    "--provider",
    type=click.Choice(["openai", "anthropic"]),
    help="Ask the real one; its key comes from OPENAI_API_KEY or ANTHROPIC_API_KEY.",
)
@click.option("--model", help="Another model than the small one that is the default.")
@click.option("--fresh", is_flag=True, help="First forget what earlier runs of the demo kept.")
@backend_option
@json_option
@click.pass_context
def demo(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    provider: ProviderName | None,
    model: str | None,
    backend: str | None,
    *,
    fresh: bool,
    as_json: bool,
) -> None:
    """Extract a dozen invoices twice; the second pass comes from the cache.

    Without --provider, a provider on this machine answers: no key, no network. Exit code 1 where
    the second pass still made requests.
    """
    from llmcache import configure

    if backend is not None:
        configure(backend=backend)
    shown = demonstrated(provider or "loopback", model, fresh=fresh)
    print_facts(shown) if as_json else print_tables(shown)
    if not shown.all_hits:
        ctx.exit(FOUND_A_PROBLEM)


def demonstrated(provider: ProviderName, model: str | None, *, fresh: bool) -> Demonstration:
    """Run it, with progress on a terminal."""
    from llmcache.demo.documents import documents
    from llmcache.demo.source import open_source, provider_errors

    # Else Python prints on the error stream what Instructor logs of each failed attempt.
    logging.getLogger("instructor").addHandler(logging.NullHandler())
    invoices = documents()
    with open_source(provider, model, invoices) as source:
        from llmcache.demo.extraction import extract_invoice
        from llmcache.demo.passes import demonstrate

        if fresh:
            extract_invoice.cache_clear()
        try:
            with progress(2 * len(invoices), "extracting") as advance:
                return demonstrate(source, invoices, advance)
        except provider_errors(provider) as error:
            told = textwrap.shorten(in_one_line(error), LONGEST_ERROR, placeholder=" ...")
            raise click.ClickException(f"{provider} gave no answer: {told}") from None


def print_facts(shown: Demonstration) -> None:
    from dataclasses import asdict

    from llmcache.cli.stores import file_of

    file = file_of(shown.backend)
    answers: dict[str, Any] = {
        name: invoice.model_dump(mode="json") for name, invoice in shown.invoices
    }
    told = {
        "provider": shown.provider,
        "model": shown.model,
        "passes": [asdict(each) for each in shown.passes],
        "backend": shown.backend.description,
        "file": None if file is None else str(file),
        "invoices": answers,
    }
    print_json(told)


def print_tables(shown: Demonstration) -> None:
    """What was extracted, then what it took."""
    print_table(
        ("number", "seller", "issued", "total", ""),
        [
            (
                invoice.number,
                textwrap.shorten(invoice.seller, SELLER_ROOM, placeholder=" ..."),
                invoice.issued.isoformat(),
                f"{invoice.total:,}",
                invoice.currency,
            )
            for _, invoice in shown.invoices
        ],
        right="   r",
    )
    click.echo()
    print_passes(shown)


def print_passes(shown: Demonstration) -> None:
    """What was counted, and where the answers are."""
    from llmcache.cli.stores import file_of

    print_table(
        ("pass", "documents", "requests", "hits", "seconds", "tokens spent", "tokens saved"),
        [row(name, each) for name, each in zip(("first", "second"), shown.passes, strict=True)],
        right=" rrrrrr",
    )
    click.echo()
    told = ON_LOOPBACK if shown.provider == "loopback" else f"{shown.provider}, {shown.model}"
    click.echo(f"Answered by: {told}")
    click.echo(f"Kept in:     {file_of(shown.backend) or shown.backend.description}")
    if any(each.bypassed for each in shown.passes):
        click.secho("The cache had no part in this: its mode is off.", fg="yellow")
    elif not shown.all_hits:
        click.secho("The second pass made requests: its answers could not be kept.", fg="yellow")
    elif shown.passes[0].requests == 0:
        click.echo("The first pass was all hits too: an earlier run paid for it. Anew: --fresh")


def row(name: str, each: Pass) -> tuple[str, ...]:
    """One pass; a call that the cache had no part in says nothing of tokens."""
    spent = "unknown" if each.bypassed else f"{each.tokens_spent:,}"
    return (
        name,
        str(each.documents),
        str(each.requests),
        str(each.hits),
        f"{each.seconds:.2f}",
        spent,
        f"{each.tokens_saved:,}",
    )


ON_LOOPBACK = "a provider on this machine that knows these invoices; no key, no network"
