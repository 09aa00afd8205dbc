"""What every test stands on: no test sees the user's cache, settings, keys or proxies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import llmcache

FOREIGN = ("LLMCACHE_", "OPENAI_", "ANTHROPIC_")
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


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways of calling: a behaviour test that takes it runs once as each."""
    return str(request.param)
