"""`llmcache clear`: forget entries."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import click

from llmcache.cli.filters import Filter, filter_options, none_found
from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json

if TYPE_CHECKING:
    from llmcache.backends.base import Backend, Scope

__all__ = ["clear"]


@click.command(short_help="Forget entries.")
@filter_options
@click.option("--all", "everything", is_flag=True, help="All entries.")
@click.option("--dry-run", is_flag=True, help="Only say what would be forgotten.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@backend_option
@json_option
def clear(  # noqa: PLR0913 - one parameter an option
    backend: str | None,
    wanted: Filter,
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Forget entries. What is being computed for them right now is not stored afterwards.

    It wants a filter or --all, and --yes where nobody can be asked.
    """
    from llmcache.cli.stores import absence, opened

    refuse_unclear(wanted, everything=everything, sure=dry_run or yes)
    with opened(backend, to_write=not dry_run) as store:
        why_nothing = absence(store)
        doomed = counted(store, wanted)
        if not (dry_run or yes or not doomed):
            print_doomed(doomed, "would be forgotten")
            click.confirm("Forget them?", abort=True, err=True)
        gone = 0 if dry_run else forget(store, wanted, doomed)
    if as_json:
        functions = {name_of(scope): count for scope, count in doomed.items()}
        told = {"found": doomed.total(), "cleared": gone, "functions": functions}
        print_json(told)
    elif why_nothing is not None:
        click.echo(why_nothing, err=True)
    elif not doomed:
        click.echo(none_found(wanted), err=True)
    elif dry_run:
        print_doomed(doomed, "would be forgotten")
    else:
        click.echo(f"Forgot {gone:,} entries.")


def refuse_unclear(wanted: Filter, *, everything: bool, sure: bool) -> None:
    """Do nothing for a command that could mean too much.

    Raises:
        click.UsageError: Neither filter nor `--all`, both, or nobody to ask.
    """
    if wanted.empty and not everything:
        raise click.UsageError("Nothing was cleared: give a filter, such as --function, or --all.")
    if everything and not wanted.empty:
        raise click.UsageError("Nothing was cleared: give a filter or --all, not both.")
    if not sure and not sys.stdin.isatty():
        raise click.UsageError("Nothing was cleared: nobody can be asked here, so give --yes.")


def counted(store: Backend, wanted: Filter) -> Counter[Scope]:
    """How many entries are meant, by function."""
    from llmcache.cli.stores import lines_of

    return Counter(listed.entry.scope for listed in lines_of(store, wanted))


def print_doomed(doomed: Counter[Scope], what: str) -> None:
    """How many of which function, on the error stream."""
    for scope, count in doomed.most_common():
        click.echo(f"{count:>9,}  {name_of(scope)}", err=True)
    click.echo(f"{doomed.total():>9,}  {what}", err=True)


def name_of(scope: Scope) -> str:
    """A function for people, with its namespace where it has one."""
    return f"{scope.namespace}: {scope.function}" if scope.namespace else scope.function


def forget(store: Backend, wanted: Filter, doomed: Counter[Scope]) -> int:
    """Remove them; whole functions in one step each. How many there were."""
    from llmcache.backends.base import Epochs, able
    from llmcache.cli.progress import progress
    from llmcache.cli.stores import lines_of

    epochs = able(store, Epochs)
    if epochs is not None and wanted.whole_scopes:
        return sum(epochs.clear(scope) for scope in doomed)
    gone = 0
    with progress(doomed.total(), "clearing") as advance:
        for listed in lines_of(store, wanted):
            key, scope = listed.key, listed.entry.scope
            gone += epochs.invalidate(key, scope) if epochs is not None else store.delete(key)
            advance()
    return gone
