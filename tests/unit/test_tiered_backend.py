"""A tier serves near copies for as long as the far side would serve the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from llmcache import BackendUnavailableError, ConfigurationError
from llmcache.backends import (
    AsyncLeasing,
    Backend,
    BackendBase,
    Entry,
    Epochs,
    Invalidations,
    Leasing,
    LRUBackend,
    Nothing,
    NullBackend,
    Scope,
    TieredBackend,
    able,
)
from llmcache.testing import ManualClock

SCOPE = Scope("", "f")


class Far(LRUBackend):
    """A far side that counts what it is asked, runs a step in between, or fails."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(max_entries=None, clock=clock)
        self.gets = 0
        self.down = False
        self.after_get: Callable[[], object] = lambda: None

    def check(self) -> None:
        if self.down:
            raise BackendUnavailableError("down")

    def get(self, key: str) -> Entry | Nothing:
        self.check()
        self.gets += 1
        found = super().get(key)
        step, self.after_get = self.after_get, lambda: None
        step()
        return found

    def put(self, key: str, entry: Entry) -> None:
        self.check()
        super().put(key, entry)

    def invalidate(self, key: str, scope: Scope) -> bool:
        self.check()
        return super().invalidate(key, scope)

    def invalidations(self) -> int:
        self.check()
        return super().invalidations()


class Remote(BackendBase):
    """A far side that can do what every backend can, and cannot tell of invalidations."""

    description = "remote"

    def __init__(self, far: Far) -> None:
        self.far = far

    def get(self, key: str) -> Entry | Nothing:
        return self.far.get(key)

    def put(self, key: str, entry: Entry) -> None:
        self.far.put(key, entry)

    def delete(self, key: str) -> bool:
        return self.far.delete(key)

    def close(self) -> None:
        self.far.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture
def far(clock: ManualClock) -> Far:
    return Far(clock)


@pytest.fixture
def tier(far: Far, clock: ManualClock) -> TieredBackend:
    return TieredBackend(LRUBackend(clock=clock), far, clock=clock)


@pytest.fixture
def elsewhere(far: Far, clock: ManualClock) -> TieredBackend:
    """Another process on the same far side."""
    return TieredBackend(LRUBackend(clock=clock), far, clock=clock)


def entry(value: bytes = b"1", *, expires: float | None = None) -> Entry:
    return Entry(value, SCOPE, 1000.0, expires=expires)


def test_the_far_side_is_read_once(tier: TieredBackend, far: Far) -> None:
    LRUBackend.put(far, "a", entry())
    assert [tier.get("a"), tier.get("a"), far.gets] == [entry(), entry(), 1]


async def test_the_far_side_is_read_once_async(tier: TieredBackend, far: Far) -> None:
    LRUBackend.put(far, "a", entry())
    assert [await tier.aget("a"), await tier.aget("a"), far.gets] == [entry(), entry(), 1]


def test_what_is_put_is_near_already(tier: TieredBackend, far: Far) -> None:
    tier.put("a", entry())
    assert tier.put_if("b", entry(), tier.epoch("b", SCOPE))
    assert [tier.get("a"), tier.get("b"), far.gets] == [entry(), entry(), 0]


async def test_the_first_read_of_a_loop_asks_the_far_side_by_its_own_way(
    tier: TieredBackend, far: Far
) -> None:
    """What opens a file for the loop's thread is `aget`, never `invalidations`."""
    await tier.aput("a", entry())
    assert [await tier.aget("a"), far.gets] == [entry(), 1]
    assert [await tier.aget("a"), far.gets] == [entry(), 1]


def test_a_failed_write_leaves_no_copy(tier: TieredBackend, far: Far) -> None:
    tier.put("a", entry(b"old"))
    far.down = True
    with pytest.raises(BackendUnavailableError):
        tier.put("a", entry(b"new"))
    assert tier.near.get("a") is Nothing.ABSENT


def test_a_refused_write_leaves_no_copy(tier: TieredBackend) -> None:
    epoch = tier.epoch("a", SCOPE)
    tier.invalidate("a", SCOPE)
    assert tier.put_if("a", entry(), epoch) is False
    assert tier.near.get("a") is Nothing.ABSENT


def test_an_expired_copy_gives_way_to_what_the_far_side_has_now(
    tier: TieredBackend, far: Far, clock: ManualClock
) -> None:
    tier.put("a", Entry(b"old", SCOPE, 1000.0, expires=1010.0, stale_until=2000.0))
    LRUBackend.put(far, "a", entry(b"new"))
    assert tier.get("a") != entry(b"new")
    clock.advance(11)
    assert tier.get("a") == entry(b"new")


