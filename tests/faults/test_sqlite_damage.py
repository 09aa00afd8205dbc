"""What may happen to the file between two runs, and while it is open."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llmcache.backends.base import Entry, Nothing
from llmcache.backends.sqlite import SQLiteBackend
from llmcache.errors import BackendCorruptError, BackendUnavailableError, BackendWarning

Start = Callable[..., subprocess.Popen[str]]
ENTRIES = 60


@pytest.fixture
def path(tmp_path: Path, work: ModuleType) -> Path:
    """A closed store with some entries."""
    path = tmp_path / "cache" / "answers.db"
    with SQLiteBackend(path) as backend:
        for number in range(ENTRIES):
            backend.put(work.key_of(number), work.entry_of(number))
    return path


def use(backend: SQLiteBackend, work: ModuleType, tally: Any, *, whole: bool = False) -> None:
    """Read everything and write something: nothing raises, nothing is wrong.

    Args:
        backend: What is used.
        work: Keys and values.
        tally: Where it is counted.
        whole: Whether all entries must be there; else each may be missing.
    """
    for number in range(ENTRIES):
        tally.tried += 1
        found = backend.get(work.key_of(number))
        if isinstance(found, Entry):
            tally.wrong += found.value != work.value_of(number)
        elif whole:
            tally.lost += 1
        tally.survived += 1
    backend.put(work.key_of(ENTRIES), work.entry_of(ENTRIES))
    assert isinstance(backend.get(work.key_of(ENTRIES)), Entry)


@pytest.mark.parametrize("rest", [b"", b"S"])
def test_a_file_of_hardly_any_bytes_is_simply_filled(
    path: Path, work: ModuleType, tally: Any, rest: bytes
) -> None:
    path.write_bytes(rest)
    with SQLiteBackend(path) as backend:
        use(backend, work, tally)
    assert path.stat().st_mode & 0o777 == 0o600


GARBAGE = {
    "noise": lambda old: b"\x07noise" * (len(old) // 6),
    "header_only": lambda old: old[:100],
    "half": lambda old: old[: len(old) // 2],
    "first_page_zeroed": lambda old: bytes(4096) + old[4096:],
    "header_whole_rest_noise": lambda old: old[:100] + b"\xa5" * (len(old) - 100),
}


@pytest.mark.parametrize("damage", GARBAGE)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    path: Path, work: ModuleType, tally: Any, damage: str
) -> None:
    path.write_bytes(GARBAGE[damage](path.read_bytes()))
    before = path.read_bytes()
    with SQLiteBackend(path) as backend:
        with pytest.warns(BackendWarning, match="set aside as answers.db.corrupt-") as warned:
            use(backend, work, tally)
        assert len(warned) == 1
    (aside,) = path.parent.glob("*.corrupt-*")
    assert aside.read_bytes()[:1000] == before[:1000]


def test_a_page_changed_in_the_middle_is_never_served(
    path: Path, work: ModuleType, tally: Any
) -> None:
    """Whichever page it is: a value, an index, a list of pages."""
    clean = path.read_bytes()
    for page in range(1, len(clean) // 4096, 3):
        middle = page * 4096 + 1000
        path.write_bytes(clean[:middle] + b"\x5a" * 64 + clean[middle + 64 :])
        with SQLiteBackend(path) as backend, warnings.catch_warnings():
            warnings.simplefilter("ignore", BackendWarning)
            use(backend, work, tally)
        for litter in path.parent.glob("answers.db?*"):
            litter.unlink()


def test_a_silently_changed_value_is_damaged_and_its_neighbours_are_not(
    path: Path, work: ModuleType, tally: Any
) -> None:
    value = work.value_of(7)
    clean = path.read_bytes()
    place = clean.index(value[:64])
    path.write_bytes(clean[:place] + b"\x00" + clean[place + 1 :])
    with SQLiteBackend(path) as backend:
        assert backend.get(work.key_of(7)) is Nothing.DAMAGED
        backend.put(work.key_of(7), work.entry_of(7))
        use(backend, work, tally, whole=True)


def test_a_bad_row_is_damaged_and_its_neighbours_are_not(
    path: Path, work: ModuleType, tally: Any
) -> None:
    bad = {
        1: ("value", 17),
        2: ("about", "[]"),
        3: ("about", b"\xff\xfe"),
        4: ("about", 5),
        5: ("parts", "text"),
        6: ("checksum", "many"),
    }
    with closing(sqlite3.connect(path)) as raw, raw:
        for number, (column, wrong) in bad.items():
            change = f"UPDATE entry SET {column} = ? WHERE key = ?"  # noqa: S608 - columns above
            raw.execute(change, (wrong, work.key_of(number)))
        raw.execute(
            "UPDATE entry SET about = CAST(x'fffe' AS TEXT) WHERE key = ?", (work.key_of(8),)
        )
    with SQLiteBackend(path) as backend:
        for number in (*bad, 8):
            assert backend.get(work.key_of(number)) is Nothing.DAMAGED
            assert len(list(backend.entries())) == ENTRIES
        for number in (*bad, 8):
            backend.put(work.key_of(number), work.entry_of(number))
        use(backend, work, tally, whole=True)


def test_a_table_of_ours_that_is_gone_is_damage(path: Path, work: ModuleType, tally: Any) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DROP TABLE entry")
    with SQLiteBackend(path) as backend, pytest.warns(BackendWarning, match="set aside"):
        use(backend, work, tally)


@pytest.mark.parametrize("damage", ["deleted", "noise", "cut"])
def test_the_log_of_a_killed_process_deleted_or_damaged(
    path: Path, start: Start, work: ModuleType, tally: Any, damage: str
) -> None:
    writer = start("fill", path, 0, 1_000_000)
    assert writer.stdout is not None
    for _ in range(ENTRIES):
        writer.stdout.readline()
    writer.kill()
    writer.communicate()
    log = path.with_name("answers.db-wal")
    if damage == "deleted":
        log.unlink()
    else:
        content = log.read_bytes()
        half = len(content) // 2
        log.write_bytes(content[:half] + (b"\x5a" * 5000 if damage == "noise" else b""))
    with SQLiteBackend(path) as backend, warnings.catch_warnings():
        warnings.simplefilter("ignore", BackendWarning)
        use(backend, work, tally)


def test_another_programs_database_is_left_alone(
    tmp_path: Path, work: ModuleType, tally: Any
) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE customers (name)")
    before = path.read_bytes()
    with SQLiteBackend(path) as backend:
        for call in (
            lambda: backend.get(work.key_of(1)),
            lambda: backend.put(work.key_of(1), work.entry_of(1)),
            backend.prune,
        ):
            tally.tried += 1
            with pytest.raises(BackendCorruptError, match="another program"):
                call()
            tally.survived += 1
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", GARBAGE)
def test_another_programs_file_is_left_alone_however_it_looks(
    tmp_path: Path, work: ModuleType, tally: Any, damage: str
) -> None:
    """In a directory that llmcache did not make, under a name of the user's."""
    path = tmp_path / "theirs.data"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE customers (name)")
    path.write_bytes(GARBAGE[damage](path.read_bytes()))
    before = path.read_bytes()
    with SQLiteBackend(path) as backend:
        tally.tried += 1
        with pytest.raises(BackendCorruptError, match=r"not an llmcache store|another program"):
            backend.put(work.key_of(1), work.entry_of(1))
        tally.survived += 1
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"noise" * 10_000, bytes(4096)])
def test_what_is_called_a_database_and_is_none_is_set_aside(
    tmp_path: Path, work: ModuleType, tally: Any, content: bytes
) -> None:
    path = tmp_path / "answers.db"
    path.write_bytes(content)
    path.chmod(0o600)
    with SQLiteBackend(path) as backend, pytest.warns(BackendWarning, match="set aside"):
        use(backend, work, tally)
    (aside,) = tmp_path.glob("answers.db.corrupt-*")
    assert aside.read_bytes() == content


