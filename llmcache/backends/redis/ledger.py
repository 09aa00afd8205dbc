"""The ledger on a Redis server: a hash a day, a set of the days, a list of the last misses.

Everything is in one slot of a cluster, so that one transaction adds to all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from llmcache.backends.counts import KEPT_DAYS, KEPT_MISSES, Cell, Counts, KeepsCounts, Missed, Sums
from llmcache.backends.redis.scripts import Script
from llmcache.backends.redis.steps import Command, Dialogue, Names, Run
from llmcache.backends.redis.wire import Wire

__all__ = ["ServerLedger"]

LIFE = KEPT_DAYS * 86_400
TRIED_AGAIN = 86_400
"""Seconds for which an addition that failed may be tried again and still counts once."""

MICRO = 1_000_000
TAG = "{ledger}"


class ServerLedger(KeepsCounts):
    """`Ledgers` for a backend with a wire."""

    wire: Wire
    names: Names

    def add_counts(self, counts: Counts, missed: Iterable[Missed], batch: str = "") -> None:
        """As `Ledgers.add_counts`."""
        stem = f"{self.names.prefix}:{TAG}"
        self.wire.run("ledger", adding(stem, counts, list(missed), batch))

    def counts(self, since: str = "") -> Counts:
        """As `Ledgers.counts`."""
        return self.wire.run("ledger", reading(f"{self.names.prefix}:{TAG}", since))

    def misses(self, limit: int) -> list[Missed]:
        """As `Ledgers.misses`."""
        return self.wire.run("ledger", last(f"{self.names.prefix}:{TAG}", limit))


ADD = Script("""
if ARGV[6] ~= '' and not redis.call('SET', KEYS[3], 1, 'NX', 'EX', ARGV[6]) then
    return 0
end
for _, step in ipairs(cjson.decode(ARGV[1])) do
    redis.call('HINCRBY', KEYS[step[1] + 3], step[2], step[3])
end
for place, day in ipairs(cjson.decode(ARGV[2])) do
    redis.call('SADD', KEYS[1], day)
    redis.call('EXPIRE', KEYS[place + 3], ARGV[4])
end
for _, miss in ipairs(cjson.decode(ARGV[3])) do
    redis.call('LPUSH', KEYS[2], miss)
end
redis.call('LTRIM', KEYS[2], 0, ARGV[5] - 1)
return 1
""")
"""Adds to the hashes of the days, to the set of days and to the list of misses, in one step.

KEYS: the set, the list, the name of the addition, the hashes. ARGV: what to add, as (number of the
hash, field, amount); the days of the hashes; the misses; the life of a hash in seconds; the misses
that are kept; the seconds for which the name is known, or nothing where it has none.
"""


def adding(
    stem: str, counts: Mapping[Cell, Sums], missed: list[Missed], batch: str
) -> Dialogue[None]:
    """Add what was counted; seconds as whole microseconds."""
    days = sorted({cell.day for cell in counts})
    steps = [
        (days.index(cell.day) + 1, json.dumps([*cell[1:], name]), str(int(amount)))
        for cell, sums in counts.items()
        for name, amount in sums._replace(seconds=round(sums.seconds * MICRO))._asdict().items()
        if amount
    ]
    keys = (f"{stem}:d", f"{stem}:n", f"{stem}:b:{batch}", *(f"{stem}:c:{day}" for day in days))
    told = [json.dumps(part) for part in (steps, days, [json.dumps(miss) for miss in missed])]
    yield Run(ADD, keys, (*told, LIFE, KEPT_MISSES, TRIED_AGAIN if batch else ""))


def reading(stem: str, since: str) -> Dialogue[dict[Cell, Sums]]:
    """All cells from a day on; days that have expired are forgotten on the way."""
    days = sorted(day.decode() for day in (yield Command(("SMEMBERS", f"{stem}:d"))))
    cells: dict[Cell, dict[str, Any]] = {}
    for day in days:
        if day < since:
            continue
        found = yield Command(("HGETALL", f"{stem}:c:{day}"))
        if not found:
            yield Command(("SREM", f"{stem}:d", day))
        for field, amount in found.items():
            *what, name = json.loads(field)
            cells.setdefault(Cell(day, *what), {})[name] = int(amount)
    return {cell: in_seconds(Sums(**sums)) for cell, sums in cells.items()}


def in_seconds(sums: Sums) -> Sums:
    """Sums as they are counted, from sums as they are kept."""
    return sums._replace(seconds=sums.seconds / MICRO)


def last(stem: str, limit: int) -> Dialogue[list[Missed]]:
    """The last misses, the latest first."""
    found = yield Command(("LRANGE", f"{stem}:n", 0, limit - 1))
    return [Missed(*json.loads(text)) for text in found]
