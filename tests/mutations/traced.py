"""A pytest plugin for the mutation run: which test covers which line, and which tests to run.

With `--durations-to FILE`, every line that coverage measures is put down to the test that is
running, and the file gets one line of JSON for each test that passed: its id and its seconds. With
`--chosen FILE`, the tests that the file lists run, in its order, and no others.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import coverage
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--durations-to", type=Path, help="file of the tests' ids and seconds")
    parser.addoption("--chosen", type=Path, help="file of the ids of the tests to run")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.switch_context(item.nodeid)
    return (yield)


class Durations:
    """Writes what each test took, once it has passed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken: defaultdict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.taken[report.nodeid] += report.duration
        if not report.passed:
            self.failed.add(report.nodeid)
        if report.when == "teardown" and report.nodeid not in self.failed:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([report.nodeid, self.taken[report.nodeid]]) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("durations_to")
    if path is None:
        return
    # What is left, COVERAGE_PROCESS_START, is read anew by each process that a test starts, and
    # takes the test from the environment.
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Durations(path))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    path = config.getoption("chosen")
    if path is not None:
        place = {name: number for number, name in enumerate(path.read_text("utf-8").splitlines())}
        items[:] = sorted(
            (item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid]
        )
