"""`llmcache config`: each setting in effect, and where it comes from."""

from __future__ import annotations

import click

from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json, print_table

__all__ = ["config"]


@click.command(short_help="Print each setting, and where it comes from.")
@backend_option
@json_option
def config(backend: str | None, *, as_json: bool) -> None:
    """Print each setting in effect, and where it comes from; secrets are masked."""
    from llmcache.cli.effective import effective

    found = effective(backend)
    if as_json:
        settings = {each.name: {"value": each.value, "source": each.source} for each in found}
        print_json(settings)
        return
    rows = [(each.name, each.shown, each.source) for each in found]
    print_table(("setting", "value", "from"), rows)
