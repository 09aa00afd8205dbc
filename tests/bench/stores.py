"""What is written: puts, what a miss costs, what an entry takes, growth, stampedes."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from answers import PROMPTS, Invoice, Small, made
from floors import bare_database, sqlite_upsert
from measuring import Batch, Clock, Figures, interleaved, repeated
from ours import asked
from report import Report, Row, shown_time

from llmcache import LRUBackend, SQLiteBackend, cached_structured
from llmcache.backends.base import Entry, Nothing, Scope

__all__ = ["measure_growth", "measure_misses", "measure_puts", "measure_sizes", "measure_worth"]

VALUE = b"v" * 1000
SCOPE = Scope("", "shop.extract")
numbers = count()


def key_of(number: int) -> str:
    """One of many keys, spread as digests are."""
    return sha256(b"%d" % number).hexdigest()


def entry() -> Entry:
    """An entry of a kilobyte that lives for an hour."""
    now = time.time()
    return Entry(VALUE, SCOPE, now, now + 3600)


def puts_of(put: Callable[[str, Entry], object]) -> Callable[[], object]:
    """Puts under ever new keys."""
    return lambda: put(key_of(next(numbers)), entry())


MANY = 1000
"""Puts in one sample: either database writes its log back within as many, which counts."""


def many(call: Callable[[], object], clock: Clock = time.thread_time) -> Batch:
    """So many calls as one."""
    batch = repeated(call, clock)
    return lambda number: batch(number * MANY)


def measure_puts(report: Report, directory: Path, rounds: int) -> None:
    """Puts of a kilobyte, one thread."""
    with (
        bare_database(directory / "bare.db") as raw,
        SQLiteBackend(directory / "puts.db") as sqlite,
        LRUBackend(max_entries=None) as memory,
    ):
        contenders = {
            "bare upsert": many(sqlite_upsert(raw, VALUE)),
            "SQLite": many(puts_of(sqlite.put)),
            "SQLite, elapsed": many(puts_of(sqlite.put), time.perf_counter),
            "memory": many(puts_of(memory.put)),
        }
        try:
            import diskcache
        except ImportError:
            report.missing.append("puts of diskcache: not installed")
            found = interleaved(contenders, rounds)
        else:
            with diskcache.Cache(str(directory / "diskcache")) as cache:
                put = partial(cache.set, expire=3600)
                call = puts_of(lambda key, _: put(key, VALUE))
                found = interleaved({**contenders, "diskcache": many(call)}, rounds)
    found = {name: figures.apart(MANY) for name, figures in found.items()}
    report.line("Puts of 1 kB, one thread", "median", found)
    bare, ours = found["bare upsert"], found["SQLite"]
    rate = bare.median / ours.median
    detail = f"{1 / ours.median:,.0f} against {1 / bare.median:,.0f} a second"
    what = "puts on SQLite, one thread, rate over bare upserts"
    report.rows.append(Row(what, rate, 0.7, detail, least=True))


def measure_misses(report: Report, directory: Path, rounds: int) -> None:
    """What a call costs beyond the function itself when nothing is stored."""
    with SQLiteBackend(directory / "misses.db") as sqlite, LRUBackend() as memory:
        found = interleaved(
            {
                "the function itself": repeated(partial(made, Small)),
                "miss, SQLite": repeated(ever_new(asked(sqlite, Small))),
                "miss, SQLite, elapsed": repeated(
                    ever_new(asked(sqlite, Small)), time.perf_counter
                ),
                "miss, memory": repeated(ever_new(asked(memory, Small))),
            },
            rounds,
        )
    report.line("Misses", "median", found)
    more = found["miss, SQLite"].median - found["the function itself"].median
    elapsed = found["miss, SQLite, elapsed"]
    what = "what a miss adds to the call: key, flight, proof, store on SQLite"
    report.seconds(
        what,
        more,
        0.001,
        f"elapsed {shown_time(elapsed.median)}, minimum {shown_time(elapsed.minimum)}",
    )


def ever_new(function: Callable[[str], Any]) -> Callable[[], Any]:
    """Calls that are all different."""
    return lambda: function(f"{next(numbers)} {PROMPTS[200]}")


def measure_sizes(report: Report, directory: Path, rounds: int) -> None:
    """Bytes that an entry takes, in the file and in memory."""
    number = 100 * rounds
    answer = len(made(Invoice).model_dump_json())
    with SQLiteBackend(directory / "sizes.db") as sqlite:
        function = asked(sqlite, Invoice)
        for n in range(number):
            function(str(n))
        sqlite.prune()
        on_disk = sqlite.size() / number
    tracemalloc.start()
    with LRUBackend(max_entries=None) as memory:
        function = asked(memory, Invoice)
        function("warm")
        before = tracemalloc.get_traced_memory()[0]
        for n in range(number):
            function(str(n))
        in_memory = (tracemalloc.get_traced_memory()[0] - before) / number
    tracemalloc.stop()
    figures = {"JSON": float(answer), "SQLite": on_disk, "memory": in_memory}
    report.line("Bytes per entry, 20 line items", "bytes", figures)
    detail = f"{on_disk:,.0f} against {answer:,} bytes"
    what = "bytes per entry in SQLite, 20 line items, over the JSON"
    report.rows.append(Row(what, on_disk / answer, 1.6, detail))


def measure_growth(report: Report, directory: Path, rounds: int) -> None:
    """A get and a put with many entries in the file."""
    sizes = (10_000, 50_000) if report.quick else (10_000, 100_000, 1_000_000)
    with SQLiteBackend(directory / "growth.db", max_bytes="8GiB") as sqlite:
        put, held = (lambda: sqlite.put(key_of(next(numbers) % held), entry())), 0
        for size in sizes:
            while held < size:
                more = range(held, min(held + 5000, size))
                sqlite.put_many({key_of(n): entry() for n in more})
                held += len(more)
            found = interleaved(
                {"get": repeated(gets_of(sqlite, size)), "put over": repeated(put)}, rounds
            )
            report.line("SQLite by the number of entries", f"{size:,}", found)


def gets_of(sqlite: SQLiteBackend, size: int) -> Callable[[], object]:
    """Gets all over the file."""

    def get() -> object:
        found = sqlite.get(key_of(next(numbers) * 7919 % size))
        assert found is not Nothing.ABSENT
        return found

    return get


def measure_worth(report: Report, directory: Path, rounds: int) -> None:
    """What a call of 0, 50 and 500 ms becomes, and how many calls a stampede makes."""
    for number, seconds in enumerate((0.0, 0.05, 0.5)):
        calls: list[float] = []
        with SQLiteBackend(directory / f"worth{number}.db") as sqlite:
            extract = slow(sqlite, seconds, calls)
            extract(PROMPTS[200])
            misses = [timed(ever_new(extract)) for _ in range(5)]
            calls.clear()
            hits = [timed(partial(extract, PROMPTS[200])) for _ in range(20 * rounds)]
            stampede(partial(extract, "all at once"))
        figures = {"miss": Figures.of(misses), "hit": Figures.of(hits)}
        line = {**figures, "calls of 50 threads at once": len(calls)}
        report.line("A call of so many milliseconds", f"{seconds * 1e3:.0f}", line)


def slow(backend: SQLiteBackend, seconds: float, calls: list[float]) -> Callable[[str], Small]:
    """A cached function that takes so long, and notes each call."""

    @cached_structured(backend=backend, ignore=["noted"])
    def extract(text: str, noted: list[float] = calls) -> Small:
        noted.append(seconds)
        time.sleep(seconds)
        return Small(vendor="ACME", total=42.0, paid=True)

    return extract


def timed(call: Callable[[], object]) -> float:
    """The seconds of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def stampede(call: Callable[[], object], threads: int = 50) -> None:
    """One call from many threads at the same moment."""
    start = threading.Barrier(threads)

    def one() -> None:
        start.wait()
        call()

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(one) for _ in range(threads)]:
            future.result()
