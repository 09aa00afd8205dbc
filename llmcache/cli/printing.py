"""What commands print: JSON, and tables, by rich on a terminal that has it, else in columns."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click

from llmcache.cli.options import colour_wanted

__all__ = ["print_json", "print_table", "printable", "table"]

GAP = "  "
LEAST_NAME = 12


def print_json(value: Any) -> None:
    """Print JSON: as it reads best, in ASCII where the output could not take that."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    click.echo(text)


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: str = "",
    names: int | None = None,
    headed: bool = True,
) -> None:
    """Print a table.

    Args:
        headings: One a column.
        rows: As many cells each. What a terminal could take for a command is replaced.
        right: One letter a column: `r` aligns to the right, anything else, or none, to the left.
        names: The column that loses its beginnings where a terminal is too narrow.
        headed: Whether the headings are printed; False continues a table.
    """
    cells = [tuple(printable(cell) for cell in row) for row in rows]
    if not sys.stdout.isatty():
        print_plain(headings, cells, right, headed=headed)
        return
    if names is not None:
        cells = fitted(headings, cells, names, shutil.get_terminal_size().columns)
    if not by_rich(headings, cells, right, headed=headed):
        print_plain(headings, cells, right, headed=headed)


def print_plain(
    headings: Sequence[str], rows: Iterable[Sequence[str]], right: str, *, headed: bool
) -> None:
    heading, *lines = table(headings, rows, right=right)
    if headed:
        click.secho(heading, bold=True)
    if lines:
        click.echo("\n".join(lines))


def by_rich(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: str, *, headed: bool
) -> bool:
    """Print by rich; False where it is not installed."""
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_header=headed)
    for heading, side in zip(headings, right.ljust(len(headings)), strict=True):
        drawn.add_column(Text(heading), justify="right" if side == "r" else "left", no_wrap=True)
    for row in rows:
        drawn.add_row(*map(Text, row))
    plain = colour_wanted() is False
    # What is wider than the terminal goes on in its next line; rich would cut it off.
    console = Console(color_system=None if plain else "auto", highlight=False)
    console.width = max(console.width, sum(widths([headings, *rows])) + 3 * len(headings))
    console.print(drawn, soft_wrap=True)
    return True


def fitted(
    headings: Sequence[str], rows: list[tuple[str, ...]], names: int, columns: int
) -> list[tuple[str, ...]]:
    """The rows with their names cut at the front so that a line fits, if that can be."""
    found = widths([headings, *rows])
    others = sum(found) - found[names] + (len(GAP) + 1) * (len(headings) - 1)
    room = max(columns - others, LEAST_NAME)
    return [(*row[:names], ending(row[names], room), *row[names + 1 :]) for row in rows]


def ending(name: str, room: int) -> str:
    """The last characters of a name, where it is too long."""
    return name if len(name) <= room else f"…{name[1 - room :]}"


def printable(text: str) -> str:
    """Text with a mark in place of each character that does not print."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: str = "") -> list[str]:
    """The lines of a table, the headings first, wide characters of East Asia counted as two.

    Args:
        headings: One a column.
        rows: As many cells each.
        right: As of `print_table`.
    """
    cells = [headings, *rows]
    sides = right.ljust(len(headings))
    rooms = widths(cells)
    return [
        GAP.join(
            padded(cell, room, to_right=side == "r")
            for cell, room, side in zip(row, rooms, sides, strict=True)
        ).rstrip()
        for row in cells
    ]


def widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """What each column takes."""
    return [max(map(width, column)) for column in zip(*rows, strict=True)]


def padded(cell: str, room: int, *, to_right: bool) -> str:
    blanks = " " * (room - width(cell))
    return blanks + cell if to_right else cell + blanks


def width(text: str) -> int:
    """Columns that a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
