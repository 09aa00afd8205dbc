"""Seeded faults in the package, one at a time, each under the tests that cover its line.

    nox -s mutations -- [--count 200] [--seed 1] [--trace DIR] [--jobs 2] [--only GLOB]

First all tests run once, measured: which test runs which line, and how long each takes. Then a
sample of all faults of `mutants.py` is drawn. Each is put into a copy of the checkout, and the
tests that cover its line run, quickest first, until one fails; a line that runs at import counts
as covered by all tests of its file. A fault is killed when a test fails, or when the tests take
many times what they took before; the share of these is the score. `equivalent.toml` lists what
was found to change nothing that is promised, with the reason.

What came of it stands on stdout and in bench-results/mutations.md. The exit code is 0 from 85 %.
"""

from __future__ import annotations

import argparse
import queue
import random
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path

from copies import HERE, ROOT, copied
from mutants import Mutant, mutants_of
from traces import Trace, read_trace, run_tests, run_traced

ROOMS = (
    "keys/**/*.py",
    "codecs/*.py",
    "flight/*.py",
    "lookup.py",
    "engine/looking.py",
    "engine/serving.py",
    "engine/verdicts.py",
)
GOAL = 0.85
QUICK = 40  # tests that run before the modules of all others are read, too
PASSED, NOTHING_RAN = 0, 5  # exit codes of pytest


class Fate(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    TIMED_OUT = "killed: never ended"
    SURVIVED = "survived"
    UNCOVERED = "survived: no test runs the line"
    EQUIVALENT = "equivalent, by review"


def fate_of(mutant: Mutant, tree: Path, trace: Trace) -> Fate:
    """Put a fault into a copy of the checkout, run its tests, and take it out."""
    tests = trace.covering(mutant)
    file = tree / mutant.path
    sound = file.read_bytes()
    try:
        write(file, mutant.applied_to(sound))
        for part in filter(None, (tests[:QUICK], tests[QUICK:])):
            code = run_tests(part, tree, trace)
            if code not in (PASSED, NOTHING_RAN):
                return Fate.TIMED_OUT if code is None else Fate.KILLED
    finally:
        write(file, sound)
    return Fate.SURVIVED if tests else Fate.UNCOVERED


def measure_least(tree: Path, trace: Trace) -> None:
    """See that quick tests pass without a fault, and how long a run of them takes."""
    began = time.monotonic()
    tests = sorted(trace.seconds, key=trace.seconds.__getitem__)[:QUICK]
    if run_tests(tests, tree, trace) != PASSED:
        sys.exit("The tests of the copy fail without a fault.")
    trace.least = max(60.0, time.monotonic() - began)


def write(file: Path, source: bytes) -> None:
    """Write a module, and forget how it was compiled: a fault may be as long, and of one second."""
    for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
        compiled.unlink()
    file.write_bytes(source)


def changed_lines(mutant: Mutant) -> tuple[str, str]:
    """The lines of a fault as they are and as they become, without their indent."""
    sound = (ROOT / mutant.path).read_bytes()
    before, after = (each.decode().splitlines() for each in (sound, mutant.applied_to(sound)))
    longer = len(after) - len(before)
    was = before[mutant.line - 1 : mutant.last_line]
    becomes = after[mutant.line - 1 : mutant.last_line + longer]
    return "\n".join(map(str.strip, was)), "\n".join(map(str.strip, becomes))


def reviewed() -> dict[tuple[str, str, str], str]:
    """The faults that change nothing that is promised, and why."""
    listed = tomllib.loads((HERE / "equivalent.toml").read_text(encoding="utf-8"))
    return {(each["path"], each["was"], each["becomes"]): each["why"] for each in listed["fault"]}


def outcomes(
    mutants: list[Mutant], trace: Trace, home: Path, jobs: int
) -> Iterator[tuple[Mutant, Fate]]:
    """What became of each fault, one copy of the checkout for each job."""
    spared = reviewed()
    trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for number in range(jobs):
        trees.put(copied(home / f"tree-{number}"))

    def decided(mutant: Mutant) -> tuple[Mutant, Fate]:
        if (mutant.path, *changed_lines(mutant)) in spared:
            return mutant, Fate.EQUIVALENT
        tree = trees.get()
        try:
            return mutant, fate_of(mutant, tree, trace)
        finally:
            trees.put(tree)

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(decided, mutants)


def described(mutant: Mutant, fate: Fate) -> str:
    """One fault, in the list of those that were not killed."""
    was, becomes = changed_lines(mutant)
    diff = [*(f"- {line}" for line in was.splitlines())]
    diff += [f"+ {line}" for line in becomes.splitlines()]
    head = f"{mutant.path}:{mutant.line} ({mutant.operator}): {fate}"
    why = reviewed().get((mutant.path, was, becomes))
    return "\n".join([head, *([f"  {why}"] if why else []), *(f"    {line}" for line in diff)])


def drawn(count: int, seed: int, only: str) -> list[Mutant]:
    """The sample: the same for the same seed and the same files."""
    files = sorted(path for room in ROOMS for path in (ROOT / "llmcache").glob(room))
    names = [str(path.relative_to(ROOT)) for path in files if path.match(only)]
    every = [each for name in names for each in mutants_of(name, (ROOT / name).read_bytes())]
    return random.Random(seed).sample(every, min(count, len(every)))  # noqa: S311 - a sample


def main() -> int:
    """Trace, draw, try, and say what came of it."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--count", type=int, default=200, help="size of the sample")
    asked.add_argument("--seed", type=int, default=1, help="another seed, another sample")
    asked.add_argument("--jobs", type=int, default=2, help="faults tried at a time")
    asked.add_argument("--only", default="*.py", help="pattern of the files' names")
    asked.add_argument("--budget", type=float, default=120.0, help="seconds of tests per fault")
    asked.add_argument("--trace", type=Path, help="keeps the measured run for the next time")
    asked.add_argument("tests", nargs="*", help="tests to measure and to run; by default all")
    chosen = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="llmcache-mutations-") as made:
        home = (chosen.trace or Path(made)).absolute()
        if not (home / "seconds").exists():
            run_traced(home, chosen.jobs, chosen.tests)
        trace = read_trace(home, chosen.budget)
        measure_least(copied(Path(made, "sound")), trace)
        sample = drawn(chosen.count, chosen.seed, chosen.only)
        fates = defaultdict(list)
        for mutant, fate in outcomes(sample, trace, Path(made), chosen.jobs):
            print(f"{mutant.path}:{mutant.line} ({mutant.operator}): {fate}", flush=True)  # noqa: T201 - progress
            fates[fate].append(described(mutant, fate))
    killed = len(fates[Fate.KILLED]) + len(fates[Fate.TIMED_OUT])
    tried = len(sample) - len(fates[Fate.EQUIVALENT])
    head = f"{killed} of {tried} killed ({killed / max(tried, 1):.1%}); seed {chosen.seed}"
    lines = [head, *(f"{len(found)} {fate}" for fate, found in fates.items())]
    report = "\n\n".join(
        ["\n".join(lines), *fates[Fate.SURVIVED], *fates[Fate.UNCOVERED], *fates[Fate.EQUIVALENT]]
    )
    print(report)  # noqa: T201 - the report
    results = ROOT / "bench-results"
    results.mkdir(exist_ok=True)
    (results / "mutations.md").write_text(report + "\n", encoding="utf-8")
    return 0 if killed >= GOAL * tried else 1


if __name__ == "__main__":
    sys.exit(main())
