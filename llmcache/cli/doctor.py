"""`llmcache doctor`: look for what keeps the cache from working well."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import click

from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json
from llmcache.cli.problems import FOUND_A_PROBLEM

if TYPE_CHECKING:
    from llmcache.cli.findings import Finding

__all__ = ["doctor"]

COLOURS = {"problem": "red", "hint": "yellow", "fine": "green"}
"""Of each grade, the worst first."""

GRADE_ROOM, LEAST = 9, 30


@click.command(short_help="Look for what keeps the cache from working well.")
@backend_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, backend: str | None, *, as_json: bool) -> None:
    """Look for what keeps the cache from working well. Nothing is changed.

    Looks at the installation, the store's file or server, and at what was counted. The worst comes
    first. Exit code 1 where a problem was found; hints are none.
    """
    from dataclasses import asdict

    from llmcache.cli.examine import examined

    findings = sorted(examined(backend), key=lambda each: list(COLOURS).index(each.grade))
    if as_json:
        print_json([asdict(each) for each in findings])
    else:
        print_findings(findings)
    if any(each.grade == "problem" for each in findings):
        ctx.exit(FOUND_A_PROBLEM)


def print_findings(findings: list[Finding]) -> None:
    """A paragraph each, within the width of a terminal, and what they come to."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for each in findings:
        text = f"{each.about}: {each.text}"
        if columns is not None:
            room, indent = max(columns - GRADE_ROOM, LEAST), " " * GRADE_ROOM
            text = textwrap.fill(text, room, break_long_words=False, break_on_hyphens=False)
            text = text.replace("\n", f"\n{indent}")
        click.secho(f"{each.grade:<{GRADE_ROOM}}", fg=COLOURS[each.grade], nl=False)
        click.echo(text)
    counts = Counter(each.grade for each in findings)
    click.echo(f"Problems: {counts['problem']}, hints: {counts['hint']}.")
