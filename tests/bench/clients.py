"""Whole Instructor clients: `cached_client` and Instructor's own caches, 60 fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from answers import ANSWERS, PROMPTS
from measuring import interleaved, repeated
from report import Report, shown_time

from llmcache import LRUBackend, SQLiteBackend, cached_client, cached_structured
from llmcache.testing.provider import LoopbackProvider

__all__ = ["measure_clients"]

Sixty = ANSWERS["60 fields"]
Create = Callable[..., Any]


def measure_clients(report: Report, directory: Path, rounds: int) -> None:
    """A hit through a client, and through a decorated function that calls a client."""
    from instructor.cache import AutoCache, DiskCache

    with (
        LoopbackProvider() as provider,
        LRUBackend() as memory,
        SQLiteBackend(directory / "clients.db") as sqlite,
    ):
        creates: dict[str, Create] = {
            "cached_client, memory": cached_client(provider.instructor(), backend=memory).create,
            "cached_client, SQLite": cached_client(provider.instructor(), backend=sqlite).create,
            "decorated function, memory": decorated(provider.instructor(), memory),
            "Instructor AutoCache": provider.instructor(cache=AutoCache()).create,
        }
        try:
            cache = DiskCache(cache_dir=str(directory / "instructor"))
            creates["Instructor DiskCache"] = provider.instructor(cache=cache).create
        except ImportError:
            report.missing.append("Instructor DiskCache: diskcache is not installed")
        found = interleaved(
            {name: repeated(partial(ask, create)) for name, create in creates.items()}, rounds
        )
        calls = len(provider.requests)
    report.line("Hits through an Instructor client, 60 fields", "median", found)
    ours, theirs = found["cached_client, memory"], found["Instructor AutoCache"]
    report.ratio("cached_client hit, 60 fields, over Instructor AutoCache", ours, theirs, 1 / 20)
    report.seconds(
        "cached_client hit, 60 fields", ours.median, 0.001, f"minimum {shown_time(ours.minimum)}"
    )
    if calls > len(creates):
        report.missing.append(f"clients: {calls} requests for {len(creates)} contenders: no hits")


def ask(create: Create) -> Any:
    """The question of this part."""
    messages = [{"role": "user", "content": PROMPTS[200]}]
    return create(model="gpt-4o-mini", response_model=Sixty, messages=messages)


def decorated(client: Any, backend: LRUBackend) -> Create:
    """A function as in the README."""

    @cached_structured(backend=backend, response_model=Sixty)
    def extract(**request: Any) -> Any:
        return client.create(**request)

    return extract
