"""This project's contenders: functions decorated as users decorate theirs, one per type."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from answers import made
from pydantic import BaseModel

from llmcache import LRUBackend, SQLiteBackend, cached_structured, configure, open_backend
from llmcache.backends.base import Backend
from llmcache.backends.url import close_shared
from llmcache.testing.redis import RedisServer, find_redis_server

__all__ = ["asked", "asked_async", "backends", "redis_backend"]


def asked(backend: Backend | str, kind: type[BaseModel]) -> Callable[[str], BaseModel]:
    """A cached function that answers with this type: the body parses an answer's text."""
    answer = made(kind).model_dump_json()

    @cached_structured(backend=backend)
    def extract(text: str) -> kind:  # type: ignore[valid-type]
        return kind.model_validate_json(answer)

    return extract


def asked_async(backend: Backend | str, kind: type[BaseModel]) -> Callable[[str], Any]:
    """As `asked`, async."""
    answer = made(kind).model_dump_json()

    @cached_structured(backend=backend)
    async def extract(text: str) -> kind:  # type: ignore[valid-type]
        return kind.model_validate_json(answer)

    return extract


@contextlib.contextmanager
def backends(directory: Path) -> Iterator[dict[str, Backend | str]]:
    """Memory, SQLite, and the default: memory in front of SQLite."""
    configure(dir=str(directory / "default"))
    with (
        LRUBackend(max_entries=None) as memory,
        SQLiteBackend(directory / "ours.db") as sqlite,
        open_backend(f"memory+sqlite:///{directory}/tier.db") as tier,
    ):
        yield {"memory": memory, "SQLite": sqlite, "memory+SQLite": tier, "default": "default://"}
    close_shared()  # the default's file goes with the directory


@contextlib.contextmanager
def redis_backend() -> Iterator[tuple[RedisServer, Backend] | None]:
    """A server of our own and a backend on it; None where no server is installed."""
    program = find_redis_server()
    if program is None:
        yield None
        return
    with RedisServer.running(program) as server, open_backend(server.url) as backend:
        yield server, backend
