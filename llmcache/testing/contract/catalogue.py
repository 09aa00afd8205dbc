"""Walking over what is stored, counting it, cleaning up, many at once."""

# ruff: noqa: S101, PLR2004, D102 - tests: they assert, on figures, and their names say on what
# mypy: disable-error-code="type-abstract"
# Abilities are asked for by their protocols.

from __future__ import annotations

from llmcache.backends.base import (
    Backend,
    Bulk,
    Entry,
    Listing,
    Manifests,
    Nothing,
    Pruning,
    Scope,
    Sizing,
)
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import (
    KEY,
    OTHER,
    SCOPE,
    BackendSuite,
    an_entry,
    key_of,
    need,
)

__all__ = ["CatalogueSuite"]

TENANT = Scope("tenant", SCOPE.function)


def fill(backend: Backend, clock: ManualClock) -> None:
    """Six entries, one a second, of two scopes in turn."""
    for number in range(6):
        clock.advance(1)
        scope = TENANT if number % 2 else SCOPE
        backend.put(key_of(number), an_entry(clock, b"x" * (100 + number), scope=scope))


class CatalogueSuite(BackendSuite):
    """`Listing`, `Sizing`, `Pruning`, `Bulk`, `Manifests`."""

    def test_the_newest_is_listed_first(self, backend: Backend, clock: ManualClock) -> None:
        listing = need(backend, Listing)
        assert list(listing.entries()) == []
        fill(backend, clock)
        assert [one.key for one in listing.entries()] == [key_of(n) for n in (5, 4, 3, 2, 1, 0)]

    def test_a_listing_is_limited_and_narrowed(self, backend: Backend, clock: ManualClock) -> None:
        listing = need(backend, Listing)
        fill(backend, clock)
        assert [one.key for one in listing.entries(limit=2)] == [key_of(5), key_of(4)]
        assert [one.key for one in listing.entries(TENANT)] == [key_of(n) for n in (5, 3, 1)]
        assert [one.key for one in listing.entries(SCOPE, limit=1)] == [key_of(4)]
        assert list(listing.entries(Scope("nobody", "nothing"))) == []

    def test_a_listing_shows_the_facts_and_not_the_value(
        self, backend: Backend, clock: ManualClock
    ) -> None:
        listing = need(backend, Listing)
        entry = Entry(
            b"x" * 1000,
            SCOPE,
            clock.time(),
            expires=clock.time() + 60,
            stale_until=clock.time() + 120,
            parts=b'{"code":"ff"}',
            manifest="cd" * 32,
            model="gpt-4o",
            input_tokens=10,
            output_tokens=0,
            seconds=1.5,
        )
        backend.put(KEY, entry)
        (listed,) = listing.entries()
        assert (listed.key, listed.entry) == (KEY, entry._replace(value=b""))
        assert listed.size >= 1
        assert listed.hits >= 0

    def test_what_was_deleted_is_not_listed(self, backend: Backend, clock: ManualClock) -> None:
        listing = need(backend, Listing)
        fill(backend, clock)
        for number in range(5):
            backend.delete(key_of(number))
        assert [one.key for one in listing.entries()] == [key_of(5)]

    def test_entries_may_go_while_they_are_listed(
        self, backend: Backend, clock: ManualClock
    ) -> None:
        listing = need(backend, Listing)
        fill(backend, clock)
        for listed in listing.entries():
            backend.delete(listed.key)
        assert list(listing.entries()) == []

    def test_counting(self, backend: Backend, clock: ManualClock) -> None:
        sizing = need(backend, Sizing)
        assert sizing.count() == 0
        fill(backend, clock)
        backend.put(key_of(0), an_entry(clock, b"replaced"))
        backend.delete(key_of(1))
        assert [sizing.count(), sizing.count(SCOPE), sizing.count(TENANT)] == [5, 3, 2]
        assert sizing.count(Scope("nobody", "nothing")) == 0

    def test_size_grows_with_what_is_stored(self, backend: Backend, clock: ManualClock) -> None:
        sizing = need(backend, Sizing)
        backend.put(OTHER, an_entry(clock))
        before = sizing.size()
        backend.put(KEY, an_entry(clock, bytes(range(256)) * 2000))
        assert before >= 0
        assert sizing.size() - before > 10_000

    def test_pruning_removes_what_has_ended_and_nothing_else(
        self, backend: Backend, clock: ManualClock
    ) -> None:
        pruning = need(backend, Pruning)
        live, stale = an_entry(clock, ttl=3600), an_entry(clock, ttl=60, stale=3600)
        backend.put(key_of(1), live)
        backend.put(key_of(2), stale)
        for number in range(3, 6):
            backend.put(key_of(number), an_entry(clock, ttl=60))
        clock.advance(61)
        assert pruning.prune() <= 3
        assert [backend.get(key_of(number)) for number in range(1, 6)] == [
            live,
            stale,
            *[Nothing.ABSENT] * 3,
        ]
        assert need(backend, Sizing).count() == 2
        assert pruning.prune() == 0

    def test_many_at_once(self, backend: Backend, clock: ManualClock) -> None:
        bulk = need(backend, Bulk)
        entries = {key_of(n): an_entry(clock, str(n).encode()) for n in range(1200)}
        bulk.put_many(entries)
        assert dict(bulk.get_many([*entries, key_of(9999)])) == entries
        assert backend.get(key_of(7)) == entries[key_of(7)]

    def test_many_replace_what_is_there(self, backend: Backend, clock: ManualClock) -> None:
        bulk = need(backend, Bulk)
        backend.put(KEY, an_entry(clock, b"old"))
        assert backend.get(KEY) == an_entry(clock, b"old")
        bulk.put_many({KEY: an_entry(clock, b"new")})
        assert backend.get(KEY) == an_entry(clock, b"new")

    def test_none_at_once(self, backend: Backend) -> None:
        bulk = need(backend, Bulk)
        bulk.put_many({})
        assert dict(bulk.get_many([])) == {}
        assert dict(bulk.get_many(iter([KEY]))) == {}

    def test_a_manifest_is_kept_once(self, backend: Backend) -> None:
        manifests = need(backend, Manifests)
        assert manifests.get_manifest("ab" * 32) is None
        manifests.put_manifest("ab" * 32, b'{"code":"ff"}')
        manifests.put_manifest("ab" * 32, b'{"code":"later"}')
        manifests.put_manifest("cd" * 32, b"{}")
        assert manifests.get_manifest("ab" * 32) == b'{"code":"ff"}'
        assert manifests.get_manifest("cd" * 32) == b"{}"
