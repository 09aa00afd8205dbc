"""Every page with Python on it runs as it stands, and prints what it says it prints.

The blocks of a page are one program, read from the top, in a process of its own. A line that
begins with `# prints: ` is output. Blocks that cannot be run are not marked `python`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```")
OUTPUT = "# prints: "


def program_of(page: str) -> str:
    """The page with everything but its Python blanked out, so that line numbers stay the same."""
    kept = []
    inside = False
    for line in page.splitlines():
        if FENCE.match(line):
            inside = line == "```python"
            kept.append("")
        else:
            kept.append(line if inside else "")
    return "\n".join(kept)


def promised_output(program: str) -> list[str]:
    """The lines that the page says are printed."""
    return [line.removeprefix(OUTPUT) for line in program.splitlines() if line.startswith(OUTPUT)]


def has_python(path: Path) -> bool:
    """Whether there is anything to run."""
    return bool(program_of(path.read_text(encoding="utf-8")).strip())


@pytest.mark.parametrize(
    "path",
    [path for path in PAGES if has_python(path)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_page_runs_and_prints_what_it_says(path: Path, tmp_path: Path) -> None:
    program = program_of(path.read_text(encoding="utf-8"))
    script = tmp_path / f"{path.stem.replace('-', '_').lower()}.py"
    script.write_text(program, encoding="utf-8")
    ran = subprocess.run(  # noqa: S603 - the interpreter of the tests, on a page of ours
        [sys.executable, "-W", "error", script.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == promised_output(program)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_whose_blocks_belong_together_says_so(path: Path) -> None:
    """A stranger who pastes the third one alone would else be told of names that are missing."""
    text = path.read_text(encoding="utf-8")
    blocks = text.count("\n```python\n")
    assert blocks < 2 or re.search(r"of this page\s(form\sone|into\sa)\sfile", text)


def test_the_first_example_prints_the_same_when_it_is_run_again(tmp_path: Path) -> None:
    program = program_of((ROOT / "README.md").read_text(encoding="utf-8"))
    (tmp_path / "readme.py").write_text(f"{program}\nprint(provider.count)", encoding="utf-8")
    environment = os.environ | {"LLMCACHE_DIR": str(tmp_path / "cache")}
    printed = [
        subprocess.run(
            [sys.executable, "readme.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\n")
        for _ in range(2)
    ]
    assert printed == [[*promised_output(program), asked, ""] for asked in ("1", "0")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_python_hides_where_the_runner_does_not_look(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^[ \t]+```py|^```(?!python$)py|^~~~", text, re.MULTILINE)


def test_the_runner_keeps_line_numbers_and_tells_python_from_other_blocks() -> None:
    page = "text\n```python\nprint(1)\n# prints: 1\n```\n```console\n$ ls\n```\n"
    assert program_of(page).splitlines() == ["", "", "print(1)", "# prints: 1", "", "", ""]
    assert promised_output(program_of(page)) == ["1"]
