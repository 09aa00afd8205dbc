"""The store of those who configured none: memory in front of the default file."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import cast

from llmcache.backends.base import Ability, Backend, able
from llmcache.backends.forks import forkable
from llmcache.backends.lone import LoneMemory
from llmcache.backends.tiered import Far, TieredBackend
from llmcache.backends.workers import in_worker
from llmcache.clock import SYSTEM, Clock
from llmcache.durations import Duration
from llmcache.errors import BackendUnavailableError, BackendWarning
from llmcache.notices import notice

__all__ = ["DefaultBackend"]


class DefaultBackend(TieredBackend):
    """A tier over a file that nobody asked for, and so must do without it.

    Where the file cannot be made at the first operation (a read-only home, no home, a directory
    that is not to be trusted), memory takes its place for the life of the process, with one
    `BackendWarning`. A file that is there and fails is a failing backend like any other.

    Args:
        near: As for `TieredBackend`.
        file: The far side.
        path: Where the file is.
        near_ttl: As for `TieredBackend`.
        clock: Where the time comes from.
    """

    def __init__(
        self,
        near: Backend,
        file: Backend,
        path: Path,
        *,
        near_ttl: Duration = 5.0,
        clock: Clock = SYSTEM,
    ) -> None:
        self.file: Far = cast("Far", file)
        self.path = path
        self.clock = clock
        self.chosen: Far | None = None
        self.choosing: threading.Lock = threading.Lock()
        super().__init__(near, file, near_ttl=near_ttl, clock=clock)
        forkable(self)

    @property
    def far(self) -> Far:
        """The file, or what takes its place; the first to ask tries the file."""
        return self.chosen or self.choose()

    @far.setter
    def far(self, far: Far) -> None:
        self.file = far

    def choose(self) -> Far:
        """Try the file, once a process."""
        with self.choosing:
            if self.chosen is None:
                self.chosen = self.file if self.works() else self.lone_memory()
            return self.chosen

    def works(self) -> bool:
        """Whether the file is there after it has been used."""
        try:
            self.file.get("0" * 64)
        except BackendUnavailableError as error:
            # os.path, as Path.exists raises where a directory on the way may not be entered.
            if os.path.exists(self.path):  # noqa: PTH110 - see above
                return True
            notice(
                f"Answers are kept in memory only, for this process: {error} To keep them, set "
                "LLMCACHE_DIR to a directory that can be written, or LLMCACHE_BACKEND.",
                BackendWarning,
            )
            return False
        return True

    def lone_memory(self) -> Far:
        """What takes the file's place."""
        return LoneMemory(self.clock)

    @property
    def description(self) -> str:
        """Both sides in words; opens nothing."""
        return f"{self.near.description} in front of {(self.chosen or self.file).description}"

    def ability(self, kind: type[Ability]) -> Ability | None:
        """What the file can do, so can what takes its place; opens nothing."""
        return self if isinstance(self, kind) and able(self.file, kind) is not None else None

    def close(self) -> None:
        """As `TieredBackend.close`; a file that was never used is not opened for it."""
        self.flush_counts()
        try:
            self.near.close()
        finally:
            (self.chosen or self.file).close()

    async def aclose(self) -> None:
        """As `close`, async."""
        await in_worker(self.close)

    async def afar(self) -> Far:
        """As `far`, off the event loop."""
        if self.chosen is None:
            return await in_worker(self.choose)
        return self.chosen

    def forked(self) -> None:
        """As `Forkable.forked`; a choice under way is made anew."""
        self.choosing = threading.Lock()
