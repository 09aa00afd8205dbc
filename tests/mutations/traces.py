"""One measured run of the tests: which of them run a line, and how long each takes."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import coverage
from copies import copied, ended, pytest_in
from mutants import Mutant

MEASURED = """[run]
parallel = true
source_pkgs = llmcache
patch = subprocess, fork, _exit
sigterm = true
data_file = {home}/.coverage
context = ${{PYTEST_CURRENT_TEST-}}
"""


@dataclass
class Trace:
    """Which tests run a line, and how long they take."""

    seconds: dict[str, float]
    budget: float
    least: float = 600  # seconds of a run of quick tests, as long as none has been measured
    lines: defaultdict[str, defaultdict[int, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    def covering(self, mutant: Mutant) -> list[str]:
        """The tests that can notice a fault, quickest first, as many as the budget allows."""
        lines = self.lines[mutant.path]
        own = range(mutant.line, mutant.last_line + 1)
        reached = lines if mutant.at_import else own if lines.keys() & own else [mutant.statement]
        found = {test for line in reached for test in lines.get(line, ())}
        tests = sorted(found & self.seconds.keys(), key=self.seconds.__getitem__)
        spent = accumulate(map(self.seconds.__getitem__, tests))
        return [
            test for test, sum_so_far in zip(tests, spent, strict=True) if sum_so_far < self.budget
        ]

    def patience(self, tests: list[str]) -> float:
        """After how many seconds tests that ran once before are held to hang."""
        return 3 * self.least + 5 * sum(map(self.seconds.__getitem__, tests))


def run_traced(home: Path, jobs: int, chosen: list[str]) -> None:
    """Run the tests once, measured, in a copy of the checkout below `home`."""
    tree = copied(home / "traced")
    settings = home / "coveragerc"
    settings.write_text(MEASURED.format(home=home), encoding="utf-8")
    report = ["-n", str(jobs), "--durations-to", str(home / "seconds"), *chosen]
    command, env = pytest_in(tree, *report)
    env |= {"COVERAGE_PROCESS_START": str(settings)}
    subprocess.run(command, cwd=tree, env=env, check=False)  # noqa: S603 - the project's tests


def read_trace(home: Path, budget: float) -> Trace:
    """What `run_traced` left."""
    written = (home / "seconds").read_text(encoding="utf-8").splitlines()
    trace = Trace(dict(json.loads(line) for line in written), budget)
    for path in home.glob(".coverage.*"):
        data = coverage.CoverageData(str(path))
        with contextlib.suppress(coverage.CoverageException):  # of a process that was killed
            data.read()
        for name in data.measured_files():
            lines = trace.lines[str(Path(name).relative_to(home / "traced"))]
            for line, contexts in data.contexts_by_lineno(name).items():
                lines[line] |= {re.sub(r" \(\w+\)$", "", context) for context in contexts}
    return trace


def run_tests(tests: list[str], tree: Path, trace: Trace) -> int | None:
    """Run tests in a copy, in their order, to the first failure."""
    listed = tree / "chosen"
    listed.write_text("\n".join(tests), encoding="utf-8")
    modules = sorted({test.partition("::")[0] for test in tests})
    command, env = pytest_in(tree, "-x", "--chosen", str(listed), *modules)
    return ended(command, tree, env, trace.patience(tests))
