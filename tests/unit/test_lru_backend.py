"""Memory: bounded, the least recently used first to go, what has ended before what lives."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest

from llmcache import ConfigurationError
from llmcache.backends import Entry, LRUBackend, Nothing, Scope
from llmcache.backends.epochs import EpochLog
from llmcache.testing import ManualClock

SCOPE = Scope("", "f")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


def entry(value: bytes = b"", *, expires: float | None = None, stale: float | None = None) -> Entry:
    return Entry(value, SCOPE, 1000.0, expires=expires, stale_until=stale, parts=b"")


def resident(lru: LRUBackend) -> list[str]:
    """The keys, the least recently used first."""
    return list(lru.kept)


def check_books(lru: LRUBackend) -> None:
    """The sum of sizes is right, every ending is known, and little else is remembered."""
    assert lru.size() == sum(kept.size for kept in lru.kept.values())
    endings = {(kept.ends, key) for key, kept in lru.kept.items() if kept.entry.expires is not None}
    assert endings <= set(lru.endings)
    assert len(lru.endings) <= 2 * len(lru.kept) + 64


def test_the_least_recently_used_goes_first(clock: ManualClock) -> None:
    lru = LRUBackend(max_entries=3, clock=clock)
    for key in "abc":
        lru.put(key, entry())
    lru.get("a")
    lru.put("d", entry())
    assert resident(lru) == ["c", "a", "d"]
    lru.put("c", entry(b"again"))
    lru.put("e", entry())
    assert resident(lru) == ["d", "c", "e"]
    check_books(lru)


def test_what_has_ended_goes_before_what_lives(clock: ManualClock) -> None:
    lru = LRUBackend(max_entries=4, clock=clock)
    lru.put("oldest", entry())
    lru.put("stale", entry(expires=1010.0, stale=2000.0))
    lru.put("ends", entry(expires=1010.0))
    lru.put("last", entry())
    clock.advance(60)
    lru.put("new", entry())
    assert resident(lru) == ["oldest", "stale", "last", "new"]
    check_books(lru)


def test_all_that_has_ended_goes_before_anything_that_lives(clock: ManualClock) -> None:
    lru = LRUBackend(max_entries=None, max_bytes=60, clock=clock)
    lru.put("L", entry(b"x" * 9))
    for key in "abcd":
        lru.put(key, entry(b"x" * 9, expires=1010.0))
    clock.advance(60)
    lru.put("N", entry(b"x" * 49))
    assert resident(lru) == ["L", "N"]
    check_books(lru)


def test_each_write_cleans_up_a_little(clock: ManualClock) -> None:
    lru = LRUBackend(max_entries=None, clock=clock)
    for number in range(10):
        lru.put(str(number), entry(expires=1010.0))
    clock.advance(60)
    counts = []
    for number in range(100, 106):
        lru.put(str(number), entry())
        counts.append(lru.count())
    assert counts == [9, 8, 7, 6, 5, 6]
    check_books(lru)


def test_bytes_are_bounded(clock: ManualClock) -> None:
    lru = LRUBackend(max_entries=None, max_bytes=100, clock=clock)
    for key in "abcd":
        lru.put(key, entry(b"x" * 29))
    assert (resident(lru), lru.size()) == (["b", "c", "d"], 90)
    lru.put("e", entry(b"x" * 79))
    assert (resident(lru), lru.size()) == (["e"], 80)
    check_books(lru)


def test_one_that_is_too_large_is_not_kept_and_nothing_goes_for_it(clock: ManualClock) -> None:
    lru = LRUBackend(max_bytes=100, clock=clock)
    lru.put("a", entry(b"old"))
    lru.put("b", entry(b"other"))
    lru.put("a", entry(b"x" * 100))
    assert lru.get("a") is Nothing.ABSENT
    assert lru.put_if("c", entry(b"x" * 100), 0) is False
    assert resident(lru) == ["b"]
    check_books(lru)


def test_replacing_over_and_over_keeps_the_books_small(clock: ManualClock) -> None:
    lru = LRUBackend(clock=clock)
    for number in range(1000):
        lru.put("a", entry(bytes(number % 7), expires=2000.0 + number))
    check_books(lru)
    clock.advance(1500)
    assert isinstance(lru.get("a"), Entry)


def test_what_has_ended_is_hidden_before_it_is_removed(clock: ManualClock) -> None:
    lru = LRUBackend(clock=clock)
    lru.put("a", entry(expires=1010.0))
    clock.advance(10)
    assert lru.get("a") is Nothing.ABSENT
    assert lru.count() == 1
    assert (lru.delete("a"), lru.count()) == (False, 0)


def test_an_entry_from_memory_is_the_one_that_was_put() -> None:
    """Nothing is copied: entries are frozen and hold bytes."""
    lru, stored = LRUBackend(), entry(b"x" * 1000)
    lru.put("a", stored)
    assert lru.get("a") is stored


def test_use_is_counted(clock: ManualClock) -> None:
    lru = LRUBackend(clock=clock)
    lru.put("a", entry())
    clock.advance(5)
    lru.get("a")
    lru.get("a")
    (listed,) = lru.entries()
    assert (listed.hits, listed.used) == (2, 1005.0)


@pytest.mark.parametrize("bound", [0, -1, True, 1.5, "10"])
def test_a_bound_on_entries_is_a_whole_number_above_zero(bound: int) -> None:
    with pytest.raises(ConfigurationError, match="max_entries"):
        LRUBackend(max_entries=bound)


@pytest.mark.parametrize("bound", [0, -1, True, "lots"])
def test_a_bound_on_bytes_is_a_size_above_zero(bound: int | str) -> None:
    with pytest.raises(ConfigurationError, match="max_bytes"):
        LRUBackend(max_bytes=bound)


def test_a_bound_on_bytes_may_be_text() -> None:
    assert LRUBackend(max_bytes="2KiB").max_bytes == 2048


def test_closing_forgets(clock: ManualClock) -> None:
    with LRUBackend(clock=clock) as lru:
        lru.put("a", entry(expires=2000.0))
        lru.put_manifest("m", b"{}")
    assert (lru.count(), lru.size(), lru.get_manifest("m")) == (0, 0, None)
    check_books(lru)


def test_older_invalidations_count_for_their_whole_scope() -> None:
    log, other = EpochLog(remembered=2), Scope("", "g")
    for key in "abc":
        log.add_key(key, SCOPE)
    assert (log.of("a", SCOPE), log.of("unseen", SCOPE), log.of("unseen", other)) == (1, 1, 0)
    assert (log.of("b", SCOPE), log.of("c", SCOPE)) == (2, 3)
    assert set(log.since(0)) == {SCOPE, "b", "c"}
    assert set(log.since(1)) == {"b", "c"}


def test_the_log_of_invalidations_does_not_grow_with_keys() -> None:
    log = EpochLog(remembered=10)
    for number in range(1000):
        log.add_key(str(number), SCOPE)
    assert (len(log.keys), log.scopes) == (10, {SCOPE: 990})


def test_it_is_collected_when_dropped() -> None:
    lru = LRUBackend()
    gone = weakref.ref(lru)
    del lru
    gc.collect()
    assert gone() is None


def test_a_child_forked_while_another_thread_writes_goes_on_with_a_copy(forked: Any) -> None:
    lru, held, over = LRUBackend(max_entries=2), threading.Event(), threading.Event()
    lru.put("a", entry(b"1"))

    def hold() -> None:
        with lru.lock:
            lru.bytes += 1000
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()

    def go_on() -> bool:
        lru.put("b", entry(b"22"))
        return (lru.get("a"), lru.get("b"), lru.size()) == (entry(b"1"), entry(b"22"), 5)

    went_on = forked(go_on)
    over.set()
    thread.join()
    assert went_on()
    assert lru.get("b") is Nothing.ABSENT
