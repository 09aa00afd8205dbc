"""What a run found: rows with their bounds, tables beside them, as JSON and as Markdown."""

from __future__ import annotations

import json
import platform
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pydantic
from measuring import Figures

__all__ = ["Report", "Row", "markdown", "shown_time"]


@dataclass(frozen=True, slots=True)
class Row:
    """One promise.

    Attributes:
        what: What was measured.
        figure: The ratio, or the seconds, that the bound is about.
        bound: At most this, or with `least` at least this.
        detail: The figures it was made of.
    """

    what: str
    figure: float
    bound: float
    detail: str
    unit: str = "times"
    least: bool = False

    @property
    def met(self) -> bool:
        """Whether the promise is kept in this run."""
        return self.figure >= self.bound if self.least else self.figure <= self.bound


@dataclass(slots=True)
class Report:
    """All of one run.

    Attributes:
        rows: The promises.
        tables: Title to line to column to seconds or text.
        missing: What could not be measured here, and why.
    """

    quick: bool
    rows: list[Row] = field(default_factory=list)
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def ratio(self, what: str, ours: Figures, theirs: Figures, bound: float) -> None:
        """A promise about how many times as long ours takes, by the medians."""
        detail = f"{shown_time(ours.median)} against {shown_time(theirs.median)}"
        minima = f"minima {ours.minimum / theirs.minimum:.2f} times"
        self.rows.append(Row(what, ours.median / theirs.median, bound, f"{detail}; {minima}"))

    def seconds(self, what: str, figure: float, bound: float, detail: str = "") -> None:
        """A promise about milliseconds."""
        self.rows.append(Row(what, figure * 1e3, bound * 1e3, detail, unit="ms"))

    def line(self, table: str, name: str, figures: Mapping[str, Any]) -> None:
        """Figures beside the promises; several calls for one line add columns to it."""
        plain = {
            column: asdict(value) if isinstance(value, Figures) else value
            for column, value in figures.items()
        }
        self.tables.setdefault(table, {}).setdefault(name, {}).update(plain)

    def as_json(self) -> str:
        """Everything, with what it ran on."""
        rows = [{**asdict(row), "met": row.met} for row in self.rows]
        found = {"machine": machine(), "quick": self.quick, "rows": rows}
        return json.dumps({**found, "tables": self.tables, "missing": self.missing}, indent=1)


def machine() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "python": sys.version.split()[0],
        "pydantic": pydantic.VERSION,
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} of {names[0]}" if names else platform.processor()


def shown_time(seconds: float) -> str:
    """Seconds in the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def cell(value: Any) -> str:
    """One figure of a table: the median of a time, else the value."""
    if isinstance(value, dict):
        return shown_time(value["median"])
    return f"{value:,.0f}" if isinstance(value, float) else str(value)


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    ruled = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in ruled)


def bound_of(row: Mapping[str, Any]) -> str:
    """A bound in words."""
    return f"{'at least' if row['least'] else 'at most'} {row['bound']:g} {row['unit']}"


def markdown(found: Mapping[str, Any]) -> str:
    """The tables of a run, from its JSON."""
    on = found["machine"]
    versions = f"Python {on['python']}, pydantic {on['pydantic']}, SQLite {on['sqlite']}"
    kind = "; a quick run" if found["quick"] else ""
    parts = [f"{versions}, {on['system']}, {on['processor']}{kind}."]
    promises = [
        [row["what"], f"{row['figure']:.3g} {row['unit']}", bound_of(row),
         "yes" if row["met"] else "**no**", row["detail"]]
        for row in found["rows"]
    ]  # fmt: skip
    parts.append(table(["what", "figure", "bound", "met", "from"], promises))
    for title, lines in found["tables"].items():
        columns = list(dict.fromkeys(column for line in lines.values() for column in line))
        body = [
            [name, *(cell(line[column]) if column in line else "" for column in columns)]
            for name, line in lines.items()
        ]
        parts += [f"### {title}", table(["", *columns], body)]
    if found["missing"]:
        parts += ["### Not measured", "\n".join(f"- {what}" for what in found["missing"])]
    return "\n\n".join(parts) + "\n"
