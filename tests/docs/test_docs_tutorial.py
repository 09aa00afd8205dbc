"""What the tutorial types into a shell prints what it shows, after its program has run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-steps.md"
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
    commands = CONSOLE.findall(page)
    assert len(commands) >= 2
    for arguments, promised in commands:
        printed = run(tmp_path, "-m", "llmcache", *shlex.split(arguments))
        assert shows(promised, printed), printed


def test_a_second_run_of_the_tutorial_asks_nothing(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    until = page.index("## Another question")
    program = "\n".join(PYTHON.findall(page[:until])) + "provider.close()\n"
    (tmp_path / "first_steps.py").write_text(program, encoding="utf-8")
    assert run(tmp_path, "first_steps.py") == "True 1 1\n1\n"
    assert run(tmp_path, "first_steps.py") == "True 2 0\n0\n"
