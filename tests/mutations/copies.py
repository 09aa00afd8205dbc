"""Copies of the checkout, and its tests run in them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
UNNEEDED = shutil.ignore_patterns(
    *(".git", ".nox", ".venv*", ".*_cache", ".hypothesis", ".coverage*"),
    *("__pycache__", "bench-results", "dist", "_build"),
)


def copied(target: Path) -> Path:
    """The checkout, without what is made in it."""
    shutil.copytree(ROOT, target, ignore=UNNEEDED, symlinks=True)
    return target


def pytest_in(tree: Path, *options: str) -> tuple[list[str], dict[str, str]]:
    """The command and the environment that run the tests of a copy on its own package."""
    paths = os.pathsep.join([str(tree), str(HERE)])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "traced"]
    return [*command, *options], os.environ | {"PYTHONPATH": paths}


def ended(command: list[str], tree: Path, env: dict[str, str], seconds: float) -> int | None:
    """The exit code of a process, or None when it had to be killed, with all it started."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603 - the project's tests
        command, cwd=tree, env=env, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
