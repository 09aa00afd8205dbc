"""What pages type into a shell prints what they show, after their program has run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "tutorial" / "first-steps.md"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n\$ llmcache (.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run(directory: Path, *command: str) -> str:
    """The output of a command that must succeed."""
    return subprocess.run(  # noqa: S603 - the interpreter of the tests, on a page of ours
        [sys.executable, *command], cwd=directory, capture_output=True, text=True, check=True
    ).stdout


def pattern_of(line: str) -> str:
    """A line of the page as a pattern: `…` is anything, and columns are as wide as they need be."""
    words = (re.escape(word).replace("…", ".+") for word in line.split())
    return r"\s+".join(words)


def shows(promised: str, printed: str) -> bool:
    """Whether every line is as the page has it."""
    lines = promised.splitlines(), printed.splitlines()
    pairs = zip(*lines, strict=False)
    return len(lines[0]) == len(lines[1]) and all(
        re.fullmatch(pattern_of(line), other.strip()) for line, other in pairs
    )


def test_the_tutorial_runs_twice_and_its_commands_print_what_it_shows(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (tmp_path / "first_steps.py").write_text("\n".join(PYTHON.findall(page)), encoding="utf-8")
    assert run(tmp_path, "first_steps.py").startswith("True 1 1\n1\n")
    assert check_commands(page, tmp_path) >= 2


def test_the_page_on_misses_shows_what_its_commands_print(tmp_path: Path) -> None:
    """The module that is asked about is the first block; what it was asked is the others."""
    page = (DOCS / "how-to" / "debug-misses.md").read_text(encoding="utf-8")
    blocks = PYTHON.findall(page)
    (tmp_path / "program.py").write_text("\n".join(blocks), encoding="utf-8")
    (tmp_path / "shop.py").write_text(blocks[0], encoding="utf-8")
    run(tmp_path, "program.py")
    assert check_commands(page, tmp_path) == 2


def check_commands(page: str, directory: Path) -> int:
    """Run every command of a page that shows what it prints; how many there are."""
    commands = [(words, promised) for words, promised in CONSOLE.findall(page) if promised]
    for words, promised in commands:
        printed = run(directory, "-m", "llmcache", *shlex.split(words))
        assert shows(promised, printed), printed
    return len(commands)


def test_a_second_run_of_the_tutorial_asks_nothing(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    until = page.index("## Another question")
    program = "\n".join(PYTHON.findall(page[:until])) + "provider.close()\n"
    (tmp_path / "first_steps.py").write_text(program, encoding="utf-8")
    assert run(tmp_path, "first_steps.py") == "True 1 1\n1\n"
    assert run(tmp_path, "first_steps.py") == "True 2 0\n0\n"
