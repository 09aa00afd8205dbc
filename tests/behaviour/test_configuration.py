"""Settings: where they come from, what is refused, and that nothing happens at import."""

from __future__ import annotations

import base64
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import llmcache
from llmcache import BackendWarning, ConfigurationError, ConfigurationWarning, cached_structured
from llmcache import settings as rooms

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(3)]


@cached_structured(version=1)
def echo(text: str) -> str:
    """A function under the configured defaults."""
    return text


def set_environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    llmcache.reset_configuration()


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("LLMCACHE_BACKEND", "nonsense://x", "sqlite:///relative.db"),
        ("LLMCACHE_BACKEND", "sqlite://", "memory://"),
        ("LLMCACHE_TTL", "-1", "'7d'"),
        ("LLMCACHE_TTL", "0", "'7d'"),
        ("LLMCACHE_TTL", "tomorrow", "'7d'"),
        ("LLMCACHE_MODE", "sometimes", "'offline'"),
        ("LLMCACHE_MAX_BYTES", "lots", "'2GiB'"),
        ("LLMCACHE_DISABLE", "perhaps", "yes"),
        ("LLMCACHE_PREVIEWS", "perhaps", "yes"),
    ],
)
def test_a_bad_value_names_the_variable_the_value_and_what_is_allowed(
    monkeypatch, variable, value, allowed
):
    set_environment(monkeypatch, **{variable: value})
    with pytest.raises(ConfigurationError) as caught:
        echo("a")
    for expected in (variable, value, allowed):
        assert expected in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert caught.value.name == variable


@pytest.mark.parametrize("value", ["secret!", KEYS[0][:-4], f"{KEYS[0]},short"])
def test_a_bad_encryption_key_is_refused_and_not_shown(monkeypatch, value):
    set_environment(monkeypatch, LLMCACHE_ENCRYPTION_KEY=value)
    with pytest.raises(ConfigurationError, match="base64 of 32 bytes") as caught:
        echo("a")
    assert value not in str(caught.value)


def test_an_unknown_variable_is_told_once_with_the_nearest(monkeypatch):
    set_environment(monkeypatch, LLMCACHE_TLL="7d")
    with pytest.warns(ConfigurationWarning, match="LLMCACHE_TLL .* 'LLMCACHE_TTL'") as warned:
        assert [echo("a"), echo("a")] == ["a", "a"]
    assert len(warned) == 1


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    set_environment(monkeypatch, LLMCACHE_TTL="", LLMCACHE_MODE=" ")
    assert rooms.current().ttl is None


def test_every_variable_reaches_its_setting(monkeypatch, tmp_path):
    key_file = tmp_path / "keys"
    key_file.write_text(f"{KEYS[1]}\n{KEYS[2]}\n")
    set_environment(
        monkeypatch,
        LLMCACHE_BACKEND="memory://",
        LLMCACHE_DIR=str(tmp_path),
        LLMCACHE_TTL="1h",
        LLMCACHE_NAMESPACE="tenant",
        LLMCACHE_MODE="readonly",
        LLMCACHE_MAX_BYTES="2MiB",
        LLMCACHE_PREVIEWS="yes",
        LLMCACHE_ENCRYPTION_KEY_FILE=str(key_file),
    )
    found = rooms.current()
    assert (found.backend, found.dir, found.ttl) == ("memory://", str(tmp_path), 3600.0)
    assert (found.namespace, found.mode, found.max_bytes) == ("tenant", "readonly", 2 * 1024**2)
    assert (found.previews, len(found.sealing_keys)) == (True, 2)
    assert rooms.sources()["ttl"] == "environment LLMCACHE_TTL"
    assert KEYS[1] not in repr(found)


def test_configure_merges_and_reaches_functions_decorated_before():
    llmcache.configure(backend="memory://", ttl="1h")
    llmcache.configure(namespace="b")
    assert echo.cache_backend.description.startswith("memory://")
    found = rooms.current()
    assert (found.ttl, found.namespace) == (3600.0, "b")
    llmcache.reset_configuration()
    assert rooms.current().ttl is None


def test_a_bad_setting_changes_nothing():
    llmcache.configure(ttl="1h")
    with pytest.raises(ConfigurationError):
        llmcache.configure(ttl="2h", mode="sometimes")
    with pytest.raises(ConfigurationError, match="Did you mean 'namespace'"):
        llmcache.configure(namespce="x")
    assert rooms.current().ttl == 3600.0


def test_equal_urls_are_one_backend():
    one = cached_structured(backend="memory://?max_entries=7")(echo.__wrapped__)
    two = cached_structured(backend="memory://?max_entries=7")(echo.__wrapped__)
    other = cached_structured(backend="memory://?max_entries=8")(echo.__wrapped__)
    assert one.cache_backend is two.cache_backend
    assert one.cache_backend is not other.cache_backend


