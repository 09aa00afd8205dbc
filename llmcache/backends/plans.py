"""What a URL asks for, with every default filled in: equal plans are one backend."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from llmcache.backends.base import BackendBase
from llmcache.clock import Clock

__all__ = [
    "DefaultPlan",
    "FilePlan",
    "MemoryPlan",
    "NullPlan",
    "Plan",
    "RedisPlan",
    "TierPlan",
]

Options = tuple[tuple[str, Any], ...]
"""Keyword arguments, sorted by name, hashable."""


class Plan(Protocol):
    """What can be built. Plans are frozen and compare by value."""

    def build(self, clock: Clock) -> BackendBase:
        """A new backend; nothing is opened yet."""
        ...


@dataclass(frozen=True)
class NullPlan:
    """Nothing."""

    def build(self, clock: Clock) -> BackendBase:  # noqa: ARG002 - as all plans
        """See `Plan.build`."""
        from llmcache.backends.null import NullBackend  # noqa: PLC0415 - only what is asked for

        return NullBackend()


@dataclass(frozen=True)
class MemoryPlan:
    """An LRU."""

    options: Options

    def build(self, clock: Clock) -> BackendBase:
        """See `Plan.build`."""
        from llmcache.backends.lru import LRUBackend  # noqa: PLC0415 - as above

        return LRUBackend(**dict(self.options), clock=clock)


@dataclass(frozen=True)
class FilePlan:
    """A SQLite file; two spellings of one path are one."""

    path: Path = field(compare=False)
    options: Options
    real_path: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "real_path", os.path.realpath(self.path))

    def build(self, clock: Clock) -> BackendBase:
        """See `Plan.build`."""
        from llmcache.backends.sqlite import SQLiteBackend  # noqa: PLC0415 - as above

        return SQLiteBackend(self.path, **dict(self.options), clock=clock)


@dataclass(frozen=True)
class RedisPlan:
    """A Redis or Valkey."""

    url: str
    options: Options

    def build(self, clock: Clock) -> BackendBase:
        """See `Plan.build`."""
        from llmcache.backends.redis.backend import RedisBackend  # noqa: PLC0415 - as above

        return RedisBackend(self.url, **dict(self.options), clock=clock)


@dataclass(frozen=True)
class TierPlan:
    """Memory in front of another."""

    near: MemoryPlan
    far: Plan
    options: Options

    def build(self, clock: Clock) -> BackendBase:
        """See `Plan.build`."""
        from llmcache.backends.tiered import TieredBackend  # noqa: PLC0415 - as above

        near, far = self.near.build(clock), self.far.build(clock)
        return TieredBackend(near, far, **dict(self.options), clock=clock)


@dataclass(frozen=True)
class DefaultPlan:
    """Memory in front of the default file."""

    near: MemoryPlan
    far: FilePlan
    options: Options

    def build(self, clock: Clock) -> BackendBase:
        """See `Plan.build`."""
        from llmcache.backends.default import DefaultBackend  # noqa: PLC0415 - as above

        near, file = self.near.build(clock), self.far.build(clock)
        return DefaultBackend(near, file, self.far.path, **dict(self.options), clock=clock)
