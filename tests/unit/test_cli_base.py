"""The command line's manners: help without cost, clean errors, exit codes, no stray colour."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from llmcache.cli import llmcache
from llmcache.cli.options import colour_wanted
from llmcache.cli.printing import print_json, table
from llmcache.cli.problems import plainly
from llmcache.cli.progress import progress
from llmcache.errors import BackendUnavailableError, BackendWarning, ConfigurationError

SDKS = ("openai", "anthropic", "instructor", "redis", "rich", "tqdm", "pydantic", "sqlite3")


def invoke(*arguments: str, **options: bool) -> Result:
    return CliRunner().invoke(llmcache, arguments, **options)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_command_in_one_line_each(flag: str) -> None:
    result = invoke(flag)
    assert result.exit_code == 0
    listed = result.stdout.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in listed] == sorted(llmcache.commands)
    assert not any(line.endswith("...") for line in listed)


@pytest.mark.parametrize("name", sorted(llmcache.commands))
def test_every_command_has_help(name: str) -> None:
    result = invoke(name, "-h")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: llmcache {name}")


def test_help_imports_nothing_that_it_does_not_need(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(variable)  # measuring imports modules of its own
    program = (
        "import sys; from llmcache.__main__ import main; sys.argv = ['llmcache', '--help']\n"
        "try: main()\n"
        f"finally: print(sorted(set({SDKS!r}) & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert list(isolated.iterdir()) == []


def test_the_module_and_the_version() -> None:
    command = [sys.executable, "-m", "llmcache", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this very Python
    assert done.stdout.startswith("llmcache, version ")


def test_an_unknown_command_is_wrong_usage() -> None:
    assert invoke("nonsense").exit_code == 2
    assert invoke("path", "--nonsense").exit_code == 2


@pytest.mark.parametrize("command", ["config", "path"])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LLMCACHE_TTL", "-1"),
        ("LLMCACHE_MODE", "sideways"),
        ("LLMCACHE_MAX_BYTES", "lots"),
        ("LLMCACHE_ENCRYPTION_KEY", "short"),
        ("LLMCACHE_BACKEND", "nonsense://x"),
    ],
)
def test_a_bad_variable_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, command: str, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = invoke(command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"Error: {variable}")


def test_a_bad_backend_option_is_one_line_that_names_it() -> None:
    result = invoke("path", "--backend", "redis://user:s3cret@host:port/0")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert result.stderr.startswith("Error: --backend: ")
    assert "s3cret" not in result.stderr


def test_a_misspelled_variable_is_a_warning_without_a_source_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LLMCACHE_TLL", "1h")
    command = [sys.executable, "-m", "llmcache", "path"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this very Python
    assert done.stderr == (
        "Warning: The variable LLMCACHE_TLL is not one of llmcache and has no effect. "
        "Did you mean 'LLMCACHE_TTL'?\n"
    )


def test_errors_and_warnings_are_told_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.ClickException) as unusable, plainly():
        raise ConfigurationError("in two\n  lines")
    with pytest.raises(click.ClickException) as failed, plainly():
        raise BackendUnavailableError("locked")
    assert (unusable.value.message, unusable.value.exit_code) == ("in two lines", 2)
    assert (failed.value.message, failed.value.exit_code) == ("locked", 1)
    with pytest.raises(ZeroDivisionError), plainly():
        raise ZeroDivisionError
    assert capsys.readouterr().err == ""


def test_only_warnings_of_llmcache_are_told_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    def warn_twice() -> None:
        with plainly():
            warnings.warn("the store is gone", BackendWarning, stacklevel=1)
            warnings.warn("of another", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="of another") as others:
        warn_twice()
    assert capsys.readouterr().err == "Warning: the store is gone\n"
    assert len(others) == 1


@pytest.mark.parametrize("value", ["1", "0", "no"])
def test_no_color_takes_colour_off_a_terminal(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colour_wanted() is None
    monkeypatch.setenv("NO_COLOR", value)
    assert colour_wanted() is False
    assert "\x1b" not in invoke("config", color=True).stdout


def test_a_table_aligns_wide_and_combining_characters() -> None:
    assert table(("a", "n", ""), [("日本", "5", "x"), ("e\u0301", "50", "")], right=" r") == [
        "a      n",
        "日本   5  x",
        "e\u0301     50",
    ]


def test_json_is_in_ascii_where_the_output_could_not_take_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for text, printed in (("é", '"é"'), ("\ud800", '"\\ud800"')):
        print_json(text)
        assert capsys.readouterr().out == f"{printed}\n"


def test_progress_is_drawn_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress(2, "working") as advance:
        advance()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress(2, "working") as advance:
        advance()
        advance()
    assert "working" in capsys.readouterr().err


def test_progress_is_drawn_without_tqdm_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress(2, "working") as advance:
        advance()
        advance()
    drawn = capsys.readouterr()
    assert "working" in drawn.err
    assert "100%" in drawn.err
    assert drawn.out == ""
