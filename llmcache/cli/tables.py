"""Aligned columns on a terminal, wide characters of East Asian scripts counted as two."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["table"]

GAP = "  "


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: str = "") -> list[str]:
    """The lines of a table, the headings first; without trailing blanks.

    Args:
        headings: One a column.
        rows: As many cells each.
        right: One letter a column: `r` aligns to the right, anything else, or none, to the left.
    """
    cells = [headings, *rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    sides = right.ljust(len(headings))
    return [
        GAP.join(
            padded(cell, room, to_right=side == "r")
            for cell, room, side in zip(row, widths, sides, strict=True)
        ).rstrip()
        for row in cells
    ]


def padded(cell: str, room: int, *, to_right: bool) -> str:
    blanks = " " * (room - width(cell))
    return blanks + cell if to_right else cell + blanks


def width(text: str) -> int:
    """Columns that a text takes."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
