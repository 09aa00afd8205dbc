"""What every test stands on: no test sees the user's cache, settings, keys or proxies."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import llmcache

FOREIGN = ("LLMCACHE_", "OPENAI_", "ANTHROPIC_")
HANG = 60
"""Seconds after which a child that should have ended is ended."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    max_examples=2_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


def is_foreign(variable: str) -> bool:
    """Whether an environment variable could change what a test sees."""
    return variable.startswith(FOREIGN) or variable.upper() in PROXIES


def forget_settings() -> None:
    """Forget what was configured, and close the backends that settings opened."""
    reset = getattr(llmcache, "reset_configuration", None)
    if reset is not None:
        reset()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse ids that differ from run to run: the workers of one run compare their lists."""
    changing = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if changing:
        raise pytest.UsageError(f"Give these tests ids without addresses: {changing}")


@pytest.fixture(autouse=True)
def isolated(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A cache directory and an environment of the test's own; the directory is the value."""
    for variable in [name for name in os.environ if is_foreign(name)]:
        monkeypatch.delenv(variable)
    directory = tmp_path_factory.mktemp("llmcache")
    monkeypatch.setenv("LLMCACHE_DIR", str(directory))
    forget_settings()
    yield directory
    forget_settings()


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No coverage in the interpreters that this test starts: it imports modules of its own."""
    for variable in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def forked() -> Callable[[Callable[[], object]], Callable[[], bool]]:
    """Forks a child that does some work; what it returns waits for that: whether it was true.

    A child that hangs is ended by its alarm, so that the test fails in place of hanging with it.
    """
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")

    def fork(work: Callable[[], object]) -> Callable[[], bool]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # there are threads, for the test
            child = os.fork()
        if child == 0:
            do_and_exit(work)
        return lambda: os.waitpid(child, 0)[1] == 0

    return fork


def do_and_exit(work: Callable[[], object]) -> None:
    """Do the work of a forked child, and nothing of what its parent was about to do."""
    signal.alarm(HANG)
    done: object = False
    try:
        done = work()
    except BaseException:  # noqa: BLE001 - whatever it is, the test shows it
        traceback.print_exc()
    finally:
        os._exit(0 if done else 1)


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways of calling: a behaviour test that takes it runs once as each."""
    return str(request.param)
