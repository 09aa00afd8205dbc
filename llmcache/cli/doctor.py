"""`llmcache doctor`: look for what keeps the cache from working well."""

from __future__ import annotations

import click

from llmcache.cli.options import backend_option, json_option
from llmcache.cli.problems import FOUND_A_PROBLEM

__all__ = ["doctor"]

COLOURS = {"problem": "red", "hint": "yellow", "fine": "green"}


@click.command(short_help="Look for what keeps the cache from working well.")
@backend_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, backend: str | None, *, as_json: bool) -> None:
    """Look for what keeps the cache from working well. Nothing is changed.

    Looks at the installation, the store's file or server, and at what was counted. Exit code 1
    where a problem was found; hints are none.
    """
    import json  # noqa: PLC0415 - not for `--help`
    from dataclasses import asdict  # noqa: PLC0415 - as above

    from llmcache.cli.examine import examined  # noqa: PLC0415 - as above

    findings = examined(backend)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in findings], indent=2, ensure_ascii=False))
    for each in () if as_json else findings:
        click.secho(f"{each.grade:<8}", fg=COLOURS[each.grade], nl=False)
        click.echo(f"{each.about}: {each.text}")
    if any(each.grade == "problem" for each in findings):
        ctx.exit(FOUND_A_PROBLEM)
