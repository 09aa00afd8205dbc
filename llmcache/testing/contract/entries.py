"""Entries by key: what goes in comes out, whole, for as long as it may be served."""

# ruff: noqa: S101, D102 - tests: they assert, on figures, and their names say on what

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmcache.backends.base import Backend, Entry, Nothing, Scope
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import (
    KEY,
    OTHER,
    SCOPE,
    BackendSuite,
    Driven,
    an_entry,
    key_of,
)

__all__ = ["EntrySuite"]

FACTS = Entry(
    value=bytes(range(256)),
    scope=Scope("tenant: Ü/%\N{SNOWMAN}", "shop.orders.Extractor.<locals>.run"),
    created=1_699_999_999.123456,
    expires=1_700_009_999.5,
    stale_until=1_700_019_999.25,
    parts=b'{"argument text":"0a1b","code":"ff"}',
    manifest="ab" * 32,
    model="gpt-4o-mini-2024-07-18",
    input_tokens=123_456_789,
    output_tokens=1,
    seconds=2.718281828,
)
ZEROES = Entry(
    b"", Scope("", ""), 1_700_000_000.0, model="", input_tokens=0, output_tokens=0, seconds=0.0
)


class EntrySuite(BackendSuite):
    """`Backend` itself."""

    def test_it_is_a_backend(self, backend: Backend) -> None:
        assert isinstance(backend, Backend)
        assert isinstance(backend.description, str)
        assert isinstance(backend.blocking, bool)

    def test_nothing_is_there_at_first(self, driven: Driven) -> None:
        assert driven.get(KEY) is Nothing.ABSENT

    @pytest.mark.parametrize("entry", [FACTS, ZEROES], ids=["all facts", "empty and zero"])
    def test_every_field_comes_back_as_it_was(self, driven: Driven, entry: Entry) -> None:
        driven.put(KEY, entry)
        assert driven.get(KEY) == entry

    def test_what_is_not_known_stays_none(self, driven: Driven, clock: ManualClock) -> None:
        driven.put(KEY, Entry(b"answer", SCOPE, clock.time()))
        assert driven.get(KEY) == Entry(
            b"answer", SCOPE, clock.time(), None, None, b"{}", "", None, None, None, 0.0
        )

    def test_a_value_of_megabytes(self, driven: Driven, clock: ManualClock) -> None:
        entry = an_entry(clock, bytes(range(256)) * 20_000)
        driven.put(KEY, entry)
        assert driven.get(KEY) == entry

    def test_the_last_put_wins(self, driven: Driven, clock: ManualClock) -> None:
        driven.put(KEY, an_entry(clock, b"long and old" * 100, ttl=60))
        driven.put(KEY, an_entry(clock, b"new"))
        assert driven.get(KEY) == an_entry(clock, b"new")

    def test_keys_do_not_mix(self, driven: Driven, clock: ManualClock) -> None:
        one, two = an_entry(clock, b"1"), an_entry(clock, b"2", scope=Scope("tenant", "f"))
        driven.put(KEY, one)
        driven.put(OTHER, two)
        assert (driven.get(KEY), driven.get(OTHER)) == (one, two)

    def test_delete_removes_one_and_says_whether_it_was_there(
        self, driven: Driven, clock: ManualClock
    ) -> None:
        driven.put(KEY, an_entry(clock))
        driven.put(OTHER, an_entry(clock))
        assert [driven.delete(KEY), driven.delete(KEY)] == [True, False]
        assert driven.get(KEY) is Nothing.ABSENT
        assert driven.get(OTHER) == an_entry(clock)

    def test_without_an_end_it_stays_for_years(self, driven: Driven, clock: ManualClock) -> None:
        entry = an_entry(clock)
        driven.put(KEY, entry)
        clock.advance("520w")
        assert driven.get(KEY) == entry

    def test_it_is_found_until_it_expires(self, driven: Driven, clock: ManualClock) -> None:
        entry = an_entry(clock, ttl=60)
        driven.put(KEY, entry)
        clock.advance(59)
        assert driven.get(KEY) == entry

    def test_it_is_found_expired_while_it_may_be_served_stale(
        self, driven: Driven, clock: ManualClock
    ) -> None:
        entry = an_entry(clock, ttl=60, stale=60)
        driven.put(KEY, entry)
        clock.advance(119)
        assert driven.get(KEY) == entry

    def test_what_has_ended_is_gone_or_as_it_was(self, driven: Driven, clock: ManualClock) -> None:
        entry = an_entry(clock, ttl=60)
        driven.put(KEY, entry)
        clock.advance(61)
        assert driven.get(KEY) in (entry, Nothing.ABSENT)

    def test_an_ended_entry_gives_way_to_a_new_one(
        self, driven: Driven, clock: ManualClock
    ) -> None:
        driven.put(KEY, an_entry(clock, ttl=60))
        clock.advance("1d")
        entry = an_entry(clock, b"new", ttl=60)
        driven.put(KEY, entry)
        assert driven.get(KEY) == entry

    def test_a_jump_of_the_clock_and_back_loses_nothing(
        self, driven: Driven, clock: ManualClock
    ) -> None:
        entry = an_entry(clock, ttl=60)
        driven.put(KEY, entry)
        now = clock.time()
        clock.set(now + 86_400)
        driven.get(KEY)
        clock.set(now)
        assert driven.get(KEY) == entry

    def test_damage_is_a_typed_miss_and_heals(
        self, driven: Driven, backend: Backend, clock: ManualClock
    ) -> None:
        entry = an_entry(clock, b"answer" * 100)
        driven.put(KEY, entry)
        if not self.damage(backend, KEY):
            pytest.skip("what is stored cannot be reached")
        assert isinstance(driven.get(KEY), Nothing)
        driven.put(KEY, entry)
        assert driven.get(KEY) == entry

    def test_closed_twice_is_closed_once(self, clock: ManualClock, mode: str) -> None:
        backend = self.make_backend(clock)
        with Driven.of(backend, mode) as driven:
            driven.put(KEY, an_entry(clock))
            driven.twins.add("close")
            driven.call("close")
            driven.call("close")

    def test_closed_unused(self, clock: ManualClock) -> None:
        self.make_backend(clock).close()

    def test_it_is_a_context_manager_both_ways(self, clock: ManualClock) -> None:
        async def use() -> Entry | Nothing:
            backend = self.make_backend(clock)
            async with contextlib.aclosing(backend):
                await backend.aput(KEY, an_entry(clock))
                return await backend.aget(KEY)

        with contextlib.closing(self.make_backend(clock)) as backend:
            backend.put(KEY, an_entry(clock))
            assert backend.get(KEY) == an_entry(clock)
        assert asyncio.run(use()) == an_entry(clock)

    def test_threads_see_whole_values_only(self, backend: Backend, clock: ManualClock) -> None:
        values = [bytes([number]) * (1000 + number) for number in range(4)]
        start = threading.Barrier(len(values))

        def write_and_read(value: bytes) -> set[bytes | Nothing]:
            seen: set[bytes | Nothing] = set()
            start.wait()
            for _ in range(25):
                backend.put(KEY, an_entry(clock, value))
                found = backend.get(KEY)
                seen.add(found if isinstance(found, Nothing) else found.value)
            return seen

        with ThreadPoolExecutor(len(values)) as pool:
            seen = set().union(*pool.map(write_and_read, values))
        assert seen <= set(values)

    def test_threads_do_not_lose_each_others_entries(
        self, backend: Backend, clock: ManualClock
    ) -> None:
        start = threading.Barrier(4)

        def write(first: int) -> None:
            start.wait()
            for number in range(first, first + 20):
                backend.put(key_of(number), an_entry(clock, str(number).encode()))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(0, 80, 20)))
        for number in range(80):
            assert backend.get(key_of(number)) == an_entry(clock, str(number).encode())

    def test_tasks_share_it(self, backend: Backend, clock: ManualClock) -> None:
        async def round_trip(number: int) -> Entry | Nothing:
            await backend.aput(key_of(number), an_entry(clock, str(number).encode()))
            return await backend.aget(key_of(number))

        async def all_at_once() -> list[Entry | Nothing]:
            return await asyncio.gather(*map(round_trip, range(20)))

        expected = [an_entry(clock, str(number).encode()) for number in range(20)]
        assert asyncio.run(all_at_once()) == expected

    def test_what_was_put_outlives_the_object(
        self, driven: Driven, again: Callable[[], Backend]
    ) -> None:
        driven.put(KEY, FACTS)
        driven.put(OTHER, FACTS)
        driven.delete(OTHER)
        driven.backend.close()
        reopened = again()
        assert (reopened.get(KEY), reopened.get(OTHER)) == (FACTS, Nothing.ABSENT)

    def test_two_objects_see_each_others_entries(
        self, driven: Driven, again: Callable[[], Backend], clock: ManualClock
    ) -> None:
        other = again()
        driven.put(KEY, an_entry(clock, b"1"))
        assert other.get(KEY) == an_entry(clock, b"1")
        other.put(OTHER, an_entry(clock, b"2"))
        assert driven.get(OTHER) == an_entry(clock, b"2")
