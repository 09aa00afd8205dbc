"""`llmcache ls`: what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from llmcache.cli.filters import Filter, age_of, filter_options, none_found
from llmcache.cli.options import backend_option, json_option

if TYPE_CHECKING:
    from llmcache.backends.base import Listed

__all__ = ["SHOWN_KEY", "facts", "ls"]

PAGE = 1000
SHOWN_KEY = 12
"""Digits of a key that a person is shown: enough to tell entries apart."""

HEADINGS = ("key", "function", "model", "age", "ends in", "size", "tokens", "hits")


@click.command(short_help="List what is stored.")
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="So many of the newest; 0: all.",
)
@backend_option
@json_option
def ls(backend: str | None, wanted: Filter, limit: int, *, as_json: bool) -> None:
    """List what is stored, the newest first. A key's first digits are enough for `show`.

    An entry's hits are those that the store answered: not memory in front of it, and Redis counts
    none. `stats` has all.
    """
    from llmcache.cli.stores import absence, lines_of, now, opened

    with opened(backend) as store:
        why_nothing = absence(store)
        found = lines_of(store, wanted)
        if as_json:
            print_lines(facts(each) for each in (islice(found, limit) if limit else found))
            return
        if why_nothing is not None:
            click.echo(why_nothing, err=True)
            return
        shown = print_pages(islice(found, limit) if limit else found, now())
        if shown == 0:
            click.echo(none_found(wanted), err=True)
        elif next(found, None) is not None:
            click.echo(f"Shown: the newest {shown}; --limit 0 shows all.", err=True)


def print_lines(lines: Iterable[dict[str, Any]]) -> None:
    """One array, a line an entry, however many there are."""
    import json

    before = "["
    for line in lines:
        click.echo(f"{before}\n{json.dumps(line)}", nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def facts(listed: Listed) -> dict[str, Any]:
    """One entry for JSON; times are ISO 8601, UTC."""
    from llmcache.cli.amounts import moment

    entry = listed.entry
    return {
        "key": listed.key,
        "namespace": entry.scope.namespace,
        "function": entry.scope.function,
        "model": entry.model,
        "created": moment(entry.created),
        "expires": moment(entry.expires),
        "stale_until": moment(entry.stale_until),
        "used": moment(listed.used),
        "size": listed.size,
        "input_tokens": entry.input_tokens,
        "output_tokens": entry.output_tokens,
        "seconds": entry.seconds,
        "hits": listed.hits,
    }


def print_pages(lines: Iterator[Listed], moment: float) -> int:
    """Tables of up to `PAGE` lines; how many lines in all."""
    from llmcache.cli.printing import print_table

    shown = 0
    while page := [row(each, moment) for each in islice(lines, PAGE)]:
        print_table(HEADINGS, page, right="   rrrrr", names=1, headed=shown == 0)
        shown += len(page)
    return shown


def row(listed: Listed, moment: float) -> tuple[str, ...]:
    """One entry for people."""
    from llmcache.cli.amounts import in_size, in_span

    entry = listed.entry
    tokens = [count for count in (entry.input_tokens, entry.output_tokens) if count is not None]
    name, namespace = entry.scope.function, entry.scope.namespace
    return (
        listed.key[:SHOWN_KEY],
        f"{namespace}: {name}" if namespace else name,
        entry.model or "-",
        in_span(age_of(entry.created, moment)),
        "-" if entry.expires is None else ended_or_left(entry.expires, moment),
        in_size(listed.size),
        f"{sum(tokens):,}" if tokens else "-",
        str(listed.hits),
    )


def ended_or_left(expires: Any, moment: float) -> str:
    """How long until an entry ends."""
    from llmcache.cli.amounts import in_span

    if not isinstance(expires, int | float):
        return "?"
    return "expired" if expires <= moment else in_span(expires - moment)
