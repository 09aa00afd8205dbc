"""How calls are counted in a process and when the counts are written, told by a tally."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcache import LRUBackend, NullBackend, SQLiteBackend, cached_structured, ledger
from llmcache.backends.base import Entry, Scope
from llmcache.backends.counts import Cell, Missed, Sums
from llmcache.codecs import Usage
from llmcache.errors import BackendUnavailableError
from llmcache.events import BackendFailure, Bypass, Hit, Miss, Stale, Store, Wait
from llmcache.tally import Tally
from llmcache.testing import ManualClock

MIDNIGHT = 1_800_000_000 // 86_400 * 86_400.0
SCOPE = Scope("tenant", "ask")
ENTRY = Entry(b"", SCOPE, 0.0, model="small", input_tokens=10, output_tokens=2, seconds=1.5)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start=MIDNIGHT + 100)


def tally_at(backend: Any, clock: ManualClock) -> Tally:
    return Tally().at(ledger.account_of(backend, SCOPE, clock))


def cell(outcome: str, reason: str = "", *, day: str = "2027-01-15", model: str = "") -> Cell:
    return Cell(day, "tenant", "ask", model, outcome, reason)


@pytest.fixture(params=["file", "memory"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """One that keeps a ledger, and one for which the process does."""
    with SQLiteBackend(tmp_path / "a.db") if request.param == "file" else LRUBackend() as made:
        yield made


def test_a_hit_saves_what_its_entry_took(backend: Any, clock: ManualClock) -> None:
    tally = tally_at(backend, clock)
    for _ in range(3):
        tally.count_hit(ENTRY, clock.time())
    tally.count_hit(ENTRY._replace(model=None, input_tokens=None, output_tokens=None), clock.time())
    assert ledger.book_of(backend).counts() == {
        cell("hit", model="small"): Sums(3, 4.5, 30, 6),
        cell("hit"): Sums(1, 1.5),
    }
    assert tally.info(None).hits == 4


def test_each_event_is_counted_under_its_outcome(backend: Any, clock: ManualClock) -> None:
    tally = tally_at(backend, clock)
    usage: dict[str, Any] = {"model": "small", "input_tokens": 10, "output_tokens": 2}
    tally.tell(Miss(function="ask", key="k", seconds=2.0, reason="absent", **usage))
    tally.tell(Miss(function="ask", key="k", seconds=9.0, reason="offline"))
    tally.tell(Hit(function="ask", seconds=0.1, saved=2.0, **usage))
    tally.tell(Stale(function="ask", saved=2.0, reason="revalidate", **usage))
    tally.tell(Wait(function="ask", **usage))
    tally.tell(Bypass(function="ask", reason="mode"))
    tally.tell(BackendFailure(function="ask", operation="get"))
    tally.tell(Store(function="ask"))
    book = ledger.book_of(backend)
    assert book.counts() == {
        cell("miss", "absent", model="small"): Sums(1),
        cell("miss", "offline"): Sums(1),
        cell("hit", model="small"): Sums(1, 2.0, 10, 2),
        cell("stale", "revalidate", model="small"): Sums(1, 2.0, 10, 2),
        cell("wait", model="small"): Sums(1, 0.0, 10, 2),
        cell("bypass", "mode"): Sums(1),
        cell("failure", "get"): Sums(1),
    }
    assert book.misses(1) == [Missed(clock.time(), "tenant", "ask", "k", "offline")]


def test_a_run_counts_with_what_it_took_whoever_it_was_for(
    backend: Any, clock: ManualClock
) -> None:
    tally = tally_at(backend, clock)
    tally.count_run(2.0, Usage("small", 10, 2), refresh=False)
    tally.count_run(1.0, Usage("small", 10, None), refresh=True)
    tally.count_run(0.5, None, refresh=False)
    assert ledger.book_of(backend).counts() == {
        cell("run", model="small"): Sums(1, 2.0, 10, 2),
        cell("run", "refresh", model="small"): Sums(1, 1.0, 10, 0),
        cell("run"): Sums(1, 0.5),
    }


def test_a_call_counts_on_its_day(backend: Any, clock: ManualClock) -> None:
    tally = tally_at(backend, clock)
    tally.count_hit(ENTRY, clock.time())
    clock.advance("1d")
    tally.count_hit(ENTRY, clock.time())
    days = [found.day for found in ledger.book_of(backend).counts()]
    assert sorted(days) == ["2027-01-15", "2027-01-16"]


def test_variants_share_counters_and_stores_do_not_share_counts(clock: ManualClock) -> None:
    one, other = LRUBackend(), LRUBackend()
    whole = Tally()
    for backend in (one, other):
        whole.at(ledger.account_of(backend, SCOPE, clock)).count_hit(ENTRY, clock.time())
    assert whole.info(None).hits == 2
    for backend in (one, other):
        assert sum(sums.calls for sums in ledger.book_of(backend).counts().values()) == 1


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that are switched as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_threads_lose_no_count(clock: ManualClock) -> None:
    backend = LRUBackend()
    tally = tally_at(backend, clock)
    book = ledger.book_of(backend)
    start = threading.Barrier(5)

    def count() -> None:
        start.wait()
        for _ in range(5_000):
            tally.count_hit(ENTRY, clock.time())

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    for _ in range(500):
        book.flush()
    for thread in threads:
        thread.join()
    assert book.counts() == {cell("hit", model="small"): Sums(20_000, 30_000.0, 200_000, 40_000)}


def test_what_nobody_counts_with_any_more_is_counted_and_let_go(clock: ManualClock) -> None:
    backend = LRUBackend()
    book = ledger.book_of(backend)
    kept = tally_at(backend, clock)
    for number in range(200):
        scope = Scope(f"tenant {number}", "ask")
        passing = Tally().at(ledger.account_of(backend, scope, clock))
        passing.count_hit(ENTRY, clock.time())
        passing.tell(Miss(function="ask", key="k", reason="absent"))
        kept.count_hit(ENTRY, clock.time())
        del passing
    counts = book.counts()
    assert len(book.running) == 1
    assert counts[cell("hit", model="small")].calls == 200
    others = [sums.calls for found, sums in counts.items() if found.namespace != "tenant"]
    assert others == [1] * 400
    kept.count_hit(ENTRY, clock.time())
    assert book.counts()[cell("hit", model="small")].calls == 201


@pytest.mark.usefixtures("restless")
def test_no_count_is_lost_while_namespaces_come_and_go() -> None:
    """As with a namespace a tenant: a function for one call, in threads, while all is written."""
    backend = LRUBackend()
    book = ledger.book_of(backend)

    @cached_structured(name="ask", version=1, backend=backend)
    def ask(text: str) -> str:
        return text

    start = threading.Barrier(5)

    def count() -> None:
        start.wait()
        for number in range(300):
            ask.cache_with(namespace=f"tenant {number % 3}")("x")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    while any(thread.is_alive() for thread in threads):
        book.flush()
    calls = [sums.calls for found, sums in book.counts().items() if found.outcome != "run"]
    assert sum(calls) == 1200
    assert len(book.running) == 0


def test_closing_writes_what_is_in_hand(tmp_path: Path, clock: ManualClock) -> None:
    with SQLiteBackend(tmp_path / "a.db") as first:
        tally = tally_at(first, clock)
        tally.count_hit(ENTRY, clock.time())
    with SQLiteBackend(tmp_path / "a.db") as second:
        assert [sums.calls for sums in second.counts().values()] == [1]


def test_what_a_store_refused_goes_with_the_next_writing(
    tmp_path: Path, clock: ManualClock
) -> None:
    class Refusing(SQLiteBackend):
        refuses = True

        def add_counts(self, *arguments: Any) -> None:
            if self.refuses:
                raise BackendUnavailableError("locked")
            super().add_counts(*arguments)

    with Refusing(tmp_path / "a.db") as backend:
        tally = tally_at(backend, clock)
        tally.tell(Miss(function="ask", key="k", seconds=2.0))
        book = ledger.book_of(backend)
        book.flush()
        tally.tell(Miss(function="ask", key="l", seconds=2.0))
        backend.refuses = False
        assert book.counts() == {cell("miss", "absent"): Sums(2)}
        assert [miss.key for miss in book.misses(9)] == ["l", "k"]


def test_what_got_through_though_the_store_failed_counts_once(
    tmp_path: Path, clock: ManualClock
) -> None:
    """As with a server whose answer came too late."""
    added: set[str] = set()

    class Late(SQLiteBackend):
        late = True

        def add_counts(self, counts: Any, missed: Any, batch: str = "") -> None:
            if batch not in added:
                super().add_counts(counts, missed)
            added.add(batch)
            if self.late:
                raise BackendUnavailableError("timed out")

    with Late(tmp_path / "a.db") as backend:
        tally = tally_at(backend, clock)
        book = ledger.book_of(backend)
        for key in "kl":
            tally.tell(Miss(function="ask", key=key))
            book.flush()
        backend.late = False
        assert book.counts() == {cell("miss", "absent"): Sums(2)}
        assert [miss.key for miss in book.misses(9)] == ["l", "k"]


def test_where_the_cache_is_off_no_store_is_opened_to_say_so(
    tmp_path: Path, clock: ManualClock
) -> None:
    with SQLiteBackend(tmp_path / "a.db") as backend:
        tally_at(backend, clock).tell(Bypass(function="ask", reason="mode"))
        ledger.flush()
    assert list(tmp_path.iterdir()) == []


def test_a_backend_that_keeps_no_ledger_is_told_apart(tmp_path: Path) -> None:
    with SQLiteBackend(tmp_path / "a.db") as file:
        assert ledger.book_of(file).kept
    assert not ledger.book_of(NullBackend()).kept


def test_a_forked_child_counts_its_own_calls_only(
    tmp_path: Path, clock: ManualClock, forked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the parent has in hand stays there: the thread that would write it is at rest."""
    monkeypatch.setattr("llmcache.ledger.book.flush", lambda: None)
    with SQLiteBackend(tmp_path / "a.db") as backend:
        tally = tally_at(backend, clock)
        tally.count_hit(ENTRY, clock.time())

        def count_two() -> bool:
            tally.count_hit(ENTRY, clock.time())
            tally.count_hit(ENTRY, clock.time())
            ledger.flush()
            return True

        assert forked(count_two)()
        assert [sums.calls for sums in backend.counts().values()] == [2]
        assert [sums.calls for sums in ledger.book_of(backend).counts().values()] == [3]
