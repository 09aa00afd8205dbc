"""Every example runs as it stands, without a key and with `--real`, and prints what it counted."""

from __future__ import annotations

import os
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmcache.testing.provider import LoopbackProvider

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = "stage.py"
FILES = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name != SHARED)
PROMISED = {
    "environment.py", "extract_invoices.py", "gather.py", "memory.py", "methods.py",
    "persistent.py", "retries.py", "run.py", "run_real.py", "streams.py", "ttl.py",
    "two_processes.py", "two_providers.py", "with_completion.py",
}  # fmt: skip

each_example = pytest.mark.parametrize("name", FILES)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[object]:
    """Runs an example in this process, as `python examples/NAME` would; its output."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    environment = dict(os.environ)

    def run_example(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    yield run_example
    os.environ.clear()
    os.environ.update(environment)
    for module in ("stage", "run"):
        sys.modules.pop(module, None)


def test_the_examples_are_those_that_the_pages_name() -> None:
    assert set(FILES) == PROMISED


@each_example
def test_an_example_runs_without_a_key(run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    printed = run(name)
    assert printed
    if name not in {"run_real.py", "extract_invoices.py", "two_processes.py"}:
        sent = [int(count) for count in re.findall(r"(\d+) requests +[\d.]+ ms", printed)]
        assert any(sent)
        assert 0 in sent
        assert re.search(r"a call [\d.]+ ms, a hit [\d.]+ ms", printed)


@pytest.mark.parametrize("name", [name for name in FILES if name != "two_processes.py"])
def test_an_example_runs_with_real_clients(run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients that `--real` makes, sent to a provider on loopback by their environment.

    Those of `two_processes.py` are always such ones.
    """
    with LoopbackProvider() as provider:
        monkeypatch.setenv("OPENAI_API_KEY", "made-up")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
        monkeypatch.setenv("OPENAI_BASE_URL", provider.openai_url)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.anthropic_url)
        assert run(name, *([] if name == "run_real.py" else ["--real"]))
        assert provider.count > 0
