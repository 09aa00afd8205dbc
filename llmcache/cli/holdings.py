"""What a store holds now: how many entries, how large, how old."""

from __future__ import annotations

from dataclasses import dataclass

from llmcache.backends.base import Backend, Listed, Sizing, able
from llmcache.cli.filters import Filter, age_of, is_over
from llmcache.cli.progress import progress
from llmcache.cli.stores import absence, lines_of

__all__ = ["AGES", "Holdings", "holdings"]

DAY = 86_400
AGES = (("a day", DAY), ("a week", 7 * DAY), ("a month", 30 * DAY), ("a year", 365 * DAY))


@dataclass(slots=True)
class Holdings:
    """What was found.

    Attributes:
        entries: Their number.
        values: Bytes of the values.
        size: Bytes that the store takes in all; None: not known.
        expired: Entries past their time to live.
        ages: Entries younger than each of `AGES`, and last those that are older than all.
    """

    entries: int
    values: int
    size: int | None
    expired: int
    ages: list[int]

    def add(self, listed: Listed, now: float) -> None:
        """One entry more."""
        self.entries += 1
        self.values += listed.size
        self.expired += is_over(listed.entry.expires, now)
        age = age_of(listed.entry.created, now)
        place = next((at for at, (_, most) in enumerate(AGES) if age < most), len(AGES))
        self.ages[place] += 1


def holdings(store: Backend, now: float) -> Holdings:
    """Walk over the store once, with progress on a terminal."""
    sizing = able(store, Sizing) if absence(store) is None else None
    found = Holdings(0, 0, sizing.size() if sizing else None, 0, [0] * (len(AGES) + 1))
    with progress(sizing.count() if sizing else 0, "reading") as advance:
        for listed in lines_of(store, Filter()):
            found.add(listed, now)
            advance()
    return found
