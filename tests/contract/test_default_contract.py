"""The default store keeps the contract, with a file and without."""

from __future__ import annotations

import pytest
from hypothesis import settings

from llmcache.backends import Backend, open_backend
from llmcache.backends.default import DefaultBackend
from llmcache.backends.lone import LoneMemory
from llmcache.clock import Clock
from llmcache.testing import BackendContract


class TestLoneMemory(BackendContract):
    """What takes the place of the file."""

    def make_backend(self, clock: Clock) -> Backend:
        return LoneMemory(clock)


class TestDefaultWithAFile(BackendContract):
    """The default as most have it."""

    model_settings = settings(BackendContract.model_settings, max_examples=10)

    def make_backend(self, clock: Clock) -> Backend:
        return open_backend("default://", dir=self.place(), clock=clock)

    def reopen(self, backend: Backend, clock: Clock) -> Backend:
        assert isinstance(backend, DefaultBackend)
        return open_backend("default://", dir=backend.path.parent, clock=clock)


@pytest.mark.filterwarnings("ignore::llmcache.BackendWarning")
class TestDefaultWithoutAFile(BackendContract):
    """The default where a file stands in the way of its directory."""

    def make_backend(self, clock: Clock) -> Backend:
        file = self.place() / "file"
        file.touch()
        return open_backend("default://", dir=file / "cache", clock=clock)
