"""Invalidation beats a running computation, whoever runs it."""

# ruff: noqa: S101, D102 - tests: they assert, on figures, and their names say on what
# mypy: disable-error-code="type-abstract"
# Abilities are asked for by their protocols.

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmcache.backends.base import Backend, Epochs, Invalidations, Nothing, Scope
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import (
    KEY,
    OTHER,
    SCOPE,
    BackendSuite,
    Driven,
    an_entry,
    key_of,
    need,
)

__all__ = ["EpochSuite"]

TENANT = Scope("tenant", SCOPE.function)


class EpochSuite(BackendSuite):
    """`Epochs` and `Invalidations`."""

    @pytest.fixture
    def epochs(self, backend: Backend) -> Epochs:
        """The empty backend, if it has epochs."""
        return need(backend, Epochs)

    @pytest.fixture
    def news(self, backend: Backend, epochs: Epochs) -> Invalidations:  # noqa: ARG002 - skips
        """The empty backend, if it tells of invalidations."""
        return need(backend, Invalidations)

    def test_reading_and_writing_begin_no_epoch(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        before = epochs.epoch(KEY, SCOPE)
        driven.put(KEY, an_entry(clock))
        driven.get(KEY)
        driven.delete(KEY)
        assert epochs.epoch(KEY, SCOPE) == before

    def test_put_if_stores_in_the_same_epoch(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        assert epochs.put_if(KEY, an_entry(clock), epochs.epoch(KEY, SCOPE)) is True
        assert driven.get(KEY) == an_entry(clock)

    def test_invalidate_removes_and_says_whether_it_was_there(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        epochs.put_if(KEY, an_entry(clock), epochs.epoch(KEY, SCOPE))
        assert [driven.invalidate(KEY), driven.invalidate(KEY)] == [True, False]
        assert driven.get(KEY) is Nothing.ABSENT

    def test_invalidate_beats_a_computation_under_way(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        before = epochs.epoch(KEY, SCOPE)
        driven.invalidate(KEY)
        assert epochs.put_if(KEY, an_entry(clock), before) is False
        assert driven.get(KEY) is Nothing.ABSENT

    def test_clear_beats_a_computation_under_way(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        before = epochs.epoch(KEY, SCOPE)
        driven.clear()
        assert epochs.put_if(KEY, an_entry(clock), before) is False
        assert driven.get(KEY) is Nothing.ABSENT

    def test_a_refresh_keeps_the_entry_and_beats_a_computation_under_way(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        driven.put(KEY, an_entry(clock, b"old"))
        before = epochs.epoch(KEY, SCOPE)
        epoch = driven.advance(KEY)
        assert driven.get(KEY) == an_entry(clock, b"old")
        assert epochs.put_if(KEY, an_entry(clock, b"outdated"), before) is False
        assert epochs.put_if(KEY, an_entry(clock, b"new"), epoch) is True
        assert driven.get(KEY) == an_entry(clock, b"new")

    def test_a_refused_answer_leaves_what_is_there(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        before = epochs.epoch(KEY, SCOPE)
        driven.invalidate(KEY)
        driven.put(KEY, an_entry(clock, b"later"))
        assert epochs.put_if(KEY, an_entry(clock, b"earlier"), before) is False
        assert driven.get(KEY) == an_entry(clock, b"later")

    def test_the_next_computation_is_stored(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        for invalidate in (driven.invalidate, driven.advance, lambda _: driven.clear()):
            invalidate(KEY)
            assert epochs.put_if(KEY, an_entry(clock), epochs.epoch(KEY, SCOPE)) is True
        assert driven.get(KEY) == an_entry(clock)

    def test_each_invalidation_is_a_higher_epoch(self, driven: Driven, epochs: Epochs) -> None:
        seen = [epochs.epoch(KEY, SCOPE)]
        for _ in range(2):
            driven.invalidate(KEY)
            seen.append(epochs.epoch(KEY, SCOPE))
            driven.clear()
            seen.append(epochs.epoch(KEY, SCOPE))
            seen.append(driven.advance(KEY))
        assert seen == sorted(set(seen))

    def test_invalidate_touches_one_key(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        driven.put(OTHER, an_entry(clock))
        before = epochs.epoch(OTHER, SCOPE)
        driven.invalidate(KEY)
        assert driven.get(OTHER) == an_entry(clock)
        assert epochs.epoch(OTHER, SCOPE) == before

    def test_clear_touches_one_scope(
        self, driven: Driven, epochs: Epochs, clock: ManualClock
    ) -> None:
        others = [TENANT, Scope("", "shop.extract2"), Scope("", "shop"), Scope("shop", "extract")]
        for number in range(3):
            driven.put(key_of(number), an_entry(clock))
        for number, scope in enumerate(others, start=3):
            driven.put(key_of(number), an_entry(clock, scope=scope))
        before = [epochs.epoch(KEY, scope) for scope in others]
        assert [driven.clear(), driven.clear()] == [3, 0]
        assert [driven.get(key_of(number)) for number in range(3)] == [Nothing.ABSENT] * 3
        for number, scope in enumerate(others, start=3):
            assert driven.get(key_of(number)) == an_entry(clock, scope=scope)
        assert [epochs.epoch(KEY, scope) for scope in others] == before

    def test_what_was_invalidated_is_told(self, driven: Driven, news: Invalidations) -> None:
        first = news.invalidations()
        driven.invalidate(KEY)
        second = news.invalidations()
        driven.clear(TENANT)
        driven.advance(OTHER)
        last = news.invalidations()
        assert first < second < last
        assert set(news.invalidated_since(first)) == {KEY, TENANT, OTHER}
        assert set(news.invalidated_since(second)) == {TENANT, OTHER}
        assert news.invalidated_since(last) == []

    def test_other_writes_are_not_told(
        self, driven: Driven, news: Invalidations, clock: ManualClock
    ) -> None:
        before = news.invalidations()
        driven.put(KEY, an_entry(clock))
        driven.get(KEY)
        driven.delete(KEY)
        assert news.invalidations() == before

    def test_epochs_outlive_the_object(
        self, driven: Driven, epochs: Epochs, again: Callable[[], Backend]
    ) -> None:
        before = epochs.epoch(KEY, SCOPE)
        driven.invalidate(KEY)
        after = epochs.epoch(KEY, SCOPE)
        driven.backend.close()
        reopened = need(again(), Epochs)
        assert before < after == reopened.epoch(KEY, SCOPE)

    @pytest.mark.parametrize("how", ["invalidate", "clear", "advance"])
    def test_an_invalidation_by_another_object_is_seen_at_the_next_call(
        self,
        driven: Driven,
        epochs: Epochs,
        again: Callable[[], Backend],
        how: str,
        clock: ManualClock,
    ) -> None:
        other = again()
        driven.put(KEY, an_entry(clock, b"old"))
        assert driven.get(KEY) == an_entry(clock, b"old")
        before = epochs.epoch(KEY, SCOPE)
        getattr(other, how)(*((SCOPE,) if how == "clear" else (KEY, SCOPE)))
        other.put(KEY, an_entry(clock, b"new"))
        assert driven.get(KEY) == an_entry(clock, b"new")
        assert epochs.put_if(KEY, an_entry(clock, b"outdated"), before) is False
        assert driven.get(KEY) == an_entry(clock, b"new")
