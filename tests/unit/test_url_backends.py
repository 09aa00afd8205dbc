"""A URL says which backend; a wrong one says what would have been right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmcache import BackendError, ConfigurationError
from llmcache.backends import (
    Backend,
    Entry,
    LRUBackend,
    Nothing,
    NullBackend,
    Scope,
    SQLiteBackend,
    TieredBackend,
    open_backend,
)
from llmcache.backends.address import masked
from llmcache.backends.default import DefaultBackend
from llmcache.backends.url import close_shared, shared, shared_backend
from llmcache.testing import ManualClock

MIB = 1024 * 1024
ENTRY = Entry(b"answer", Scope("", "f"), 1_700_000_000.0)


@pytest.fixture(autouse=True)
def work_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working and a home directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def file_of(backend: Backend) -> SQLiteBackend:
    """The file that a backend, or the far side of a tier, stands for."""
    file = getattr(backend, "file", None) or getattr(backend, "far", backend)
    assert isinstance(file, SQLiteBackend)
    return file


def bounds_of(backend: object) -> tuple[float, float]:
    """The bounds of memory."""
    assert isinstance(backend, LRUBackend)
    return backend.max_entries, backend.max_bytes


@pytest.mark.parametrize(
    ("url", "bounds"),
    [
        ("memory://", (1024, float("inf"))),
        ("MEMORY://", (1024, float("inf"))),
        ("memory://?max_entries=7", (7, float("inf"))),
        ("memory://?max_entries=7&max_bytes=2MiB", (7, 2 * MIB)),
        ("memory://?max_bytes=2%20MB", (1024, 2_000_000)),
    ],
)
def test_memory(url: str, bounds: tuple[float, float]) -> None:
    assert bounds_of(open_backend(url)) == bounds


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///relative.db", "{cwd}/relative.db"),
        ("sqlite:///a/b.db", "{cwd}/a/b.db"),
        ("sqlite:////srv/absolute.db", "/srv/absolute.db"),
        ("sqlite:///with%20blank%3F%23%25.db", "{cwd}/with blank?#%.db"),
        ("sqlite:///gr%C3%BCn.db", "{cwd}/grün.db"),
        ("sqlite:///~/mine.db", "{cwd}/home/mine.db"),
        ("sqlite:///a+b.db?max_bytes=5MB", "{cwd}/a+b.db"),
    ],
)
def test_a_file(url: str, path: str, tmp_path: Path) -> None:
    assert str(file_of(open_backend(url)).path) == path.format(cwd=tmp_path)


def test_a_path_is_settled_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend("sqlite:///relative.db")
    monkeypatch.chdir("/")
    assert file_of(backend).path == tmp_path / "relative.db"


def test_options_of_a_file() -> None:
    backend = file_of(open_backend("sqlite:///a.db?max_bytes=5MB&max_entries=9&timeout=250ms"))
    assert (backend.bounds.bytes, backend.bounds.entries) == (5_000_000, 9)
    assert backend.sessions.timeout == 0.25


def test_settings_fill_in_what_the_url_leaves_open(tmp_path: Path) -> None:
    plain = file_of(open_backend("sqlite:///a.db", timeout="2s", max_bytes="1MB", dir="/nowhere"))
    own = file_of(open_backend("sqlite:///a.db?timeout=3", timeout="2s"))
    default = file_of(open_backend("default://", dir=tmp_path, max_bytes="1MB", timeout=2))
    assert (plain.sessions.timeout, own.sessions.timeout) == (2.0, 3.0)
    assert plain.bounds.bytes == 1024 * MIB
    assert (default.path, default.bounds.bytes) == (tmp_path / "llmcache.db", 1_000_000)


def test_the_default_lies_in_the_users_cache_directory(tmp_path: Path) -> None:
    backend = open_backend("default://?max_bytes=2MB", max_bytes="1MB")
    assert isinstance(backend, DefaultBackend)
    assert (tmp_path / "home") in file_of(backend).path.parents
    assert file_of(backend).bounds.bytes == 2_000_000
    assert bounds_of(backend.near) == (1024, 64 * MIB)


def test_memory_in_front_of_a_file() -> None:
    backend = open_backend("memory+sqlite:///a.db?near_max_entries=5&max_bytes=3MB&near_ttl=2m")
    assert isinstance(backend, TieredBackend)
    assert bounds_of(backend.near) == (5, 64 * MIB)
    assert file_of(backend).bounds.bytes == 3_000_000


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:s3cret@localhost:6379/0?prefix=app",
        "rediss://localhost/1?ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=2",
        "memory+redis://localhost:6379/0?prefix=app&near_max_entries=5&near_ttl=1s",
    ],
)
def test_redis_is_not_contacted_before_it_is_used(url: str) -> None:
    pytest.importorskip("redis")
    with open_backend(url, timeout="250ms") as backend:  # type: ignore[attr-defined]  # ours all are
        assert "localhost" in backend.description or "redis.sock" in backend.description
        assert "s3cret" not in backend.description


def test_null() -> None:
    assert isinstance(open_backend("null://"), NullBackend)


@pytest.mark.parametrize("url", ["sqlite:///a/b.db", "default://", "memory+sqlite:///a/b.db"])
def test_nothing_is_made_before_the_first_use(url: str, tmp_path: Path) -> None:
    open_backend(url).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "has no scheme"),
        ("answers.db", "write for a file sqlite:///answers.db"),
        ("default", "write default://"),
        ("memory:", "'://' must follow"),
        ("memori://", "Did you mean 'memory'"),
        ("redsi://localhost", "Did you mean 'redis'"),
        ("postgres://localhost", "the scheme 'postgres' is not known"),
        ("memory+null://", "is not known"),
        ("sqlite+redis://", "is not known"),
        ("sqlite://", "it names no file .* memory://"),
        ("sqlite:///", "it names no file"),
        ("sqlite://answers.db", "sqlite:///answers.db"),
        ("memory+sqlite://answers.db", "sqlite:///answers.db"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite:///a.db#part", "%23"),
        ("sqlite:///a%00.db", "NUL"),
        ("sqlite:///a%FF.db", "cannot be read"),
        ("sqlite:///~nobody-of-that-name/a.db", "home"),
        (" memory://", "blanks"),
        ("memory://\n", "control characters|blanks"),
        ("memory://host", "nothing but options"),
        ("null://?max_entries=1", "'max_entries' is not known"),
        ("default:///a.db", "nothing but options"),
        ("memory://?max_entris=1", "Did you mean 'max_entries'"),
        ("memory://?near_max_entries=1", "is not known"),
        ("memory+sqlite:///a.db?near_prefix=1", "is not known"),
        ("sqlite:///a.db?prefix=x", "is not known"),
        ("memory://?max_entries=0", "not a whole number"),
        ("memory://?max_entries=", "not a whole number"),
        ("memory://?max_entries=٣", "not a whole number"),
        ("memory://?max_entries=1&max_entries=2", "twice"),
        ("memory://?max_entries", "cannot be read"),
        ("memory://?max_bytes=lots", "not a size"),
        ("sqlite:///a.db?timeout=0", "above 0"),
        ("memory+redis://localhost?near_ttl=soon", "not a duration"),
        ("redis://[::1", "cannot be read"),
    ],
)
def test_a_bad_url_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refusal:
        open_backend(url)
    assert refusal.value.name == "backend"
    assert refusal.value.allowed
    assert repr(masked(url))[1:-1] in str(refusal.value)


@pytest.mark.parametrize("url", [None, 5, Path("answers.db")])
def test_what_is_no_text_is_refused(url: object) -> None:
    with pytest.raises(ConfigurationError, match="a URL as text or a backend object"):
        open_backend(url)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:s3cret@host:port/0?x=1",
        "redis://:s3cret@host/0?prefx=1",
        "redis://user:s3/cr3t?s3cret#s3cret@host/0",
        "redis://user:a/s3cret=b@host/0",
        "redis://user:a?s3cret=b@host/0",
        "redis://user:a#s3cret@host/0",
        "redsi://user:s3cret@host",
        "memory+redis://user:s3cret@host/0?near_x=1",
        "redis:user:s3cret@host",
        "user:s3cret@host",
        "redis://host/0?password=s3cret&prefx=1",
        "redis://[s3cret@host",
    ],
)
def test_a_refusal_shows_no_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        open_backend(url)
    told = f"{refusal.value} {refusal.value.value} {refusal.value.__cause__}"
    assert "s3cret" not in told


def test_equal_urls_are_one_backend_in_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    file = shared_backend("sqlite:///a.db?max_entries=5&max_bytes=1MB")
    assert shared_backend("memory://") is shared_backend("memory://")
    assert shared_backend("memory://") is not shared_backend("memory://?max_entries=5")
    same = [
        f"sqlite:///{tmp_path}/a.db?max_entries=5&max_bytes=1MB",
        "sqlite:///a.db?max_bytes=1MB&max_entries=5",
        "sqlite:///./home/../%61.db?max_entries=5&max_bytes=1000000",
        "SQLITE:///~/../a.db?max_entries=5&max_bytes=1MB",
    ]
    assert [shared_backend(url) for url in same] == [file] * 4
    monkeypatch.chdir(tmp_path / "home")
    assert shared_backend("sqlite:///a.db?max_entries=5&max_bytes=1MB") is not file
    close_shared()


def test_the_default_is_shared_by_directory(tmp_path: Path) -> None:
    first = shared_backend("default://", dir=tmp_path)
    assert shared_backend("default://", dir=str(tmp_path)) is first
    assert shared_backend("default://", dir=tmp_path / "other") is not first
    close_shared()


def test_another_clock_is_another_backend() -> None:
    clock = ManualClock()
    assert shared_backend("memory://", clock=clock) is shared_backend("memory://", clock=clock)
    assert shared_backend("memory://", clock=clock) is not shared_backend("memory://")
    close_shared()


def test_open_backend_shares_nothing() -> None:
    assert open_backend("memory://") is not open_backend("memory://")


def test_shared_backends_are_closed_together_and_forgotten(tmp_path: Path) -> None:
    memory, file = shared_backend("memory://"), shared_backend(f"sqlite:///{tmp_path}/a.db")
    memory.put("0" * 64, ENTRY)
    file.put("0" * 64, ENTRY)
    close_shared()
    assert memory.get("0" * 64) is Nothing.ABSENT
    with pytest.raises(BackendError):
        file.get("0" * 64)
    assert shared_backend("memory://") is not memory
    close_shared()


def run(program: str, directory: Path) -> str:
    """What a new interpreter prints for a program."""
    done = subprocess.run(  # noqa: S603 - a program of the test's own
        [sys.executable, "-W", "error", "-c", program],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_shared_backends_are_closed_at_exit(tmp_path: Path) -> None:
    """An unclosed file would complain; the answer is there for the next process."""
    program = """
