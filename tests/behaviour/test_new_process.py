"""The main job: under the defaults, a second call and a second process make no request."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("asks_once.py")


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_two_processes_make_one_request_in_all(provider, isolated, kind, mode):
    url = provider.openai_url if kind == "openai" else provider.anthropic_url
    environment = {**os.environ, "BASE_URL": url, "LLMCACHE_DIR": str(isolated)}
    printed = []
    for _ in range(2):
        done = subprocess.run(  # noqa: S603 - this Python, a file beside this one
            [sys.executable, PROGRAM, kind, mode],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        *answer, equal, hits, misses = done.stdout.split(" ")
        printed.append((" ".join(answer), equal, int(hits), int(misses)))
    assert [line[1:] for line in printed] == [("True", 1, 1), ("True", 2, 0)]
    assert printed[0][0] == printed[1][0]
    assert provider.count == 1
    assert (isolated / "llmcache.db").stat().st_mode & 0o777 == 0o600
