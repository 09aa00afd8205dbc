"""The tests' own ground: whoever runs them, with whatever settings, loses and spends nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from llmcache.settings import current

ROOT = Path(__file__).parents[2]
FOREIGN = {
    "LLMCACHE_BACKEND": "redis://production",
    "LLMCACHE_TTL": "-1",
    "OPENAI_API_KEY": "a real one",
    "ANTHROPIC_BASE_URL": "https://example.invalid",
    "https_proxy": "http://proxy.invalid",
}


def test_no_setting_of_the_user_reaches_a_test(isolated: Path) -> None:
    assert [name for name in os.environ if name.startswith("LLMCACHE_")] == ["LLMCACHE_DIR"]
    assert current().dir == str(isolated)
    assert set(os.environ) & set(FOREIGN) == set()
    assert list(isolated.iterdir()) == []


def test_the_same_holds_where_everything_is_set() -> None:
    here = f"{Path(__file__).relative_to(ROOT)}::test_no_setting_of_the_user_reaches_a_test"
    ran = subprocess.run(  # noqa: S603 - the interpreter of the tests
        [sys.executable, "-m", "pytest", "-q", here],
        cwd=ROOT,
        env=os.environ | FOREIGN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
