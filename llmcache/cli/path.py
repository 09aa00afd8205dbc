"""`llmcache path`: the file that entries are kept in."""

from __future__ import annotations

import click

from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json
from llmcache.cli.problems import FOUND_A_PROBLEM

__all__ = ["path"]


@click.command(short_help="Print the file that entries are kept in.")
@backend_option
@json_option
@click.pass_context
def path(ctx: click.Context, backend: str | None, *, as_json: bool) -> None:
    """Print the file that entries are kept in, whether it exists yet or not.

    Exit code 1 where the backend keeps no file.
    """
    from llmcache.cli.stores import file_of, opened

    with opened(backend) as store:
        found, where = file_of(store), store.description
    if as_json:
        print_json({"backend": where, "file": None if found is None else str(found)})
    elif found is not None:
        click.echo(found)
    else:
        click.echo(f"{where} keeps no file.", err=True)
    if found is None:
        ctx.exit(FOUND_A_PROBLEM)