from llmcache.backends import Entry, Scope
from llmcache.backends.url import shared_backend
backend = shared_backend("memory+sqlite:///a.db")
backend.{}
"""
    run(program.format(f'put("0" * 64, {ENTRY!r})'), tmp_path)
    assert run(f"{program.format('blocking')}print(backend.get('0' * 64))", tmp_path) == repr(ENTRY)


@pytest.mark.usefixtures("unmeasured")
def test_importing_the_table_imports_no_backend(tmp_path: Path) -> None:
    program = """
import sys, llmcache.backends, llmcache.testing, llmcache.backends.url
heavy = {"redis", "sqlite3", "pytest", "hypothesis", "llmcache.backends.sqlite"}
print(sorted(heavy & set(sys.modules)))
"""
    assert run(program, tmp_path) == "[]"


@pytest.mark.parametrize("name", ["llmcache.backends", "llmcache.testing"])
def test_every_public_name_is_there(name: str) -> None:
    module = sys.modules[name]
    assert all(getattr(module, public) is not None for public in module.__all__)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        module.nothing_of_that_name  # noqa: B018 - asking is the test


def test_a_forked_child_goes_on_with_the_shared_backends(tmp_path: Path, forked: Any) -> None:
    url = f"memory+sqlite:///{tmp_path}/a.db"
    backend = shared_backend(url)
    backend.put("0" * 64, ENTRY)
    with shared.lock:
        assert forked(lambda: shared_backend(url) is backend and backend.get("0" * 64) == ENTRY)()
    close_shared()


@pytest.mark.parametrize("url", ["redis://h/abc", "redis://h/-1", "memory+redis://h:1/x"])
def test_a_redis_database_is_a_number(url):
    with pytest.raises(ConfigurationError, match="a database is a number"):
        open_backend(url)


def test_a_relative_path_without_a_working_directory_is_refused(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigurationError, match="No such file"):
        open_backend("sqlite:///a.db")


@pytest.mark.parametrize(
    "url",
    [
        "redis://h/0?api_key=K123",
        "bogus://h?api_key=K123",
        "memory://?max_entries=1&Authorization=K123",
        "sqlite:///a.db?K123=K123",
        "redis://h?ssl_keyfile=K123&colour=blue",
    ],
)
def test_the_value_of_an_option_that_is_not_known_is_not_shown(url):
    with pytest.raises(ConfigurationError) as refusal:
        open_backend(url)
    assert "=K123" not in f"{refusal.value} {refusal.value.value}"


def test_the_values_of_our_own_options_are():
    with pytest.raises(ConfigurationError, match=r"max_entries=-1&near_ttl=5"):
        open_backend("memory://?max_entries=-1&near_ttl=5")


def test_memory_in_front_of_what_it_cannot_stand_before_names_what_it_can():
    with pytest.raises(ConfigurationError, match=r"in front of redis, rediss, sqlite, unix\."):
        open_backend("memory+null://")


def test_a_life_of_copies_that_is_none_is_not_advised_to_switch_all_off():
    with pytest.raises(ConfigurationError) as refusal:
        open_backend("memory+sqlite:///a.db?near_ttl=-1")
    assert "above 0" in str(refusal.value)
    assert "mode=" not in str(refusal.value)