def test_a_directory_that_cannot_be_written_falls_back_to_memory_with_one_warning(
    monkeypatch, tmp_path
):
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    set_environment(monkeypatch, LLMCACHE_DIR=str(blocked / "below"))
    calls = []

    @cached_structured(ignore=["calls"])
    def ask(text: str, calls: list[int] = calls) -> str:
        calls.append(1)
        return text

    with pytest.warns(BackendWarning, match="memory only") as warned:
        assert [ask("a"), ask("a"), ask("b")] == ["a", "a", "b"]
    assert (len(warned), len(calls)) == (1, 2)


def test_a_user_without_a_home_is_answered_from_memory(tmp_path):
    """As in a container whose user number has no entry, so that no cache directory can be named."""
    program = """
import pwd, warnings
def unknown(number): raise KeyError(number)
pwd.getpwuid = unknown
warnings.simplefilter("always")
from llmcache import cached_structured
calls = []
@cached_structured(version=1, ignore=["calls"])
def ask(text, calls=calls):
    calls.append(text)
    return text
print(ask("a"), ask("a"), len(calls))
"""
    done = subprocess.run(  # noqa: S603 - this Python, this text
        [sys.executable, "-c", program], env={}, cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("a a 1\n", 0), done.stderr
    assert done.stderr.count("memory only") == 1
    assert list(tmp_path.iterdir()) == []


def test_importing_opens_creates_and_reads_nothing(tmp_path):
    program = (
        "import os, sys; before = dict(os.environ); import llmcache; llmcache.cached_structured;"
        "print('socket' in sys.modules and 'redis' in sys.modules)"
    )
    environment = {"HOME": str(tmp_path), "LLMCACHE_BACKEND": "nonsense://x", "PATH": ""}
    done = subprocess.run(  # noqa: S603 - this Python, this text
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")
    assert list(Path(tmp_path).iterdir()) == []


def test_entries_are_sealed_and_keys_can_be_rotated(monkeypatch, isolated):
    calls = []

    @cached_structured(version=1, ignore=["calls"])
    def ask(text: str, calls: list[int] = calls) -> str:
        calls.append(1)
        return "the answer to " + text

    for keys, expected in ((KEYS[0], 1), (f"{KEYS[1]},{KEYS[0]}", 1), (KEYS[1], 2), (KEYS[0], 2)):
        set_environment(monkeypatch, LLMCACHE_ENCRYPTION_KEY=keys)
        assert ask("a plain question") == "the answer to a plain question"
        assert len(calls) == expected
    written = b"".join(path.read_bytes() for path in isolated.rglob("*") if path.is_file())
    assert b"the answer" not in written


def test_rotated_keys_reach_invalidation_too(monkeypatch):
    set_environment(monkeypatch, LLMCACHE_ENCRYPTION_KEY=KEYS[0])
    echo("a")
    set_environment(monkeypatch, LLMCACHE_ENCRYPTION_KEY=f"{KEYS[1]},{KEYS[0]}")
    assert echo.cache_invalidate("a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert echo.cache_peek("a") is llmcache.MISSING


def test_previews_are_kept_and_shown_only_where_asked_for(monkeypatch, isolated):
    @cached_structured(version=1)
    def ask(text: str, api_key: str = "sk-hidden", *, tags: tuple[str, ...] = ()) -> str:
        return "answer"

    ask("an ordinary question")
    assert ask.cache_explain("an ordinary question").previews == {}
    set_environment(monkeypatch, LLMCACHE_PREVIEWS="1")
    ask("a question " + "x" * 200, tags=("a",))
    found = ask.cache_explain("a question " + "x" * 200, tags=("a",))
    assert found.previews == {"text": "a question " + "x" * 68 + "…", "tags": "(tuple)"}
    other = ask.cache_explain("another", tags=("a",))
    assert other.differences == ("argument text differs",)
    assert "a question" in str(other)
    set_environment(monkeypatch, LLMCACHE_ENCRYPTION_KEY=KEYS[0])
    ask("a sealed question")
    written = b"".join(path.read_bytes() for path in isolated.rglob("*") if path.is_file())
    assert b"a question" in written
    assert b"sk-hidden" not in written
    assert b"sealed question" not in written


@pytest.mark.parametrize("name", ["TTL", "BACKEND", "MODE", "ENCRYPTION_KEY"])
def test_what_cannot_be_read_stops_nobody_where_all_is_disabled(monkeypatch, name):
    set_environment(monkeypatch, **{"LLMCACHE_DISABLE": "1", f"LLMCACHE_{name}": "abc"})
    assert echo("a") == "a"
    set_environment(monkeypatch, LLMCACHE_DISABLE="0")
    with pytest.raises(ConfigurationError, match=f"LLMCACHE_{name}"):
        echo("a")
