"""What a URL asks for, with every default filled in: equal plans are one backend."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from llmcache.backends.base import BackendBase
from llmcache.clock import Clock

__all__ = [
    "Options",
    "Plan",
    "default_plan",
    "file_plan",
    "memory_plan",
    "null_plan",
    "redis_plan",
    "tier_plan",
]

Options = tuple[tuple[str, Any], ...]
"""Keyword arguments, sorted by name, hashable."""


class Plan:
    """What can be built.

    Args:
        asked: What is asked for: by this alone plans compare.
        build: Makes a new backend, with the clock that it reads; nothing is opened yet.
    """

    def __init__(self, asked: tuple[Hashable, ...], build: Callable[[Clock], BackendBase]) -> None:
        self.asked = asked
        self.build = build

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.asked == other.asked

    def __hash__(self) -> int:
        return hash(self.asked)


def null_plan() -> Plan:
    """Nothing."""

    def build(_: Clock) -> BackendBase:
        from llmcache.backends.null import NullBackend  # noqa: PLC0415 - only what is asked for

        return NullBackend()

    return Plan(("null",), build)


def memory_plan(options: Options) -> Plan:
    """An LRU."""

    def build(clock: Clock) -> BackendBase:
        from llmcache.backends.lru import LRUBackend  # noqa: PLC0415 - as above

        return LRUBackend(**dict(options), clock=clock)

    return Plan(("memory", options), build)


def file_plan(path: Path, options: Options) -> Plan:
    """A SQLite file; two spellings of one path are one."""

    def build(clock: Clock) -> BackendBase:
        from llmcache.backends.sqlite import SQLiteBackend  # noqa: PLC0415 - as above

        return SQLiteBackend(path, **dict(options), clock=clock)

    return Plan(("file", os.path.realpath(path), options), build)


def redis_plan(url: str, options: Options) -> Plan:
    """A Redis or Valkey."""

    def build(clock: Clock) -> BackendBase:
        from llmcache.backends.redis.backend import RedisBackend  # noqa: PLC0415 - as above

        return RedisBackend(url, **dict(options), clock=clock)

    return Plan(("redis", url, options), build)


def tier_plan(near: Plan, far: Plan, options: Options) -> Plan:
    """Memory in front of another."""

    def build(clock: Clock) -> BackendBase:
        from llmcache.backends.tiered import TieredBackend  # noqa: PLC0415 - as above

        return TieredBackend(near.build(clock), far.build(clock), **dict(options), clock=clock)

    return Plan(("tier", near, far, options), build)


def default_plan(near: Plan, path: Path, file_options: Options, options: Options) -> Plan:
    """Memory in front of the default file."""
    file = file_plan(path, file_options)

    def build(clock: Clock) -> BackendBase:
        from llmcache.backends.default import DefaultBackend  # noqa: PLC0415 - as above

        tier = dict(options)
        return DefaultBackend(near.build(clock), file.build(clock), path, **tier, clock=clock)

    return Plan(("default", near, file, options), build)
