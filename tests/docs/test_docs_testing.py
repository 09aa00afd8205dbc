"""The tests on the page about testing pass, with the plugin and nothing else of the project's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "test-your-code.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("isolation", ["session", "test"])
def test_the_tests_of_the_page_pass(tmp_path: Path, isolation: str) -> None:
    program = "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    (tmp_path / "test_page.py").write_text(program, encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "-o", f"llmcache_isolation={isolation}"]
    ran = subprocess.run(  # noqa: S603 - the interpreter of the tests, on a page of ours
        [sys.executable, "-m", "pytest", *options, "test_page.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert f"{program.count('def test_')} passed" in ran.stdout