@pytest.mark.parametrize("how", ["invalidate", "clear", "advance"])
def test_an_invalidation_elsewhere_is_seen_at_the_next_call(
    tier: TieredBackend, elsewhere: TieredBackend, how: str
) -> None:
    elsewhere.put("a", entry(b"old"))
    assert tier.get("a") == entry(b"old")
    getattr(elsewhere, how)(*((SCOPE,) if how == "clear" else ("a", SCOPE)))
    elsewhere.put("a", entry(b"new"))
    assert tier.get("a") == entry(b"new")


async def test_an_invalidation_elsewhere_is_seen_at_the_next_call_async(
    tier: TieredBackend, elsewhere: TieredBackend
) -> None:
    elsewhere.put("a", entry(b"old"))
    assert [await tier.aget("a"), await tier.aget("a")] == [entry(b"old")] * 2
    elsewhere.clear(SCOPE)
    assert await tier.aget("a") is Nothing.ABSENT


def test_other_copies_survive_an_invalidation(
    tier: TieredBackend, elsewhere: TieredBackend, far: Far
) -> None:
    tier.put("a", entry())
    tier.put("b", entry())
    tier.get("a")
    elsewhere.invalidate("a", SCOPE)
    assert [tier.get("a"), tier.get("b")] == [Nothing.ABSENT, entry()]
    assert far.gets == 1


@pytest.mark.parametrize("how", ["invalidate", "clear", "advance", "delete", "put"])
def test_what_was_overtaken_while_it_was_read_is_not_copied(
    tier: TieredBackend, far: Far, how: str
) -> None:
    LRUBackend.put(far, "a", entry(b"old"))
    arguments = {"clear": (SCOPE,), "delete": ("a",), "put": ("a", entry(b"new"))}
    far.after_get = lambda: getattr(tier, how)(*arguments.get(how, ("a", SCOPE)))
    assert tier.get("a") == entry(b"old")
    assert tier.near.get("a") is Nothing.ABSENT or tier.near.get("a") == entry(b"new")
    assert tier.get("a") == LRUBackend.get(far, "a")


def test_what_was_invalidated_elsewhere_while_it_was_read_is_not_served_again(
    tier: TieredBackend, elsewhere: TieredBackend, far: Far
) -> None:
    LRUBackend.put(far, "a", entry(b"old"))
    far.after_get = lambda: elsewhere.invalidate("a", SCOPE)
    assert tier.get("a") == entry(b"old")
    assert tier.get("a") is Nothing.ABSENT


def test_of_two_writers_at_once_neither_leaves_an_outdated_copy(
    tier: TieredBackend, far: Far
) -> None:
    with tier.copies.write("a") as slow:
        LRUBackend.put(far, "a", entry(b"slow"))
        slow.stored = entry(b"slow")
        tier.put("a", entry(b"quick"))
    assert tier.get("a") == entry(b"quick")


def test_a_copy_read_before_another_thread_dropped_it_is_not_served(
    far: Far, elsewhere: TieredBackend, clock: ManualClock
) -> None:
    class Near(LRUBackend):
        after_get: Callable[[], object] = staticmethod(lambda: None)

        def get(self, key: str) -> Entry | Nothing:
            found = super().get(key)
            step, self.after_get = self.after_get, lambda: None
            step()
            return found

    near = Near(clock=clock)
    tier = TieredBackend(near, far, clock=clock)
    tier.put("a", entry(b"outdated"))
    assert tier.get("a") == entry(b"outdated")
    elsewhere.invalidate("a", SCOPE)
    near.after_get = tier.copies.catch_up
    assert tier.get("a") is Nothing.ABSENT


def test_what_was_invalidated_elsewhere_while_the_first_write_ends_is_not_copied(
    tier: TieredBackend, elsewhere: TieredBackend, far: Far
) -> None:
    with tier.copies.write("a") as write:
        far.put("a", entry(b"outdated"))
        write.stored = entry(b"outdated")
        elsewhere.invalidate("a", SCOPE)
        tier.copies.catch_up()
    assert tier.get("a") is Nothing.ABSENT


def test_fresh_copies_are_served_while_the_far_side_fails(
    tier: TieredBackend, far: Far, clock: ManualClock
) -> None:
    tier.put("a", entry(expires=1010.0))
    far.down = True
    assert tier.get("a") == entry(expires=1010.0)
    clock.advance(11)
    with pytest.raises(BackendUnavailableError):
        tier.get("a")


