"""Importing llmcache is cheap: nothing optional, nothing slow, nothing opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

OPTIONAL = {
    "aiohttp",
    "anthropic",
    "cryptography",
    "genai_prices",
    "httpx",
    "httpx2",
    "instructor",
    "numpy",
    "openai",
    "opentelemetry",
    "pandas",
    "PIL",
    "redis",
    "rich",
    "tqdm",
}
OF_MISSES = {
    "llmcache.codecs.encode",
    "llmcache.engine.answering",
    "llmcache.events",
    "llmcache.flight.board",
    "llmcache.previews",
}
SLOW = {"asyncio", "click", "multiprocessing", "pydantic", "sqlite3", "ssl", "unittest"}


def imported_by(statement: str, *options: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run one statement in a fresh interpreter that shows what it imports."""
    return subprocess.run(  # noqa: S603 - the interpreter of the tests
        [sys.executable, *options, "-X", "importtime", "-c", statement],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )


def modules_in(trace: str) -> set[str]:
    """The top-level modules of an import-time trace."""
    lines = (line.rpartition("|")[2].strip() for line in trace.splitlines() if "|" in line)
    return {line.partition(".")[0] for line in lines}


@pytest.mark.usefixtures("unmeasured")
def test_import_brings_in_nothing_optional_and_nothing_slow(tmp_path: Path) -> None:
    modules = modules_in(imported_by("import llmcache", directory=tmp_path).stderr)
    assert "llmcache" in modules
    assert sorted(modules & OPTIONAL) == []
    assert sorted(modules & SLOW) == []


@pytest.mark.usefixtures("unmeasured")
def test_decorating_brings_in_nothing_optional(tmp_path: Path) -> None:
    statement = "from llmcache import cached_structured\n@cached_structured\ndef f(x): return x"
    modules = modules_in(imported_by(statement, directory=tmp_path).stderr)
    assert sorted(modules & OPTIONAL) == []


@pytest.mark.usefixtures("unmeasured")
def test_a_call_and_a_hit_in_a_file_bring_in_nothing_optional(tmp_path: Path) -> None:
    script = tmp_path / "plain.py"
    script.write_text(
        "from llmcache import cached_structured\n"
        "@cached_structured(backend='sqlite:///plain.db')\n"
        "def double(x: int) -> int:\n"
        "    return 2 * x\n"
        "assert [double(2), double(2), double.cache_info().hits] == [4, 4, 1]\n",
        encoding="utf-8",
    )
    statement = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    modules = modules_in(imported_by(statement, directory=tmp_path).stderr)
    assert sorted(modules & OPTIONAL) == []


@pytest.mark.usefixtures("unmeasured")
def test_a_process_of_hits_loads_nothing_that_only_a_miss_or_a_listener_needs(
    tmp_path: Path,
) -> None:
    script = tmp_path / "plain.py"
    script.write_text(
        "import sys\n"
        "from llmcache import cached_structured\n"
        "@cached_structured(backend='sqlite:///plain.db')\n"
        "def double(x: int) -> int:\n"
        "    return 2 * x\n"
        "assert double(2) == 4\n"
        "print(double.cache_info().hits, *sorted(sys.modules))\n",
        encoding="utf-8",
    )
    missed, hit = (
        subprocess.run(  # noqa: S603 - our own script
            [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    )
    assert (missed[0], hit[0]) == ("0", "1")
    assert set(missed) >= OF_MISSES
    assert set(hit).isdisjoint(OF_MISSES)


def test_import_and_decorating_create_read_and_open_nothing(
    tmp_path: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMCACHE_DIR", str(isolated / "none"))
    monkeypatch.setenv("LLMCACHE_TTL", "-1")  # would be refused if it were read
    statement = (
        "import sys; seen = []\n"
        "from llmcache import cached_structured\n"
        "sys.addaudithook(lambda event, args: event.startswith(('sqlite3', 'os.mkdir', 'socket'))"
        " and seen.append(event))\n"
        "@cached_structured(ttl='7d')\n"
        "def f(x: int) -> int: return x\n"
        "assert seen == [], seen"
    )
    imported_by(statement, directory=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert list(isolated.iterdir()) == []
