"""The demo does what it prints: it asks once, counts what it says, and finds it all again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcache import mode
from llmcache.cli import llmcache
from llmcache.demo import passes, source
from llmcache.demo.documents import Document, documents
from llmcache.demo.extraction import Invoice, extract_invoice
from llmcache.testing.provider import Failure, LoopbackProvider

WATCHED = """
import sys
strangers = []
def watch(event, args):
    if event == "socket.connect" and args[1][0] != "127.0.0.1":
        strangers.append(args[1])
    if event == "socket.getaddrinfo" and args[0] not in {"127.0.0.1", None}:
        strangers.append(args[0])
sys.addaudithook(watch)
from llmcache.cli import llmcache
try:
    llmcache(prog_name="llmcache")
finally:
    assert strangers == [], strangers
"""
"""Runs the command line, and fails when it looks for anything but this machine."""


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(llmcache, ["demo", *arguments])


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert isinstance(figures, dict)
    return figures


def requests_and_hits(figures: dict[str, Any]) -> list[tuple[int, int]]:
    return [(each["requests"], each["hits"]) for each in figures["passes"]]


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider answers at once."""
    monkeypatch.setattr(source, "FASTEST", 0.0)
    monkeypatch.setattr(source, "SPREAD", 0.0)


@pytest.fixture(params=["openai", "anthropic"])
def real(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A provider that is taken for the real one, with the SDK's own variables: (name, provider)."""
    with LoopbackProvider() as provider:
        name = str(request.param)
        monkeypatch.setenv(f"{name.upper()}_API_KEY", "made-up")
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", getattr(provider, f"{name}_url"))
        yield name, provider


def test_a_dozen_invoices_ship_and_each_truth_is_on_its_invoice() -> None:
    shown = documents()
    assert len({document.text for document in shown}) == len(shown) == 12
    assert len({document.truth["currency"] for document in shown}) >= 8
    for document in shown:
        assert 15 <= len(document.text.splitlines()) <= 40
        invoice = Invoice.model_validate(document.truth)
        assert invoice.number in document.text
        assert digits_of(f"{invoice.total}") in digits_of(document.text)


def digits_of(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


@pytest.mark.parametrize("document", documents(), ids=lambda document: document.name)
def test_an_invoice_adds_up(document: Document) -> None:
    invoice = Invoice.model_validate(document.truth)
    assert all(line.quantity * line.unit_price == line.amount for line in invoice.lines)
    assert sum((line.amount for line in invoice.lines), Decimal()) == invoice.net
    assert invoice.net + invoice.tax == invoice.total


def test_run_twice_in_processes_the_second_run_is_all_hits(isolated: Path) -> None:
    """With the provider's realistic delay, on another port each time, and no other machine."""

    def run() -> dict[str, Any]:
        command = [sys.executable, "-c", WATCHED, "demo", "--json"]
        done = subprocess.run(  # noqa: S603 - this very Python
            command, env=dict(os.environ), capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        figures = json.loads(done.stdout)
        assert isinstance(figures, dict)
        return figures

    first, second = run(), run()
    assert requests_and_hits(first) == [(12, 0), (0, 12)]
    assert requests_and_hits(second) == [(0, 12), (0, 12)]
    assert first["passes"][0]["seconds"] > 1 > first["passes"][1]["seconds"]
    assert first["passes"][0]["tokens_spent"] == second["passes"][0]["tokens_saved"] > 5_000
    assert first["file"] == str(isolated / "llmcache.db")
    truths = {document.name: document.truth for document in documents()}
    assert first["invoices"] == second["invoices"] == truths


@pytest.mark.usefixtures("no_delay")
def test_fresh_starts_anew_and_forgets_only_what_the_demo_kept() -> None:
    told(invoke("--json"))
    elsewhere = extract_invoice.cache_with(namespace="elsewhere")
    with source.open_source("loopback", None, documents()) as opened:
        asked = (opened.client, opened.model, documents()[0].text)
        elsewhere(*asked)
        assert requests_and_hits(told(invoke("--json", "--fresh"))) == [(12, 0), (0, 12)]
        with mode("offline"):
            assert elsewhere(*asked).number == documents()[0].truth["number"]


@pytest.mark.usefixtures("no_delay")
def test_the_tables_say_what_was_extracted_counted_and_where_it_is(isolated: Path) -> None:
    shown = invoke()
    again = invoke()
    assert (shown.exit_code, shown.stderr) == (0, "")
    for document in documents():
        assert document.truth["number"] in shown.stdout
    first, second = (line.split() for line in shown.stdout.splitlines() if " 12 " in line)
    assert (first[:4], second[:4]) == (["first", "12", "12", "0"], ["second", "12", "0", "12"])
    assert first[5] == second[6] != "0"
    assert f"Kept in:     {isolated / 'llmcache.db'}\n" in shown.stdout
    assert "--fresh" in again.stdout
    assert "--fresh" not in shown.stdout
    assert "\x1b" not in shown.stdout
    assert max(map(len, shown.stdout.split("\n\n")[0].splitlines())) < 80


def test_a_real_provider_is_asked_with_its_own_sdk_and_model(real: Any) -> None:
    name, provider = real
    figures = told(invoke("--provider", name, "--json"))
    assert requests_and_hits(figures) == [(12, 0), (0, 12)]
    assert (figures["provider"], figures["model"]) == (name, source.MODELS[name])
    assert provider.count == 12
    told(invoke("--provider", name, "--model", "another", "--json"))
    assert {request.model for request in provider.requests[12:]} == {"another"}


def test_a_real_provider_that_refuses_is_one_clean_line(real: Any) -> None:
    name, provider = real
    provider.script(lambda _request: Failure(status=401, message="no such key"))
    result = invoke("--provider", name)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {name} gave no answer: Error code: 401")
    assert len(result.stderr.splitlines()) == 1


def test_after_a_failure_nothing_further_is_asked() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        failing: Future[Any] = pool.submit(int, "no number")
        running: Future[Any] = pool.submit(gate.wait)
        waiting: Future[Any] = pool.submit(gate.wait)
        with pytest.raises(ValueError, match="no number"):
            passes.in_order(pool, [failing, running, waiting])
        gate.set()
    assert waiting.cancelled()


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_real_provider_without_a_key_is_refused_with_the_variable(name: str) -> None:
    result = invoke("--provider", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(
        f"Error: --provider {name} needs a key in {name.upper()}_API_KEY"
    )


@pytest.mark.parametrize(
    ("arguments", "extra"), [((), "openai"), (("--provider", "anthropic"), "anthropic")]
)
def test_without_an_sdk_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], extra: str
) -> None:
    monkeypatch.setattr(source, "find_spec", lambda _name: None)
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"Error: The demo needs instructor and {extra}: "
        f"pip install 'llmcache-structured[{extra}]'\n"
    )


@pytest.mark.usefixtures("no_delay")
def test_with_the_cache_off_it_says_so_and_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCACHE_DISABLE", "1")
    result = invoke()
    assert result.exit_code == 1
    assert result.stdout.count("unknown") == 2
    assert "its mode is off" in result.stdout


@pytest.mark.usefixtures("no_delay")
def test_a_backend_that_keeps_nothing_is_said_to() -> None:
    result = invoke("--backend", "null://")
    assert result.exit_code == 1
    assert "its answers could not be kept" in result.stdout


@pytest.mark.usefixtures("no_delay")
def test_another_backend_is_used_and_named(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    figures = told(invoke("--backend", f"sqlite:///{file}", "--json"))
    assert figures["file"] == str(file)
    assert file.exists()
