"""Our warnings point at the user's line, and cost no answer where warnings are errors."""

from __future__ import annotations

import sqlite3
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import llmcache
from llmcache import (
    BackendWarning,
    ConfigurationWarning,
    SQLiteBackend,
    UncacheableResultWarning,
)
from llmcache.engine import answering
from llmcache.notices import notice


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException | None]]:
    """Warnings are errors; what the interpreter is told could not be raised."""
    told: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda failure: told.append(failure.exc_value))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield told


def kinds(raised: list[BaseException | None]) -> list[type]:
    return [type(error) for error in raised]


def test_a_store_that_fails_costs_no_answer_where_warnings_are_errors(made, raised, tmp_path):
    (tmp_path / "file").write_text("not a directory", encoding="utf-8")
    ask = made(backend=SQLiteBackend(tmp_path / "file" / "a.db"))
    assert [ask("a").number, ask("a").number] == [1, 2]
    assert kinds(raised) == [BackendWarning]


def test_nor_does_the_default_directory_that_cannot_be_made(made, raised, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a directory", encoding="utf-8")
    monkeypatch.setenv("LLMCACHE_DIR", str(tmp_path / "file"))
    llmcache.reset_configuration()
    ask = made(backend=None)
    assert [ask("a").number, ask("a").number] == [1, 1]
    assert kinds(raised) == [BackendWarning]


def test_nor_does_a_result_that_cannot_be_stored_and_its_lease_is_given_back(
    made, mode, raised, tmp_path
):
    lock = threading.Lock()
    with SQLiteBackend(tmp_path / "a.db") as backend:
        ask = made(backend=backend)
        ask.model.complete = lambda _: lock
        ask.model.acomplete = given(lock)
        assert ask("a") is lock
        with sqlite3.connect(backend.path) as raw:
            assert raw.execute("SELECT count(*) FROM lease").fetchone() == (0,)
        raw.close()
    assert kinds(raised) == [UncacheableResultWarning]
    assert not answering.flights.running


def given(value: object) -> Any:
    async def complete(_: str) -> object:
        return value

    return complete


@pytest.mark.parametrize("option", ["cache_if", "ttl"])
def test_nor_does_a_predicate_or_a_ttl_that_fails(made, raised, option):
    ask = made(**{option: lambda reply: reply.nothing})
    assert ask("a").number == 1
    assert kinds(raised) == [UncacheableResultWarning]


def test_nor_does_an_argument_without_a_key_that_may_go_uncached(made, raised):
    ask = made(on_uncacheable="bypass")
    ask.model.complete = lambda _: 7
    ask.model.acomplete = given(7)
    assert ask(threading.Lock()) == 7
    assert kinds(raised) == [UncacheableResultWarning]


def test_nor_does_a_misspelled_variable(made, raised, monkeypatch):
    monkeypatch.setenv("LLMCACHE_BAKEND", "memory://")
    llmcache.reset_configuration()
    assert made()("a").number == 1
    assert kinds(raised) == [ConfigurationWarning]


def test_a_warning_names_the_line_that_made_the_call(made, mode, tmp_path):
    (tmp_path / "file").write_text("not a directory", encoding="utf-8")
    ask = made(backend=SQLiteBackend(tmp_path / "file" / "a.db"))
    with pytest.warns(BackendWarning) as warned:
        ask("a")
    assert [Path(one.filename).parent for one in warned] == [Path(__file__).parent]


def test_one_without_a_line_of_the_users_names_none_of_ours():
    with ThreadPoolExecutor(1) as pool, pytest.warns(BackendWarning) as warned:
        pool.submit(notice, "text", BackendWarning).result()
    assert "llmcache" not in warned[0].filename
