"""What the pages type into a shell is there: commands, options, variables, extras, sessions."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from llmcache.cli.commands import llmcache
from llmcache.settings import VARIABLES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TYPED = re.compile(r"^\$ (.+)$", re.MULTILINE)
EXTRAS = re.compile(r"llmcache-structured\[([\w,]+)\]")
SESSIONS = re.compile(r"\bnox -s ((?:\w+ ?)+)")
NAMED = re.compile(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:md|toml|txt))`")
ELSEWHERE = ("python ", "nox ", "pip install ", "sqlite3 ", "datasette ")  # not llmcache's own


def parse(words: list[str]) -> None:
    """Read a command line as `llmcache` does, and do nothing.

    Raises:
        click.UsageError: There is no such command or option.
    """
    with click.Context(llmcache, info_name="llmcache", **llmcache.context_settings) as context:
        name, command, rest = llmcache.resolve_command(context, words)
        assert command is not None
        command.make_context(name, rest, parent=context)


def check(line: str) -> None:
    """One line of a page, as a shell would get it."""
    if line.startswith("llmcache "):
        parse(shlex.split(line, comments=True)[1:])
    elif line.startswith("export "):
        assert line.removeprefix("export ").partition("=")[0] in VARIABLES
    else:
        assert line.startswith(ELSEWHERE), line


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_line_for_a_shell_is_one_that_there_is(path: Path) -> None:
    for line in TYPED.findall(path.read_text(encoding="utf-8")):
        check(line)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_extra_and_session_that_a_page_names_is_there(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    extras = {extra for named in EXTRAS.findall(page) for extra in named.split(",")}
    assert extras <= PROJECT["project"]["optional-dependencies"].keys()
    sessions = {name for named in SESSIONS.findall(page) for name in named.split()}
    defined = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    assert sessions <= set(defined)


def test_the_readme_names_every_extra() -> None:
    extras = PROJECT["project"]["optional-dependencies"].keys() - {"dev"}
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [
        each for each in sorted(extras) if f"`{each}`" not in page and f"[{each}]" not in page
    ] == []


def test_every_path_that_contributors_are_told_of_is_there() -> None:
    """But for what has a `<name>` to be filled in, and what the set-up makes."""
    for path in NAMED.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert path.startswith(".venv") or (ROOT / path).exists(), path


def test_a_command_or_an_option_that_there_is_not_is_noticed() -> None:
    for line in ("llmcache forget", "llmcache clear --everything"):
        with pytest.raises(click.UsageError):
            check(line)
    for line in ("export LLMCACHE_TTLS=7d", "rm -r cache"):
        with pytest.raises(AssertionError):
            check(line)
