"""A tier keeps the contract of its far side, and what is near never shows."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings

from llmcache.backends import (
    Backend,
    LRUBackend,
    SQLiteBackend,
    TieredBackend,
)
from llmcache.clock import Clock
from llmcache.testing import BackendContract
from llmcache.testing.contract.base import PlainBackend


class TestPlain(BackendContract):
    """The least that passes."""

    def make_backend(self, clock: Clock) -> Backend:
        return PlainBackend()


class TestMemoryOverPlain(BackendContract):
    """A far side that cannot tell of invalidations: copies count for a while."""

    def make_backend(self, clock: Clock) -> Backend:
        return TieredBackend(LRUBackend(clock=clock), PlainBackend(), clock=clock)


class TestMemoryOverMemory(BackendContract):
    """The near side is so small that it evicts all the time."""

    def make_backend(self, clock: Clock) -> Backend:
        near = LRUBackend(max_entries=2, clock=clock)
        return TieredBackend(near, LRUBackend(max_entries=None, clock=clock), clock=clock)

    def make_small(self, clock: Clock, max_entries: int) -> Backend:
        near = LRUBackend(clock=clock)
        return TieredBackend(near, LRUBackend(max_entries=max_entries, clock=clock), clock=clock)


class Unclosed(TieredBackend):
    """A tier whose far side outlives it, as a server's data do."""

    def close(self) -> None:
        self.near.close()


class TestMemoryOverSharedMemory(BackendContract):
    """Two tiers on one far side stand for two processes on one store."""

    def make_backend(self, clock: Clock) -> Backend:
        far = LRUBackend(max_entries=None, clock=clock)
        return Unclosed(LRUBackend(max_entries=4, clock=clock), far, clock=clock)

    def reopen(self, backend: Backend, clock: Clock) -> Backend:
        assert isinstance(backend, Unclosed)
        return Unclosed(LRUBackend(max_entries=4, clock=clock), backend.far, clock=clock)


class TestMemoryOverFile(BackendContract):
    """The usual tier."""

    model_settings = settings(BackendContract.model_settings, max_examples=10)

    def make_backend(self, clock: Clock) -> Backend:
        return self.over(self.place() / "answers.db", clock)

    def reopen(self, backend: Backend, clock: Clock) -> Backend:
        assert isinstance(backend, TieredBackend)
        far: Backend = backend.far
        assert isinstance(far, SQLiteBackend)
        return self.over(far.path, clock)

    def over(self, path: Path, clock: Clock) -> Backend:
        return TieredBackend(LRUBackend(clock=clock), SQLiteBackend(path, clock=clock), clock=clock)
