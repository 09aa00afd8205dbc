"""Which process computes: one at a time, and never for longer than its lease."""

# ruff: noqa: S101, D102 - tests: they assert, on figures, and their names say on what
# mypy: disable-error-code="type-abstract"
# Abilities are asked for by their protocols.

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmcache.backends.base import Backend, Claim, Held, Leasing, Nothing
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import (
    KEY,
    OTHER,
    SCOPE,
    BackendSuite,
    Driven,
    an_entry,
    need,
)

__all__ = ["LeaseSuite"]


class LeaseSuite(BackendSuite):
    """`Leasing`, and its async twins where there are any."""

    @pytest.fixture
    def leases(self, backend: Backend) -> Leasing:
        """The empty backend, if it has leases."""
        return need(backend, Leasing)

    def test_the_first_to_claim_computes(self, driven: Driven, leases: Leasing) -> None:
        assert driven.claim(KEY, "a") == Claim(Nothing.ABSENT, leases.epoch(KEY, SCOPE), None)

    def test_the_second_is_told_until_when(
        self, driven: Driven, leases: Leasing, clock: ManualClock
    ) -> None:
        driven.claim(KEY, "a", 10)
        claim = driven.claim(KEY, "b", 10)
        assert isinstance(claim.held, Held)
        assert claim.held.expires == pytest.approx(clock.time() + 10, abs=1)
        assert (claim.entry, claim.epoch) == (Nothing.ABSENT, leases.epoch(KEY, SCOPE))

    def test_keys_are_claimed_apart(self, driven: Driven, leases: Leasing) -> None:  # noqa: ARG002 - skips
        assert driven.claim(KEY, "a").held is None
        assert driven.claim(OTHER, "b").held is None

    def test_a_live_entry_is_not_leased(
        self, driven: Driven, leases: Leasing, clock: ManualClock
    ) -> None:
        entry = an_entry(clock, ttl=60)
        driven.put(KEY, entry)
        for token in "ab":
            assert driven.claim(KEY, token) == Claim(entry, leases.epoch(KEY, SCOPE), None)
        clock.advance(61)
        assert driven.claim(KEY, "c").held is None

    def test_an_expired_entry_is_leased_and_shown(
        self, driven: Driven, leases: Leasing, clock: ManualClock
    ) -> None:
        entry = an_entry(clock, ttl=60, stale=600)
        driven.put(KEY, entry)
        clock.advance(61)
        assert driven.claim(KEY, "a") == Claim(entry, leases.epoch(KEY, SCOPE), None)
        second = driven.claim(KEY, "b")
        assert (second.entry, type(second.held)) == (entry, Held)

    @pytest.mark.parametrize(
        ("max_age", "live"), [(None, True), (11, True), (9, False), (0, False)]
    )
    def test_the_reader_says_how_old_is_too_old(
        self,
        driven: Driven,
        leases: Leasing,  # noqa: ARG002 - skips
        clock: ManualClock,
        max_age: float | None,
        live: bool,  # noqa: FBT001 - a parameter of the test
    ) -> None:
        entry = an_entry(clock, age=10)
        driven.put(KEY, entry)
        assert driven.claim(KEY, "a", max_age=max_age).held is None
        second = driven.claim(KEY, "b", max_age=max_age)
        assert (second.entry, second.held is None) == (entry, live)

    def test_claiming_again_renews(
        self, driven: Driven, leases: Leasing, clock: ManualClock
    ) -> None:
        driven.claim(KEY, "a", 10)
        clock.advance(9)
        assert driven.claim(KEY, "a", 10).held is None
        clock.advance(9)
        assert driven.claim(KEY, "b").held is not None
        assert leases.renew(KEY, "a", 10) is True

    def test_renewing_extends(self, driven: Driven, leases: Leasing, clock: ManualClock) -> None:
        driven.claim(KEY, "a", 10)
        for _ in range(3):
            clock.advance(9)
            assert leases.renew(KEY, "a", 10) is True
            assert driven.claim(KEY, "b").held is not None

    def test_an_expired_lease_goes_to_the_next(
        self, driven: Driven, leases: Leasing, clock: ManualClock
    ) -> None:
        driven.claim(KEY, "a", 10)
        clock.advance(11)
        assert driven.claim(KEY, "b", 10).held is None
        assert leases.renew(KEY, "a", 10) is False
        assert driven.claim(KEY, "a", 10).held is not None

    def test_a_released_lease_goes_to_the_next(self, driven: Driven, leases: Leasing) -> None:
        driven.claim(KEY, "a")
        driven.release(KEY, "a")
        assert driven.claim(KEY, "b").held is None
        assert leases.renew(KEY, "a", 10) is False

    def test_only_the_holder_renews_and_releases(self, driven: Driven, leases: Leasing) -> None:
        driven.claim(KEY, "a")
        driven.release(KEY, "b")
        driven.release(OTHER, "a")
        assert leases.renew(KEY, "b", 10) is False
        assert leases.renew(OTHER, "a", 10) is False
        assert driven.claim(KEY, "b").held is not None

    def test_settling_stores_and_releases(
        self, driven: Driven, leases: Leasing, clock: ManualClock
    ) -> None:
        epoch = driven.claim(KEY, "a").epoch
        assert driven.settle(KEY, "a", an_entry(clock, ttl=60), epoch) is True
        assert driven.get(KEY) == an_entry(clock, ttl=60)
        assert leases.renew(KEY, "a", 10) is False
        assert driven.claim(KEY, "b", max_age=0).held is None

    def test_a_lost_lease_is_no_obstacle_to_the_answer(
        self, driven: Driven, leases: Leasing, clock: ManualClock
    ) -> None:
        epoch = driven.claim(KEY, "a", 10).epoch
        clock.advance(11)
        driven.claim(KEY, "b", 10)
        assert driven.settle(KEY, "a", an_entry(clock), epoch) is True
        assert driven.get(KEY) == an_entry(clock)
        assert leases.renew(KEY, "b", 10) is True

    @pytest.mark.parametrize("how", ["invalidate", "clear", "advance"])
    def test_an_outdated_answer_is_not_stored_and_ends_the_lease(
        self,
        driven: Driven,
        leases: Leasing,
        clock: ManualClock,
        how: str,
    ) -> None:
        epoch = driven.claim(KEY, "a").epoch
        driven.call(how, *((SCOPE,) if how == "clear" else (KEY, SCOPE)))
        assert driven.settle(KEY, "a", an_entry(clock), epoch) is False
        assert driven.get(KEY) is Nothing.ABSENT
        assert leases.renew(KEY, "a", 10) is False

    @pytest.mark.parametrize("how", ["invalidate", "clear", "advance"])
    def test_a_lease_of_an_older_epoch_goes_to_the_next(
        self,
        driven: Driven,
        leases: Leasing,
        how: str,
    ) -> None:
        driven.claim(KEY, "a")
        driven.call(how, *((SCOPE,) if how == "clear" else (KEY, SCOPE)))
        assert driven.claim(KEY, "b") == Claim(Nothing.ABSENT, leases.epoch(KEY, SCOPE), None)
        assert driven.claim(KEY, "c").held is not None

    def test_of_many_at_once_one_computes(self, backend: Backend, leases: Leasing) -> None:  # noqa: ARG002 - skips
        start = threading.Barrier(8)

        def claim(token: str) -> bool:
            start.wait()
            claimed = need(backend, Leasing).claim(KEY, SCOPE, token, 10, max_age=None)
            return claimed.held is None

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(claim, "abcdefgh")) == 1

    def test_another_object_sees_the_lease(
        self, driven: Driven, leases: Leasing, again: Callable[[], Backend], clock: ManualClock
    ) -> None:
        other = need(again(), Leasing)
        epoch = driven.claim(KEY, "a").epoch
        assert other.claim(KEY, SCOPE, "b", 10, max_age=None).held is not None
        assert leases.settle(KEY, "a", an_entry(clock), epoch) is True
        assert other.claim(KEY, SCOPE, "b", 10, max_age=None) == Claim(an_entry(clock), epoch, None)
