"""The backend that the page builds passes the suite that the page shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-backend.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_backend_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    program = "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    (tmp_path / "test_directory.py").write_text(program, encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    ran = subprocess.run(  # noqa: S603 - the interpreter of the tests, on a page of ours
        [sys.executable, "-m", "pytest", *options, "test_directory.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert int(re.findall(r"(\d+) passed", ran.stdout)[0]) > 30
    assert (tmp_path / "answers").is_dir()  # the page's own call ran too
