"""Processes that are killed, and many at once on one file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llmcache.backends.base import Entry, Held, Nothing
from llmcache.backends.sqlite import SQLiteBackend

Start = Callable[..., subprocess.Popen[str]]
Run = Callable[..., list[str]]


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    with closing(sqlite3.connect(path)) as raw:
        return bool(raw.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def compare(backend: SQLiteBackend, numbers: set[int], work: ModuleType, tally: Any) -> None:
    """Look for what was acknowledged."""
    for number in numbers:
        found = backend.get(work.key_of(number))
        if found is Nothing.ABSENT:
            tally.lost += 1
            print(f"lost: {number}")  # noqa: T201 - shown when the test fails
        elif not isinstance(found, Entry) or found.value != work.value_of(number):
            tally.wrong += 1


def kill_writers(path: Path, start: Start, first: int) -> set[int]:
    """Kill four writers in the middle of their work; what they had acknowledged."""
    writers = [start("fill", path, first + 100_000 * index, 100_000) for index in range(4)]
    acknowledged: set[int] = set()
    for writer in writers:
        assert writer.stdout is not None
        acknowledged.add(int(writer.stdout.readline()))
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        assert writer.stdout is not None
        # Not communicate(): it leaves out what readline() has read ahead, and begins mid-line.
        acknowledged |= {int(line) for line in writer.stdout.read().split("\n")[:-1]}
        writer.wait()
    return acknowledged


def kill_again_and_again(
    path: Path, start: Start, work: ModuleType, tally: Any, times: int
) -> None:
    acknowledged: set[int] = set()
    for turn in range(times):
        tally.tried += 1
        acknowledged |= kill_writers(path, start, 1_000_000 * turn)
        tally.survived += is_whole(path)
    with SQLiteBackend(path) as backend:
        compare(backend, acknowledged, work, tally)
    assert list(path.parent.glob("*.corrupt*")) == []


def test_four_killed_writers_lose_nothing_acknowledged_and_never_the_file(
    tmp_path: Path, start: Start, work: ModuleType, tally: Any
) -> None:
    kill_again_and_again(tmp_path / "answers.db", start, work, tally, times=3)


@pytest.mark.endurance
def test_four_writers_killed_two_hundred_times(
    tmp_path: Path, start: Start, work: ModuleType, tally: Any
) -> None:
    kill_again_and_again(tmp_path / "answers.db", start, work, tally, times=200)


def test_sixteen_processes_open_and_fill_one_new_file(
    tmp_path: Path, start: Start, work: ModuleType, tally: Any
) -> None:
    path = tmp_path / "cache" / "answers.db"
    writers = [start("fill", path, 1000 * index, 25) for index in range(16)]
    for writer in writers:
        tally.tried += 1
        out, err = writer.communicate()
        assert err == ""
        tally.survived += len(out.split()) == 25
    with SQLiteBackend(path) as backend:
        everything = {1000 * index + number for index in range(16) for number in range(25)}
        compare(backend, everything, work, tally)
        assert backend.count() == 400
    assert is_whole(path)


def test_sixteen_processes_find_one_damaged_file(
    tmp_path: Path, start: Start, work: ModuleType, tally: Any
) -> None:
    """One of them sets it aside; none sets aside what another has begun."""
    path = tmp_path / "answers.db"
    path.write_bytes(b"noise" * 10_000)
    path.chmod(0o600)
    writers = [start("fill", path, 1000 * index, 5) for index in range(16)]
    for writer in writers:
        tally.tried += 1
        out, _ = writer.communicate()
        tally.survived += len(out.split()) == 5
    with SQLiteBackend(path) as backend:
        everything = {1000 * index + number for index in range(16) for number in range(5)}
        compare(backend, everything, work, tally)
    assert len(list(tmp_path.glob("answers.db.corrupt-*"))) == 1


def test_the_lease_of_a_killed_leader_is_free_at_once(
    tmp_path: Path, start: Start, work: ModuleType, tally: Any
) -> None:
    path = tmp_path / "answers.db"
    key = work.key_of(1)
    leader = start("lease", path, key, 3600)
    assert leader.stdout is not None
    assert leader.stdout.readline() == "leased\n"
    with SQLiteBackend(path) as backend:
        tally.tried += 1
        assert isinstance(backend.claim(key, work.SCOPE, "me", 10, max_age=None).held, Held)
        leader.kill()
        leader.wait()
        tally.survived += backend.claim(key, work.SCOPE, "me", 10, max_age=None).held is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_children_forked_while_threads_write_neither_hang_nor_use_inherited_handles(
    tmp_path: Path, run: Run, work: ModuleType, tally: Any
) -> None:
    path = tmp_path / "answers.db"
    tally.tried = 20
    lines = run("fork_while_busy", path, tally.tried)
    tally.survived = len(lines)
    with SQLiteBackend(path) as backend:
        compare(backend, {int(line) for line in lines}, work, tally)
    assert is_whole(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_workers_forked_from_a_parent_that_has_the_file_open(
    tmp_path: Path, run: Run, work: ModuleType, tally: Any
) -> None:
    path = tmp_path / "answers.db"
    acknowledged = {int(line) for line in run("prefork", path, 4)}
    tally.tried, tally.survived = 29 + 4 * 2 * 15, len(acknowledged)
    with SQLiteBackend(path) as backend:
        compare(backend, acknowledged, work, tally)
    assert is_whole(path)


def test_the_interpreter_ends_while_threads_write(
    tmp_path: Path, run: Run, work: ModuleType, tally: Any
) -> None:
    path = tmp_path / "answers.db"
    for _ in range(3):
        tally.tried += 1
        acknowledged = {int(line) for line in run("exit_with_threads", path)}
        tally.survived += is_whole(path)
        with SQLiteBackend(path) as backend:
            compare(backend, acknowledged, work, tally)
