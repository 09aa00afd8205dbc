"""Hits: this project, the floor and the neighbours, on the same answers and prompts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from answers import ANSWERS, PROMPTS, Invoice, Small, made
from floors import bare_database, bare_hit, data_version, sqlite_hit
from measuring import Batch, Clock, awaited, interleaved, repeated
from ours import asked, asked_async, backends
from peers import present
from pydantic import BaseModel
from report import Report, Row

from llmcache.backends.base import Backend

__all__ = ["measure_hits", "measure_key", "measure_matrix"]

Backends = Mapping[str, Backend | str]


def measure_hits(report: Report, directory: Path, rounds: int) -> None:
    """The promises about hits."""
    loop = asyncio.new_event_loop()
    small, lines = made(Small), made(Invoice)
    short, long = PROMPTS[200], PROMPTS[200_000]
    peers, _ = present()
    with backends(directory) as ours, bare_database(directory / "bare.db") as raw:
        contenders: dict[str, Batch] = {
            "floor": repeated(bare_hit(short, small)),
            "floor, 200 kB": repeated(bare_hit(long, small)),
            "floor, 20 line items": repeated(bare_hit(short, lines)),
            "SQLite floor": repeated(sqlite_hit(raw, short, small)),
            "SQLite floor, 20 line items": repeated(sqlite_hit(raw, short, lines)),
            "data_version": repeated(data_version(raw)),
            **{name: warm(asked(backend, Small), short) for name, backend in ours.items()},
            "memory, 200 kB": warm(asked(ours["memory"], Small), long),
            "memory, 20 line items": warm(asked(ours["memory"], Invoice), short),
            "SQLite, 20 line items": warm(asked(ours["SQLite"], Invoice), short),
            "memory, ledger off": warm(uncounted(asked(ours["memory"], Small)), short),
            "memory, async": awaited(loop, partial(asked_async(ours["memory"], Small), short)),
        }
        if "diskcache.memoize" in peers:
            contender = peers["diskcache.memoize"](directory, Small)
            contenders["diskcache"] = warm(contender, short)
        found = interleaved(contenders, rounds)
    loop.close()
    for name, figures in found.items():
        report.line("Hits that the promises are about", name, {"median": figures})
    report.ratio("memory hit, 200 B prompt, over the floor", found["memory"], found["floor"], 6)
    pairs = [
        ("memory hit, 200 kB prompt, over the floor", "memory, 200 kB", "floor, 200 kB", 1.3),
        ("memory hit, 20 line items, over the floor", "memory, 20 line items",
         "floor, 20 line items", 1.5),
        ("SQLite hit, 200 B prompt, over the floor", "SQLite", "SQLite floor", 3),
        ("SQLite hit, 20 line items, over the floor", "SQLite, 20 line items",
         "SQLite floor, 20 line items", 1.5),
        ("async memory hit over the sync one", "memory, async", "memory", 1.5),
    ]  # fmt: skip
    for what, one, other, bound in pairs:
        report.ratio(what, found[one], found[other], bound)
    if "diskcache" in found:
        what = "SQLite hit, 200 B prompt, over diskcache.memoize"
        report.ratio(what, found["SQLite"], found["diskcache"], 1)
    more = found["default"].median - found["memory"].median
    pragma = found["data_version"].median
    what = "default backend over a memory hit, in bare PRAGMA data_version"
    report.rows.append(Row(what, more / pragma, 2.5, f"{more * 1e6:.3g} µs"))
    more = (found["memory"].median - found["memory, ledger off"].median) * 1e6
    report.rows.append(Row("what the ledger adds to a memory hit", more, 1, "", unit="µs"))


def uncounted(function: Callable[[str], object]) -> Callable[[str], object]:
    """The function, with its calls left out of the ledger."""
    function._self_variant.plan().tally.account = None  # type: ignore[attr-defined]
    return function


def warm(call: Callable[[str], object], prompt: str, clock: Clock = time.thread_time) -> Batch:
    """Hits of one call; the first, which is a miss, is made here."""
    call(prompt)
    return repeated(partial(call, prompt), clock)


def measure_key(report: Report, directory: Path, rounds: int) -> None:
    """The key alone, for every size of prompt and two sizes of schema."""
    with backends(directory) as ours:
        contenders: dict[str, Batch] = {}
        for size, prompt in PROMPTS.items():
            contenders[f"floor {size}"] = repeated(bare_hit(prompt, made(Small)))
            for name, kind in (("small", Small), ("60 fields", ANSWERS["60 fields"])):
                contenders[f"{name} {size}"] = keys_of(asked(ours["memory"], kind), prompt)
        found = interleaved(contenders, rounds)
    for size in PROMPTS:
        columns = {name: found[f"{name} {size}"] for name in ("floor", "small", "60 fields")}
        report.line("A key alone, by the size of the prompt", f"{size:,} B", columns)
    for size, bound in ((200, 4), (10_000, 2)):
        what = f"key of a {size:,} B call over the floor"
        report.ratio(what, found[f"small {size}"], found[f"floor {size}"], bound)
    what = "key under a schema of 60 fields over one of 4"
    report.ratio(what, found["60 fields 200"], found["small 200"], 1.1)


def keys_of(function: object, prompt: str) -> Batch:
    """The digest that a call makes of its arguments, nothing looked up."""
    function(prompt)  # type: ignore[operator]
    variant = function._self_variant  # type: ignore[attr-defined]
    return repeated(partial(variant.subject.keys.digest, (prompt,), {}))


def measure_matrix(report: Report, directory: Path, rounds: int) -> None:
    """Every answer with every prompt, this project and the neighbours."""
    peers, missing = present()
    report.missing += [f"{name}: not installed" for name in missing]
    with backends(directory) as ours:
        for label, kind in ANSWERS.items():
            for size, prompt in list(PROMPTS.items())[: 2 if report.quick else 3]:
                contenders = {"floor": repeated(bare_hit(prompt, made(kind)))}
                for name, backend in ours.items():
                    contenders[name] = warm(asked(backend, kind), prompt)
                for name, peer in peers.items():
                    contenders[name] = tried(report, name, partial(peer, directory, kind), prompt)
                able = {name: batch for name, batch in contenders.items() if batch is not None}
                found = interleaved(able, rounds // 3)
                report.line("Warm hits", f"{label}, {size:,} B", found)


def tried(
    report: Report, name: str, peer: Callable[[], Callable[[str], BaseModel]], prompt: str
) -> Batch | None:
    """A neighbour's hits; None, and said in the report, where it fails at its task."""
    try:
        return warm(peer(), prompt)
    except Exception as error:  # noqa: BLE001 - whatever a neighbour raises is its result
        said = f"{name}: {type(error).__name__}: {str(error)[:100]}"
        if said not in report.missing:
            report.missing.append(said)
        return None
