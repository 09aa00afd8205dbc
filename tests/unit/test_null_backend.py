"""The null backend stores nothing and refuses nothing."""

from __future__ import annotations

import pytest

from llmcache.backends import (
    Backend,
    Entry,
    Epochs,
    Leasing,
    Listing,
    Nothing,
    NullBackend,
    Pruning,
    Scope,
    Sizing,
    able,
)

SCOPE = Scope("", "f")
ENTRY = Entry(b"answer", SCOPE, 0.0)
KEY = "0" * 64


@pytest.fixture
def backend() -> NullBackend:
    return NullBackend()


def test_it_is_a_backend_fit_for_the_loop(backend: NullBackend) -> None:
    assert isinstance(backend, Backend)
    assert (backend.description, backend.blocking) == ("null://", False)


def test_nothing_is_kept(backend: NullBackend) -> None:
    backend.put(KEY, ENTRY)
    stored = backend.put_if(KEY, ENTRY, backend.epoch(KEY, SCOPE))
    assert (stored, backend.get(KEY), backend.delete(KEY)) == (False, Nothing.ABSENT, False)


async def test_nothing_is_kept_async(backend: NullBackend) -> None:
    async with backend:
        await backend.aput(KEY, ENTRY)
        assert await backend.aget(KEY) is Nothing.ABSENT
        assert await backend.adelete(KEY) is False


def test_invalidating_and_clearing_find_nothing(backend: NullBackend) -> None:
    found = backend.invalidate(KEY, SCOPE), backend.advance(KEY, SCOPE), backend.clear(SCOPE)
    assert found == (False, 0, 0)


def test_it_lists_and_counts_nothing(backend: NullBackend) -> None:
    assert list(backend.entries(SCOPE, limit=3)) == []
    assert (backend.count(), backend.count(SCOPE), backend.size(), backend.prune()) == (0, 0, 0, 0)


@pytest.mark.parametrize("kind", [Epochs, Listing, Pruning, Sizing])
def test_what_it_can_do(backend: NullBackend, kind: type[object]) -> None:
    assert able(backend, kind) is backend


def test_it_gives_no_leases(backend: NullBackend) -> None:
    assert able(backend, Leasing) is None
