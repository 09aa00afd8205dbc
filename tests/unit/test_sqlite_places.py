"""Where the file may lie, and how it is made."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from llmcache.backends.base import Entry, Nothing, Scope
from llmcache.backends.sqlite import SQLiteBackend
from llmcache.errors import BackendUnavailableError, ConfigurationError

KEY = "a" * 64
ENTRY = Entry(b"answer", Scope("", "shop.extract"), 1.0)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Each of some umasks, set once the test has its own directory."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_file_and_directories_are_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cache" / "answers.db"
    with SQLiteBackend(path) as backend:
        backend.put(KEY, ENTRY)
        assert {mode_of(file) for file in path.parent.iterdir()} == {0o600}
        assert mode_of(path.parent) == mode_of(path.parent.parent) == 0o700
        assert {file.name for file in path.parent.iterdir()} == {
            *("answers.db", "answers.db-wal", "answers.db-shm", "CACHEDIR.TAG", ".gitignore"),
        }
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert (
        (path.parent / "CACHEDIR.TAG")
        .read_text()
        .startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    )
    assert [file.name for file in path.parent.parent.iterdir()] == ["cache"]


def test_a_directory_that_was_there_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with SQLiteBackend(tmp_path / "answers.db") as backend:
        backend.put(KEY, ENTRY)
    assert mode_of(tmp_path) == 0o755
    assert [file.name for file in tmp_path.iterdir()] == ["answers.db"]


def test_nothing_is_made_before_the_first_operation(tmp_path: Path) -> None:
    SQLiteBackend(tmp_path / "new" / "answers.db").close()
    assert list(tmp_path.iterdir()) == []


def refused(path: Path, why: str) -> None:
    """The store is not used, and says why."""
    with SQLiteBackend(path) as backend:
        with pytest.raises(BackendUnavailableError, match=why):
            backend.get(KEY)
        with pytest.raises(BackendUnavailableError, match=why):
            backend.put(KEY, ENTRY)


def test_a_symlink_is_not_followed(tmp_path: Path) -> None:
    with SQLiteBackend(tmp_path / "real.db") as backend:
        backend.put(KEY, ENTRY)
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    (tmp_path / "dangling.db").symlink_to(tmp_path / "absent.db")
    refused(tmp_path / "link.db", "it is a symlink")
    refused(tmp_path / "dangling.db", "it is a symlink")
    assert not (tmp_path / "absent.db").exists()


def test_a_symlink_to_a_directory_may_be_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with SQLiteBackend(tmp_path / "link" / "answers.db") as backend:
        backend.put(KEY, ENTRY)
        assert backend.get(KEY) == ENTRY


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o722])
def test_a_directory_that_everybody_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(mode)
    refused(place / "answers.db", "everybody may write to it")
    assert list(place.iterdir()) == []


def test_a_sticky_one_is_accepted_for_a_file_of_ours(tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    place.chmod(0o1777)
    with SQLiteBackend(place / "answers.db") as backend:
        backend.put(KEY, ENTRY)
        assert backend.get(KEY) == ENTRY
    (place / "answers.db").chmod(0o666)
    refused(place / "answers.db", "everybody may write to it")


def test_a_group_that_we_are_in_may_write_to_the_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o2775)
    with SQLiteBackend(tmp_path / "answers.db") as backend:
        backend.put(KEY, ENTRY)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)
def test_what_belongs_to_another_user_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "theirs"
    place.mkdir(mode=0o755)
    os.chown(place, 4711, 4711)
    refused(place / "answers.db", "belongs to uid 4711")
    os.chown(place, 0, 4711)
    place.chmod(0o775)
    refused(place / "answers.db", "a group that you are not in")
    os.chown(place, 0, 0)
    (place / "answers.db").touch()
    os.chown(place / "answers.db", 4711, 4711)
    refused(place / "answers.db", "belongs to uid 4711")


def test_names_that_a_url_would_misread_are_fine(tmp_path: Path) -> None:
    for name in ("a?mode=ro", "b#c", "d%20e", "f g", "ü", os.fsdecode(b"\xff.db")):
        with SQLiteBackend(tmp_path / name) as backend:
            assert backend.get(KEY) is Nothing.ABSENT
            backend.put(KEY, ENTRY)
            assert backend.get(KEY) == ENTRY
        assert (tmp_path / name).exists()


def test_the_current_directory_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SQLiteBackend("answers.db") as backend:
        monkeypatch.chdir("/")
        backend.put(KEY, ENTRY)
        assert backend.path == tmp_path / "answers.db"
        assert backend.description == f"sqlite:///{tmp_path}/answers.db"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (b"answers.db", "a bytes is not a path"),
        (None, "a NoneType is not a path"),
        (3, "a int is not a path"),
        ("", "it names no file"),
        ("a\0b", "it names no file"),
        (":memory:", "use LRUBackend"),
        ("sqlite:///answers.db", "it is a URL"),
        ("cache/", "it names a directory"),
    ],
)
def test_what_is_no_path_is_refused_at_once(path: object, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        SQLiteBackend(path)  # type: ignore[arg-type]


def test_any_path_object_will_do(tmp_path: Path) -> None:
    with SQLiteBackend(PurePosixPath(tmp_path / "answers.db")) as backend:
        backend.put(KEY, ENTRY)


@pytest.mark.parametrize("bounds", [{"max_bytes": 0}, {"max_bytes": "big"}, {"max_entries": 0}])
def test_a_bound_that_is_none_is_refused(tmp_path: Path, bounds: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(bounds))):
        SQLiteBackend(tmp_path / "answers.db", **bounds)
