"""Without a place for a file, the default is memory alone, and says so once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llmcache import BackendUnavailableError, BackendWarning
from llmcache.backends import (
    AsyncLeasing,
    Backend,
    Bulk,
    Entry,
    Epochs,
    Invalidations,
    Leasing,
    Listing,
    LRUBackend,
    Manifests,
    Nothing,
    Pruning,
    Scope,
    Sizing,
    SQLiteBackend,
    able,
    open_backend,
)
from llmcache.backends.default import DefaultBackend
from llmcache.backends.lone import LoneMemory

SCOPE = Scope("", "f")
ENTRY = Entry(b"answer", SCOPE, 1_700_000_000.0)
KEY = "0" * 64
KINDS = [
    AsyncLeasing,
    Backend,
    Bulk,
    Epochs,
    Invalidations,
    Leasing,
    Listing,
    Manifests,
    Pruning,
    Sizing,
]


def no_place(tmp_path: Path) -> Path:
    """A directory that nobody can make, not even root: its parent is a file."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "cache"


def default_in(directory: Path) -> Backend:
    """The default backend, with its file in a directory."""
    return open_backend("default://", dir=directory)


@pytest.mark.parametrize(
    "first",
    [
        lambda backend: backend.get(KEY),
        lambda backend: backend.put(KEY, ENTRY),
        lambda backend: backend.claim(KEY, SCOPE, "token", 10, max_age=None),
        lambda backend: backend.clear(SCOPE),
        lambda backend: list(backend.entries()),
        lambda backend: asyncio.run(backend.aget(KEY)),
        lambda backend: asyncio.run(backend.aput(KEY, ENTRY)),
        lambda backend: asyncio.run(backend.aclear(SCOPE)),
    ],
    ids=["get", "put", "claim", "clear", "list", "aget", "aput", "aclear"],
)
def test_without_a_place_for_a_file_it_says_so_once_and_goes_on(
    tmp_path: Path, first: Callable[[Any], object]
) -> None:
    backend = default_in(no_place(tmp_path))
    with pytest.warns(BackendWarning, match=r"in memory only.* LLMCACHE_DIR") as warned:
        first(backend)
    assert len(warned) == 1
    backend.put(KEY, ENTRY)
    assert backend.get(KEY) == ENTRY
    assert backend.description == "memory:// in front of memory://"
    backend.close()


def test_a_home_that_cannot_be_found_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache"))
    backend = open_backend("default://")
    with pytest.warns(BackendWarning):
        backend.put(KEY, ENTRY)
    assert backend.get(KEY) == ENTRY
    assert not Path("~").exists()
    backend.close()


def test_of_many_threads_one_is_warned(tmp_path: Path) -> None:
    backend, start = default_in(no_place(tmp_path)), threading.Barrier(4)

    def use(number: int) -> Entry | Nothing:
        start.wait()
        backend.put(str(number) * 64, ENTRY)
        return backend.get(str(number) * 64)

    with pytest.warns(BackendWarning) as warned, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(4))) == [ENTRY] * 4
    assert len(warned) == 1
    backend.close()


def test_a_file_that_is_there_and_fails_is_not_given_up(tmp_path: Path) -> None:
    class Busy(LRUBackend):
        failures = 1

        def get(self, key: str) -> Entry | Nothing:
            if self.failures:
                self.failures -= 1
                raise BackendUnavailableError("locked by another process")
            return super().get(key)

    path = tmp_path / "llmcache.db"
    path.touch()
    busy = Busy()
    backend = DefaultBackend(LRUBackend(), busy, path)
    backend.put(KEY, ENTRY)
    assert busy.count() == 1


def test_what_stands_in_can_do_all_that_the_file_can(tmp_path: Path) -> None:
    backend = default_in(tmp_path)
    file, lone = SQLiteBackend(tmp_path / "a.db"), LoneMemory()
    for kind in KINDS:
        able_to = [able(one, kind) is not None for one in (backend, file, lone)]
        assert able_to == [able_to[1]] * 3, kind
    backend.close()


def test_asking_what_it_can_do_opens_nothing(tmp_path: Path) -> None:
    backend = default_in(tmp_path / "cache")
    assert able(backend, Leasing) is backend
    assert backend.description.startswith("memory:// in front of sqlite:///")
    backend.close()
    assert list(tmp_path.iterdir()) == []