def test_a_store_is_opened_by_nobody_but_sqlite(
    path: Path, work: ModuleType, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To close another descriptor of the file would take back the locks that SQLite has on it."""
    opened = Path.open

    def watched(file: Path, *args: Any, **options: Any) -> Any:
        assert file != path
        return opened(file, *args, **options)

    monkeypatch.setattr(Path, "open", watched)
    with SQLiteBackend(path) as backend:
        use(backend, work, tally, whole=True)


def test_a_newer_format_is_left_alone(path: Path, work: ModuleType, tally: Any) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with SQLiteBackend(path) as backend:
        tally.tried += 1
        with pytest.raises(BackendCorruptError, match="newer llmcache"):
            backend.get(work.key_of(1))
        tally.survived += 1
    assert path.read_bytes() == before


def test_a_directory_in_the_place_of_the_file(tmp_path: Path, work: ModuleType, tally: Any) -> None:
    path = tmp_path / "answers.db"
    path.mkdir()
    with SQLiteBackend(path) as backend:
        tally.tried += 1
        with pytest.raises(BackendUnavailableError, match="not a regular file"):
            backend.get(work.key_of(1))
        tally.survived += 1


def test_the_directory_is_removed_while_the_file_is_open(
    path: Path, work: ModuleType, tally: Any
) -> None:
    with SQLiteBackend(path) as backend:
        use(backend, work, tally, whole=True)
        shutil.rmtree(path.parent)
        backend.put(work.key_of(0), work.entry_of(0))
        assert isinstance(backend.get(work.key_of(0)), Entry)
        use(backend, work, tally)
    assert path.exists()


def test_the_file_is_damaged_while_it_is_open(path: Path, work: ModuleType, tally: Any) -> None:
    with warnings.catch_warnings(), SQLiteBackend(path) as backend:
        warnings.simplefilter("ignore", BackendWarning)
        use(backend, work, tally, whole=True)
        with path.open("r+b") as file:
            file.write(b"\x5a" * 50_000)
        use(backend, work, tally)
        use(backend, work, tally)


def test_the_file_is_cut_short_while_it_is_open(path: Path, work: ModuleType, tally: Any) -> None:
    with warnings.catch_warnings(), SQLiteBackend(path) as backend:
        warnings.simplefilter("ignore", BackendWarning)
        use(backend, work, tally, whole=True)
        with path.open("r+b") as file:
            file.truncate(10_000)
        use(backend, work, tally)
        use(backend, work, tally)


@pytest.mark.parametrize("sides", [["-wal"], ["-shm"], ["-wal", "-shm"]])
def test_the_log_is_deleted_while_the_file_is_open(
    path: Path, work: ModuleType, tally: Any, sides: list[str]
) -> None:
    """Who has it open goes on; others may be refused until that one closes; nothing is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BackendWarning)
        with SQLiteBackend(path) as backend:
            use(backend, work, tally, whole=True)
            for side in sides:
                path.with_name(f"answers.db{side}").unlink()
            use(backend, work, tally, whole=True)
            with SQLiteBackend(path) as other, contextlib.suppress(BackendUnavailableError):
                found = other.get(work.key_of(7))
                assert found is Nothing.ABSENT or found.value == work.value_of(7)
        with SQLiteBackend(path) as backend:
            use(backend, work, tally)
            use(backend, work, tally)


def replace_by_noise(path: Path) -> None:
    """Put another file in its place, without a log from which it could be restored."""
    for side in ("answers.db-wal", "answers.db-shm"):
        path.with_name(side).unlink(missing_ok=True)
    noise = path.with_name("noise")
    noise.write_bytes(b"noise" * 1000)
    noise.rename(path)


def test_a_disk_that_damages_every_file_ends_in_an_error(
    path: Path, work: ModuleType, tally: Any
) -> None:
    """Nothing is renamed for ever, which would fill the disk."""
    with SQLiteBackend(path) as backend, warnings.catch_warnings():
        warnings.simplefilter("ignore", BackendWarning)
        for _ in range(3):
            tally.tried += 1
            replace_by_noise(path)
            backend.put(work.key_of(1), work.entry_of(1))
            tally.survived += 1
        replace_by_noise(path)
        with pytest.raises(BackendCorruptError):
            backend.put(work.key_of(1), work.entry_of(1))
    assert len(list(path.parent.glob("answers.db.corrupt-*[0-9Z]"))) == 3
