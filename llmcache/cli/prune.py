"""`llmcache prune`: clean up now what would be cleaned up in time."""

from __future__ import annotations

import click

from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json

__all__ = ["prune"]


@click.command(short_help="Remove what has expired; give space back.")
@backend_option
@json_option
def prune(backend: str | None, *, as_json: bool) -> None:
    """Remove what has expired, bring the store within its bounds, give space back to the system.

    Writing does this too, in small steps. On a server nothing is done: it removes by itself.
    """
    from llmcache.backends.base import Pruning, Sizing, able
    from llmcache.cli.amounts import in_size
    from llmcache.cli.stores import absence, opened

    with opened(backend, to_write=True) as store:
        why_nothing = absence(store)
        pruning = None if why_nothing else able(store, Pruning)
        sizing = able(store, Sizing) if pruning else None
        before = sizing.size() if sizing else 0
        removed = pruning.prune() if pruning else 0
        freed = before - sizing.size() if sizing else 0
        where = store.description
    if as_json:
        print_json({"removed": removed, "freed": freed})
    elif pruning is None:
        click.echo(why_nothing or f"{where} removes by itself what has expired.", err=True)
    else:
        click.echo(f"Removed {removed:,} entries; {in_size(max(freed, 0))} given back.")
