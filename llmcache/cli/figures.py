"""The ledger as figures: what was asked, spent and saved, by function, model or day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from llmcache.backends.counts import Cell, Sums
from llmcache.cli.prices import Cost

__all__ = ["Figures", "by", "reasons", "total"]

SAVING = ("hit", "stale", "wait")
NONE = Sums()
CALLS = (*SAVING, "miss", "bypass")


@dataclass(slots=True)
class Figures:
    """One group of calls.

    Attributes:
        outcomes: Calls by outcome; failures of the store and runs of the function come on top.
        spent: What the function's runs took.
        saved: What hits, waits and stale answers spared.
        money_spent: In US dollars, of the models whose prices are known.
        money_saved: Likewise.
        unpriced: Tokens of the others, spent and saved.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    spent: Sums = NONE
    saved: Sums = NONE
    money_spent: Decimal = Decimal(0)
    money_saved: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def calls(self) -> int:
        """All calls; each counts once."""
        return sum(self.outcomes[outcome] for outcome in CALLS)

    @property
    def hit_rate(self) -> float | None:
        """Part of the calls with a key that the model was not asked for; None: there were none."""
        answered = sum(self.outcomes[outcome] for outcome in SAVING)
        asked = answered + self.outcomes["miss"]
        return answered / asked if asked else None

    def add(self, cell: Cell, sums: Sums, cost: Cost) -> None:
        """Count one cell."""
        self.outcomes[cell.outcome] += sums.calls
        money = cost(cell.model, sums)
        if money is None:
            self.unpriced += sums.input_tokens + sums.output_tokens
        if cell.outcome == "run":
            self.spent = self.spent.plus(sums)
            self.money_spent += money or 0
        elif cell.outcome in SAVING:
            self.saved = self.saved.plus(sums)
            self.money_saved += money or 0

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "calls": self.calls,
            **{outcome: self.outcomes[outcome] for outcome in (*CALLS, "failure", "run")},
            "hit_rate": self.hit_rate,
            "seconds_spent": self.spent.seconds,
            "seconds_saved": self.saved.seconds,
            "input_tokens_spent": self.spent.input_tokens,
            "output_tokens_spent": self.spent.output_tokens,
            "input_tokens_saved": self.saved.input_tokens,
            "output_tokens_saved": self.saved.output_tokens,
            "usd_spent": float(self.money_spent) if self.money_spent else None,
            "usd_saved": float(self.money_saved) if self.money_saved else None,
            "tokens_without_price": self.unpriced,
        }


def by(kind: str, counts: Mapping[Cell, Sums], cost: Cost) -> dict[str, Figures]:
    """The figures of each function, model or day, the most calls first, days in their order."""
    groups: dict[str, Figures] = {}
    for cell, sums in counts.items():
        groups.setdefault(name_of(kind, cell), Figures()).add(cell, sums, cost)
    if kind == "day":
        return dict(sorted(groups.items()))
    return dict(sorted(groups.items(), key=lambda item: (-item[1].calls, item[0])))


def name_of(kind: str, cell: Cell) -> str:
    """What a cell is counted under."""
    if kind == "function" and cell.namespace:
        return f"{cell.namespace}: {cell.function}"
    named: str = getattr(cell, kind)
    return named


def total(counts: Mapping[Cell, Sums], cost: Cost) -> Figures:
    """All of it."""
    figures = Figures()
    for cell, sums in counts.items():
        figures.add(cell, sums, cost)
    return figures


def reasons(counts: Mapping[Cell, Sums], outcome: str) -> list[tuple[str, int]]:
    """The reasons of an outcome, the most frequent first; none that is empty."""
    found: Counter[str] = Counter()
    for cell, sums in counts.items():
        if cell.outcome == outcome and cell.reason:
            found[cell.reason] += sums.calls
    return found.most_common()
