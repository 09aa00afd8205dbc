"""A pytest plugin: users' tests never see, fill or empty the cache of the machine they run on.

pytest loads it by the entry point `llmcache`; `-p no:llmcache` keeps it away. At the beginning of
a run it puts `LLMCACHE_DIR` into a new temporary directory and takes every other `LLMCACHE_*` but
`LLMCACHE_DISABLE` out of the environment, before any conftest is imported; all come back at the
end. The option
`llmcache_isolation` in the configuration of pytest says how far that goes:

- `session`, the default: one directory for the whole run,
- `test`: every test uses `llmcache_isolated`, without asking for it,
- `off`: nothing is done; the fixtures are there.

Nothing but pytest is imported until a fixture is used.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llmcache.testing.clock import ManualClock
    from llmcache.testing.provider import LoopbackProvider

__all__ = ["llmcache_clock", "llmcache_isolated", "llmcache_provider"]

OPTION = "llmcache_isolation"
CHOICES = ("session", "test", "off")
PREFIX = "LLMCACHE_"
KEPT = "LLMCACHE_DISABLE"
"""The one variable that says how to test rather than how a machine is set up."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know the option."""
    parser.addini(
        OPTION,
        "Where cached answers live while tests run: one temporary directory for the run "
        "(session), one for each test (test), or wherever the settings say (off).",
        default="session",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Move the cache before the first conftest is imported.

    Raises:
        pytest.UsageError: For another word than the option takes.
    """
    chosen = str(early_config.getini(OPTION))
    if chosen not in CHOICES:
        raise pytest.UsageError(f"{OPTION} is {chosen!r}; allowed are {', '.join(CHOICES)}.")
    if chosen != "off":
        move_cache(early_config)
    if chosen == "test":
        early_config.pluginmanager.register(EveryTest(), "llmcache-every-test")
    return (yield)


def move_cache(config: pytest.Config) -> None:
    """Let entries live in a new directory until pytest is done with `config`."""
    before = {name: os.environ.pop(name) for name in variables()}
    directory = tempfile.mkdtemp(prefix="llmcache-tests-")
    os.environ["LLMCACHE_DIR"] = directory

    def put_back() -> None:
        forget_everything()
        shutil.rmtree(directory, ignore_errors=True)
        os.environ.pop("LLMCACHE_DIR", None)
        os.environ.update(before)

    config.add_cleanup(put_back)


def variables() -> list[str]:
    """Those of llmcache that are set, but `KEPT`."""
    return [name for name in os.environ if name.startswith(PREFIX) and name != KEPT]


def forget_everything() -> None:
    """Forget what was configured and close what it opened, where anything of that was loaded."""
    if "llmcache.settings" in sys.modules:
        sys.modules["llmcache.settings"].reset_configuration()
    if "llmcache.backends.url" in sys.modules:
        sys.modules["llmcache.backends.url"].close_shared()


class EveryTest:
    """Registered as a plugin where the option says `test`."""

    @pytest.fixture(autouse=True)
    def llmcache_in_every_test(self, llmcache_isolated: Path) -> None:
        """Use `llmcache_isolated` in every test."""


@pytest.fixture
def llmcache_isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty cache of this test's own.

    What `configure` set before is forgotten, and again what the test sets; backends named by a
    URL are closed and opened anew, so `memory://` is empty too. Of the variables only
    `LLMCACHE_DISABLE` counts. Backend objects that code made, files and servers that it names,
    and the counts of `cache_info` are not touched.

    Returns:
        The directory that `LLMCACHE_DIR` names, inside `tmp_path`.
    """
    for name in variables():
        monkeypatch.delenv(name)
    directory = tmp_path / "llmcache"
    monkeypatch.setenv("LLMCACHE_DIR", str(directory))
    forget_everything()
    yield directory
    forget_everything()


@pytest.fixture
def llmcache_clock(llmcache_isolated: Path) -> ManualClock:  # noqa: ARG001 - the clock is configured in its room
    """A clock that stands still, for times to live: `llmcache_clock.advance("7d")`.

    It counts for functions whose backend is named by a URL or not at all; a backend object has
    the clock that it was made with.

    Returns:
        The `ManualClock` that `configure(clock=...)` was given; the cache is the test's own.
    """
    from llmcache.settings import configure  # noqa: PLC0415 - only who uses it pays for it
    from llmcache.testing.clock import ManualClock  # noqa: PLC0415 - as above

    clock = ManualClock()
    configure(clock=clock)
    return clock


@pytest.fixture
def llmcache_provider() -> Iterator[LoopbackProvider]:
    """A provider on 127.0.0.1, started, and closed after the test.

    Returns:
        The `LoopbackProvider`; `llmcache_provider.instructor("openai")` is a client for it.
    """
    from llmcache.testing.provider import LoopbackProvider  # noqa: PLC0415 - as above

    with LoopbackProvider() as provider:
        yield provider
