"""The memory backend keeps the contract."""

from __future__ import annotations

from llmcache.backends import Backend, LRUBackend
from llmcache.clock import Clock
from llmcache.testing import BackendContract


class TestLRU(BackendContract):
    """Without a bound, and with one."""

    def make_backend(self, clock: Clock) -> Backend:
        return LRUBackend(max_entries=None, clock=clock)

    def make_small(self, clock: Clock, max_entries: int) -> Backend:
        return LRUBackend(max_entries=max_entries, clock=clock)
