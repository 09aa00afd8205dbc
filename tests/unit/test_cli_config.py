"""`llmcache config` and `llmcache path`: what is in effect, where from, and nothing secret."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcache import configure, mode, reset_configuration
from llmcache.backends.lru import LRUBackend
from llmcache.cli import llmcache
from llmcache.settings import Settings

KEY = base64.b64encode(b"0123456789abcdef0123456789ABCDEF").decode()


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(llmcache, arguments)


def settings_of(*arguments: str) -> dict[str, Any]:
    result = invoke("config", "--json", *arguments)
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert isinstance(shown, dict)
    return shown


def test_every_setting_is_listed_with_its_default() -> None:
    shown = settings_of()
    names = {each.name for each in dataclasses.fields(Settings)} - {"clock"}
    assert set(shown) == names
    directory = shown.pop("dir")
    assert {each["source"] for each in shown.values()} == {"default"}
    assert directory["source"] == "environment LLMCACHE_DIR"
    assert shown["max_bytes"]["value"] == 2**30


def test_each_source_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCACHE_TTL", "1h30m")
    configure(namespace="tenant")
    with mode("readonly"):
        shown = settings_of("--backend", "memory://")
    assert shown["ttl"] == {"value": 5400.0, "source": "environment LLMCACHE_TTL"}
    assert shown["namespace"] == {"value": "tenant", "source": "configure"}
    assert shown["mode"]["source"] == "mode()"
    assert shown["backend"] == {"value": "memory://", "source": "--backend"}


def test_the_table_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMCACHE_TTL", "90s")
    monkeypatch.setenv("LLMCACHE_MAX_BYTES", "500MiB")
    lines = [line.split("  ") for line in invoke("config").stdout.splitlines()]
    rows = {line[0]: [cell.strip() for cell in line[1:] if cell] for line in lines}
    assert rows["setting"] == ["value", "from"]
    assert rows["ttl"] == ["90 s", "environment LLMCACHE_TTL"]
    assert rows["max_bytes"] == ["500 MiB", "environment LLMCACHE_MAX_BYTES"]
    assert rows["disable"] == ["no", "default"]


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\n{KEY}\n", encoding="utf-8")
    monkeypatch.setenv("LLMCACHE_ENCRYPTION_KEY", KEY)
    monkeypatch.setenv("LLMCACHE_ENCRYPTION_KEY_FILE", str(file))
    monkeypatch.setenv("LLMCACHE_BACKEND", "redis://user:s3cret@127.0.0.1:1/0?password=s3cret")
    shown = invoke("config")
    assert (shown.exit_code, settings_of()["encryption_key"]["value"]) == (0, "set (1 key)")
    assert "set (2 keys)" in shown.stdout
    for secret in (KEY, "s3cret", "0123456789abcdef", "user:"):
        assert secret not in shown.output + invoke("config", "--json").output


def test_objects_and_functions_are_described() -> None:
    configure(backend=LRUBackend(), ttl=lambda _result: 60, project=("mine", "ours"))
    shown = settings_of()
    assert shown["backend"]["value"].startswith("memory://")
    assert shown["ttl"]["value"] == "a function of the result"
    assert shown["project"]["value"] == ["mine", "ours"]
    assert "mine, ours" in invoke("config").stdout


def test_path_is_the_default_file_and_makes_nothing(isolated: Path) -> None:
    result = invoke("path")
    assert (result.exit_code, result.stdout) == (0, f"{isolated / 'llmcache.db'}\n")
    assert list(isolated.iterdir()) == []


@pytest.mark.parametrize("scheme", ["sqlite", "memory+sqlite"])
def test_path_is_the_file_of_another_backend(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{scheme}:///{tmp_path / 'other.db'}"
    given = invoke("path", "--backend", url, "--json")
    monkeypatch.setenv("LLMCACHE_BACKEND", url)
    reset_configuration()
    assert invoke("path").stdout == f"{tmp_path / 'other.db'}\n"
    assert json.loads(given.stdout)["file"] == str(tmp_path / "other.db")


def test_a_backend_without_a_file_is_said_to_have_none() -> None:
    plain, as_json = (invoke("path", "--backend", "memory://", *more) for more in ((), ("--json",)))
    assert (plain.exit_code, plain.stdout) == (1, "")
    assert "keeps no file" in plain.stderr
    assert (as_json.exit_code, json.loads(as_json.stdout)["file"]) == (1, None)
