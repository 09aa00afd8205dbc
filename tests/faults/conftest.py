"""Faults are driven for real, and each case says in one line what came of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llmcache.testing.redis import RedisServer, server_or_skip

WORKER = Path(__file__).with_name("sqlite_worker.py")
PATIENCE = 120
"""Seconds after which a process of a test counts as hung; no test depends on it being short."""


SKIPPED = pytest.StashKey[bool]()
"""Whether a test was skipped, which a fixture cannot see otherwise when it ends."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    item.stash[SKIPPED] = item.stash.get(SKIPPED, False) or report.skipped
    return report


@dataclass
class Tally:
    """What came of one case.

    Attributes:
        tried: Operations or processes.
        survived: Those after which all was well.
        lost: What had been acknowledged and is not there.
        wrong: What is there and is not what was stored.
    """

    case: str
    tried: int = 0
    survived: int = 0
    lost: int = 0
    wrong: int = 0

    def __str__(self) -> str:
        figures = f"tried {self.tried}, survived {self.survived}, lost {self.lost}"
        return f"{self.case}: {figures}, wrong {self.wrong}"

    def well(self) -> bool:
        """Whether something was tried, and nothing went wrong."""
        return self.tried == self.survived > 0 == self.lost == self.wrong


@pytest.fixture
def tally(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[Tally]:
    """Counts for this test; printed at its end, and all must be well, unless it was skipped."""
    tally = Tally(request.node.name)
    yield tally
    if request.node.stash.get(SKIPPED, False):
        return
    with capsys.disabled():
        print(f"\n  {tally}", end="")  # noqa: T201 - the report that was asked for
    assert tally.well(), str(tally)


@pytest.fixture(scope="session")
def work() -> ModuleType:
    """The module that the processes run, for its keys and values."""
    spec = spec_from_file_location("sqlite_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `sqlite_worker.py`; what still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object, before: Iterable[str] = ()) -> subprocess.Popen[str]:
        command = [*before, sys.executable, str(WORKER), *map(str, arguments)]
        process = subprocess.Popen(  # noqa: S603 - our own script
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., list[str]]:
    """Runs `sqlite_worker.py` to its end; the lines that it wrote."""

    def run(*arguments: object, **options: Any) -> list[str]:
        process = start(*arguments, **options)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        return out.splitlines()

    return run


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own, which it may freeze, fill or kill."""
    with server_or_skip() as server:
        yield server


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small file system in memory with the options given; needs to be root."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"mounted-{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"{options},mode=0700", "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the system's
        if done.returncode != 0:
            missing(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S603, S607 - as above


@pytest.fixture
def strace() -> str:
    """The program that makes system calls fail."""
    found = shutil.which("strace")
    if found is None:
        missing("strace is not installed, which makes system calls fail")
    return str(found)


@pytest.fixture
def as_root() -> None:
    """For what only root can do."""
    if os.name != "posix" or os.geteuid() != 0:
        missing("only root can become another user")


def missing(what: str) -> None:
    """Skip for want of something; fail where the environment promised that it is there."""
    if os.environ.get("EXPECT_FAULTS"):
        pytest.fail(what)
    pytest.skip(what)