def test_an_invalidation_that_fails_drops_the_copy_and_says_so(
    tier: TieredBackend, far: Far
) -> None:
    tier.put("a", entry())
    far.down = True
    with pytest.raises(BackendUnavailableError):
        tier.invalidate("a", SCOPE)
    assert tier.near.get("a") is Nothing.ABSENT


def test_another_store_in_the_far_sides_place_is_noticed(tier: TieredBackend, far: Far) -> None:
    """A file set aside as corrupt is replaced by one that counts from 0 again."""
    tier.invalidate("z", SCOPE)
    tier.put("a", entry())
    assert tier.get("a") == entry()
    far.epochs.number = 0
    far.close()
    assert tier.get("a") is Nothing.ABSENT


def test_a_near_side_that_is_not_empty_is_checked_first(
    far: Far, elsewhere: TieredBackend, clock: ManualClock
) -> None:
    near = LRUBackend(clock=clock)
    near.put("a", entry(b"outdated"))
    near.put("b", entry())
    elsewhere.invalidate("a", SCOPE)
    tier = TieredBackend(near, far, clock=clock)
    assert [tier.get("a"), tier.get("b")] == [Nothing.ABSENT, entry()]


def test_a_copy_of_what_cannot_be_asked_counts_for_a_while(far: Far, clock: ManualClock) -> None:
    tier = TieredBackend(LRUBackend(clock=clock), Remote(far), near_ttl="5s", clock=clock)
    tier.put("a", entry(b"old"))
    far.put("a", entry(b"new"))
    clock.advance(4)
    assert tier.get("a") == entry(b"old")
    clock.set(0.0)
    clock.advance(1)
    assert tier.get("a") == entry(b"new")


def test_what_is_known_of_copies_does_not_outgrow_them(far: Far, clock: ManualClock) -> None:
    tier = TieredBackend(LRUBackend(clock=clock), Remote(far), near_ttl=5, clock=clock)
    for number in range(100):
        clock.advance(1)
        tier.put(str(number), entry())
    assert len(tier.copies.due) == 5


def test_a_tier_can_do_what_its_far_side_can(tier: TieredBackend, far: Far) -> None:
    kinds = [Epochs, Invalidations, Leasing, AsyncLeasing]
    over_remote = TieredBackend(LRUBackend(), Remote(far))
    assert [able(tier, kind) is tier for kind in kinds] == [True, True, False, False]
    assert [able(over_remote, kind) for kind in kinds] == [None] * 4
    assert able(over_remote, Backend) is over_remote


def test_it_blocks_where_one_of_its_sides_does(far: Far) -> None:
    assert TieredBackend(LRUBackend(), far).blocking is False
    assert TieredBackend(LRUBackend(), Remote(far)).blocking is True


def test_closing_closes_both_sides(tier: TieredBackend, far: Far) -> None:
    with tier:
        tier.put("a", entry())
    assert (tier.near.count(), far.count()) == (0, 0)


def test_the_near_side_must_be_able_to_drop_what_is_outdated(far: Far) -> None:
    with pytest.raises(ConfigurationError, match=r"remote cannot be .* use an LRUBackend"):
        TieredBackend(Remote(far), far)


@pytest.mark.parametrize("near_ttl", [0, -1, "soon", True])
def test_near_ttl_is_a_duration(near_ttl: float | str) -> None:
    with pytest.raises(ConfigurationError, match="near_ttl"):
        TieredBackend(LRUBackend(), NullBackend(), near_ttl=near_ttl)


def test_tiers_nest(tier: TieredBackend, elsewhere: TieredBackend, clock: ManualClock) -> None:
    outer = TieredBackend(LRUBackend(clock=clock), tier, clock=clock)
    elsewhere.put("a", entry(b"old"))
    assert outer.get("a") == entry(b"old")
    elsewhere.invalidate("a", SCOPE)
    assert outer.get("a") is Nothing.ABSENT


def test_a_child_forked_while_another_thread_writes_goes_on(
    tier: TieredBackend, forked: Any
) -> None:
    tier.put("a", entry())
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with tier.copies.lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()

    def go_on() -> bool:
        tier.put("b", entry(b"2"))
        return (tier.get("a"), tier.get("b")) == (entry(), entry(b"2"))

    went_on = forked(go_on)
    over.set()
    thread.join()
    assert went_on()


@pytest.mark.parametrize("sides", [(LRUBackend(), "sqlite:///x.db"), (1, LRUBackend())])
def test_a_side_that_is_no_backend_is_refused(sides):
    with pytest.raises(ConfigurationError, match="is not a backend; open_backend"):
        TieredBackend(*sides)
