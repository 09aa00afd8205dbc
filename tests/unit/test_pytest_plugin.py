"""The pytest plugin: a run of tests has a cache of its own, unless it is told otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import os
from pathlib import Path

from llmcache import cached_structured

count = 0

@cached_structured(ttl="1h")
def ask(text: str) -> int:
    global count
    count += 1
    return count

@cached_structured(backend="memory://")
def ask_memory(text: str) -> int:
    global count
    count += 1
    return count
"""


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that the user's shell names, outside of any run of tests."""
    directory = tmp_path / "real"
    directory.mkdir()
    monkeypatch.setenv("LLMCACHE_DIR", str(directory))
    monkeypatch.setenv("LLMCACHE_BACKEND", "default://")
    monkeypatch.setenv("LLMCACHE_TTL", "7d")
    monkeypatch.setenv("LLMCACHE_NAMESPACE", "mine")
    return directory


def run(pytester: pytest.Pytester, *options: str, **files: str) -> pytest.RunResult:
    """Run files as a user would, in another process, with this plugin alone."""
    pytester.makepyfile(**{name: SUITE + text for name, text in files.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_subprocess("-p", "llmcache", *options)


def test_a_run_of_tests_leaves_the_real_cache_alone(pytester: pytest.Pytester, real: Path) -> None:
    ran = run(
        pytester,
        test_it="""
def test_calls():
    assert ask("a") == 1
    assert list(Path(os.environ["LLMCACHE_DIR"]).glob("*.db"))
    Path("used").write_text(os.environ["LLMCACHE_DIR"])
    assert [name for name in os.environ if name.startswith("LLMCACHE_")] == ["LLMCACHE_DIR"]
""",
    )
    ran.assert_outcomes(passed=1)
    used = Path((pytester.path / "used").read_text())
    assert (list(real.iterdir()), used != real, used.exists()) == ([], True, False)


def test_it_is_moved_before_any_conftest_is_imported(pytester: pytest.Pytester, real: Path) -> None:
    ran = run(
        pytester,
        conftest='ask("at import")',
        test_it="def test_nothing(): pass",
    )
    ran.assert_outcomes(passed=1)
    assert list(real.iterdir()) == []


def test_the_tests_of_one_run_share_a_directory(pytester: pytest.Pytester) -> None:
    ran = run(
        pytester,
        test_it="""
def test_first():
    assert ask("a") == 1

def test_second():
    assert ask("a") == 1
""",
    )
    ran.assert_outcomes(passed=2)


def test_with_the_option_each_test_has_an_empty_cache(pytester: pytest.Pytester) -> None:
    ran = run(
        pytester,
        "-o",
        "llmcache_isolation=test",
        test_it="""
import pytest
import llmcache

@pytest.mark.parametrize("turn", [1, 2])
def test_each(turn, tmp_path):
    assert llmcache.settings.current().namespace == ""
    llmcache.configure(namespace="left behind")
    for function in (ask, ask_memory):
        before = count
        assert (function("a"), function("a")) == (before + 1, before + 1)
    assert Path(os.environ["LLMCACHE_DIR"]).parent == tmp_path
""",
    )
    ran.assert_outcomes(passed=2)


def test_off_leaves_everything_where_the_settings_say(
    pytester: pytest.Pytester, real: Path
) -> None:
    ran = run(
        pytester,
        "-o",
        "llmcache_isolation=off",
        test_it="def test_calls(): ask('a')",
    )
    ran.assert_outcomes(passed=1)
    assert list(real.glob("*.db"))


def test_another_word_is_a_usage_error(pytester: pytest.Pytester) -> None:
    ran = run(pytester, "-o", "llmcache_isolation=yes", test_it="def test_nothing(): pass")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*llmcache_isolation is 'yes'; allowed are session, test, off.*"])


def test_without_the_plugin_nothing_happens(pytester: pytest.Pytester, real: Path) -> None:
    ran = run(pytester, "-p", "no:llmcache", test_it="def test_calls(): ask('a')")
    ran.assert_outcomes(passed=1)
    assert list(real.glob("*.db"))


def test_a_clock_to_advance(pytester: pytest.Pytester) -> None:
    ran = run(
        pytester,
        test_it="""
def test_expiry(llmcache_clock):
    assert ask("a") == 1
    llmcache_clock.advance("59m")
    assert ask("a") == 1
    llmcache_clock.advance("2m")
    assert ask("a") == 2

def test_the_clock_is_gone_afterwards():
    from llmcache.settings import DEFAULTS, current
    assert current().clock is DEFAULTS.clock
""",
    )
    ran.assert_outcomes(passed=2)


def test_a_provider_that_answers(pytester: pytest.Pytester) -> None:
    ran = run(
        pytester,
        test_it="""
def test_it_listens(llmcache_provider):
    assert llmcache_provider.openai_url.startswith("http://127.0.0.1:")
    assert llmcache_provider.count == 0
""",
    )
    ran.assert_outcomes(passed=1)


def test_loading_it_brings_in_pytest_and_no_more_of_llmcache(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_modules():
            loaded = {name for name in sys.modules if name.partition(".")[0] == "llmcache"}
            assert loaded == {"llmcache", "llmcache.testing", "llmcache.testing.plugin"}
            assert not {"pydantic", "sqlite3", "instructor"} & set(sys.modules)
        """
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            patch.delenv(name)  # coverage imports modules of its own
        ran = pytester.runpytest_subprocess("-p", "llmcache")
    ran.assert_outcomes(passed=1)
