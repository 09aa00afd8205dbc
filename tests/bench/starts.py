"""Whole processes: imports, a cold start to the first hit, and four processes on one file."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from floors import SCRIPT, bare_database
from measuring import Figures, interleaved, once
from report import Report, Row

__all__ = ["measure_rivals", "measure_starts", "measure_threads"]

PROCESSES = 4
RIVALS = Path(__file__).with_name("rivals.py")
BASE = "import pydantic, wrapt; pydantic.BaseModel"
OURS = """
import sys
from pydantic import BaseModel
from llmcache import cached_structured
class Small(BaseModel):
    vendor: str
    total: float
    paid: bool
    note: str | None = None
@cached_structured(backend="sqlite:///" + sys.argv[1])
def extract(text: str) -> Small:
    print("called")
    return Small(vendor="A", total=1, paid=True)
print(extract("x" * 200))
"""


def process(directory: Path, *arguments: str) -> float:
    """The seconds of processor time of a Python from start to end.

    Not the time that passed: on a busy machine that is mostly other people's. What is compiled
    once is kept, as in any installation.
    """
    settings = {**os.environ, "PYTHONPYCACHEPREFIX": str(directory / "compiled")}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, *arguments]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=settings)  # noqa: S603 - our own scripts
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    return used.ru_utime + used.ru_stime


def measure_starts(report: Report, directory: Path, rounds: int) -> None:
    """Imports and cold processes."""
    script = directory / "app.py"
    script.write_text(OURS)
    with bare_database(directory / "bare.db"):
        pass
    bare, ours = str(directory / "bare.db"), str(directory / "ours.db")
    contenders = {
        "an empty Python": ("-c", "pass"),
        "import pydantic and wrapt": ("-c", BASE),
        "import llmcache": ("-c", "import llmcache"),
        "import the decorator": ("-c", "from llmcache import cached_structured"),
        "cold process, bare": ("-c", SCRIPT, bare),
        "cold process to a first SQLite hit": (str(script), ours),
    }
    found = interleaved(
        {
            name: once(partial(process, directory, *arguments))
            for name, arguments in contenders.items()
        },
        rounds // 2,
    )
    for name, figures in found.items():
        report.line(
            "Starts of a process, time of the processor",
            name,
            {"median": figures, "minimum": shown(figures)},
        )
    base = found["import pydantic and wrapt"]
    report.ratio("import llmcache over pydantic plus wrapt", found["import llmcache"], base, 1.25)
    what = "from llmcache import cached_structured over pydantic plus wrapt"
    report.ratio(what, found["import the decorator"], base, 1.25)
    cold, floor = found["cold process to a first SQLite hit"], found["cold process, bare"]
    report.ratio("cold process to first SQLite hit over the bare script", cold, floor, 1.5)


def shown(figures: Figures) -> dict[str, float]:
    """The minimum in the place of the median."""
    return {"median": figures.minimum}


def measure_threads(report: Report, directory: Path, rounds: int) -> None:
    """One process, four threads, 90 % reads."""
    mixed(report, directory, rounds, ("1", "4"), "threads of one process")


def measure_rivals(report: Report, directory: Path, rounds: int) -> None:
    """Four processes, 90 % reads, beside diskcache."""
    best = mixed(report, directory, rounds, (str(PROCESSES), "1"), "processes on one file")
    if "diskcache" in best:
        ours, theirs = best["ours"], best["diskcache"]
        what = "4 processes, 90 % reads: throughput over diskcache"
        detail = f"{ours['rate']:,.0f} against {theirs['rate']:,.0f} a second"
        report.rows.append(Row(what, ours["rate"] / theirs["rate"], 1, detail, least=True))
        what = "4 processes, 90 % reads: p99 of a get over diskcache"
        detail = f"{ours['get_p99']:.0f} against {theirs['get_p99']:.0f} µs"
        report.rows.append(Row(what, ours["get_p99"] / theirs["get_p99"], 1, detail))


def mixed(
    report: Report, directory: Path, rounds: int, how: tuple[str, str], what: str
) -> dict[str, dict[str, float]]:
    """The medians of some rounds, ours and theirs in turn."""
    seconds = 1.5 if report.quick else 3.0
    kinds = ["ours", *(["diskcache"] if installed("diskcache") else [])]
    rates: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for number in range(max(rounds // 5, 3)):
        for kind in kinds:
            path = directory / f"{kind}{number}"
            rates[kind].append(one_round(kind, path, how, seconds))
    best = {
        kind: {name: statistics.median(one[name] for one in found) for name in found[0]}
        for kind, found in rates.items()
    }
    units = {"rate": "a second", "get_p50": "get p50, µs", "get_p99": "get p99, µs"}
    for kind, figures in best.items():
        line = {title: figures[name] for name, title in units.items()}
        report.line(f"90 % reads, 10 % writes, four {what}", kind, line)
    return best


def installed(name: str) -> bool:
    """Whether a package can be imported."""
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def one_round(kind: str, path: Path, how: tuple[str, str], seconds: float) -> dict[str, float]:
    """Rates summed over the processes; of the percentiles the median."""
    processes, threads = how
    running = [
        subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, str(RIVALS), kind, str(path), str(seed), str(seconds), threads],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(int(processes))
    ]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in running:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    found = [json.loads(each.communicate()[0]) for each in running]
    medians = {name: statistics.median(one[name] for one in found) for name in found[0]}
    return {**medians, "rate": sum(one["rate"] for one in found)}
