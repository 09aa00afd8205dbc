"""What the machine may refuse: locks, space, permissions, descriptors, whole reads and writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llmcache.backends.base import Claim, Entry, Nothing
from llmcache.backends.patience import patience, remaining
from llmcache.backends.sqlite import SQLiteBackend
from llmcache.errors import BackendUnavailableError

Start = Callable[..., subprocess.Popen[str]]
Run = Callable[..., list[str]]
Mount = Callable[[str], Path]


def fill(path: Path, work: ModuleType, count: int) -> None:
    """A closed store with some entries."""
    with SQLiteBackend(path) as backend:
        for number in range(count):
            backend.put(work.key_of(number), work.entry_of(number))


def check(backend: SQLiteBackend, numbers: range | set[int], work: ModuleType, tally: Any) -> None:
    """Look for what was acknowledged."""
    for number in numbers:
        found = backend.get(work.key_of(number))
        tally.lost += found is Nothing.ABSENT
        tally.wrong += isinstance(found, Entry) and found.value != work.value_of(number)


def counted(lines: list[str], tried: int, tally: Any) -> set[int]:
    """What `attempt` says that the store acknowledged; what it refused by its own error is well."""
    acknowledged = {int(line) for line in lines[:-1]}
    tally.tried += tried
    tally.survived += len(acknowledged) + int(lines[-1].removeprefix("failures "))
    return acknowledged


def test_a_writer_that_holds_the_lock_costs_a_write_its_timeout_and_a_read_nothing(
    tmp_path: Path, start: Start, work: ModuleType, tally: Any
) -> None:
    path = tmp_path / "answers.db"
    fill(path, work, 5)
    holder = start("hold", path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with SQLiteBackend(path, timeout=0.2) as backend:
        check(backend, range(5), work, tally)
        tally.tried += 1
        began = time.monotonic()
        with pytest.raises(BackendUnavailableError, match="stayed locked"):
            backend.put(work.key_of(9), work.entry_of(9))
        assert time.monotonic() - began >= 0.2
        tally.survived += 1
        holder.communicate()
        backend.put(work.key_of(9), work.entry_of(9))
        check(backend, {9}, work, tally)


def test_what_one_call_may_wait_is_shared_by_all_its_operations(
    tmp_path: Path, start: Start, work: ModuleType, tally: Any
) -> None:
    path = tmp_path / "answers.db"
    fill(path, work, 1)
    holder = start("hold", path)
    assert holder.stdout is not None
    holder.stdout.readline()
    with SQLiteBackend(path, timeout=3600) as backend, patience(0.2):
        for _ in range(20):
            tally.tried += 1
            with pytest.raises(BackendUnavailableError):
                backend.put(work.key_of(9), work.entry_of(9))
            # The first one waits for all of it; nothing is left to any other.
            tally.survived += remaining(3600) == 0.0


def test_a_full_disk_loses_nothing_and_heals(
    tmpfs: Mount, run: Run, work: ModuleType, tally: Any
) -> None:
    place = tmpfs("size=1m")
    path = place / "answers.db"
    lines = run("attempt", path, 0, 600)
    acknowledged = counted(lines, 600, tally)
    assert 0 < len(acknowledged) < 600, "the disk was never full"
    with SQLiteBackend(path, timeout=0.2) as backend:
        check(backend, acknowledged, work, tally)
    subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)  # noqa: S603, S607 - the system's
    with SQLiteBackend(path) as backend:
        backend.put(work.key_of(1), work.entry_of(1))
        check(backend, acknowledged, work, tally)


def test_a_disk_that_fills_up_while_the_file_is_open(
    tmpfs: Mount, work: ModuleType, tally: Any
) -> None:
    place = tmpfs("size=2m")
    with SQLiteBackend(place / "answers.db") as backend:
        for number in range(20):
            backend.put(work.key_of(number), work.entry_of(number))
        ballast = place / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(4_000_000))
        failed = 0
        for number in range(20, 120):
            tally.tried += 1
            try:
                backend.put(work.key_of(number), work.entry_of(number))
            except BackendUnavailableError as error:
                failed += "the disk is full" in str(error)
            tally.survived += 1
        assert failed > 0
        check(backend, range(20), work, tally)
        ballast.unlink()
        backend.put(work.key_of(200), work.entry_of(200))
        check(backend, {*range(20), 200}, work, tally)


def test_a_file_system_made_read_only_while_the_file_is_open(
    tmpfs: Mount, work: ModuleType, tally: Any
) -> None:
    place = tmpfs("size=8m")
    fill(place / "answers.db", work, 10)
    remount = ["mount", "-o", "remount,ro", str(place)]
    with SQLiteBackend(place / "answers.db") as backend:
        check(backend, range(10), work, tally)
        tally.tried += 1
    subprocess.run(remount, check=True)  # noqa: S603 - the system's
    with SQLiteBackend(place / "answers.db") as backend:
        check(backend, range(10), work, tally)
        with pytest.raises(BackendUnavailableError, match="read-only"):
            backend.put(work.key_of(0), work.entry_of(0))
        check(backend, range(10), work, tally)
        claim = backend.claim(work.key_of(99), work.SCOPE, "me", 10, max_age=None)
        assert claim == Claim(Nothing.ABSENT, 0)
        assert backend.get_many([work.key_of(1)])
        assert backend.count() == 10
    tally.survived += 1


@pytest.mark.usefixtures("as_root")
def test_no_permission(run: Run, work: ModuleType, tally: Any) -> None:
    place = Path("/var/tmp") / f"llmcache-faults-{os.getpid()}"  # noqa: S108 - pytest's own is closed to others
    place.mkdir(mode=0o755)
    try:
        place.chmod(0o755)
        fill(place / "answers.db", work, 1)
        tally.tried += 1
        (line,) = run("as_nobody", place / "answers.db")
        assert line.startswith("BackendUnavailableError")
        tally.survived += 1
    finally:
        shutil.rmtree(place)


def test_no_file_descriptors_left(tmp_path: Path, run: Run, work: ModuleType, tally: Any) -> None:
    path = tmp_path / "answers.db"
    tally.tried += 4
    lines = run("without_descriptors", path, 7)
    assert lines == ["BackendUnavailableError"] * 3 + ["7"]
    tally.survived += len(lines)
    with SQLiteBackend(path) as backend:
        check(backend, {7}, work, tally)


@pytest.mark.parametrize(
    ("call", "when"),
    [("pwrite64", "2+7"), ("fdatasync,fsync", "2+7"), ("ftruncate", "1+2"), ("pread64", "3+50")],
)
def test_the_disk_reports_errors(  # noqa: PLR0913, PLR0917 - fixtures
    tmp_path: Path, run: Run, work: ModuleType, tally: Any, strace: str, call: str, when: str
) -> None:
    """Calls of one kind fail with EIO, now and then: a read that never works is damage."""
    path = tmp_path / "answers.db"
    fill(path, work, 5)
    inject = [strace, "-f", "-qq", "-o", str(tmp_path / "trace"), "-P", str(path)]
    inject += ["-P", f"{path}-wal", "-e", f"inject={call}:error=EIO:when={when}"]
    lines = run("attempt", path, 100, 60, before=inject)
    acknowledged = counted(lines, 60, tally)
    assert "INJECTED" in (tmp_path / "trace").read_text(), "no call failed"
    with SQLiteBackend(path) as backend:
        check(backend, {*range(5), *acknowledged}, work, tally)
