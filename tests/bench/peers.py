"""The neighbours: each caches the same function in its own usual way.

They are no dependencies of the project. One that is not installed is named in the report.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from answers import made
from pydantic import BaseModel

__all__ = ["PEERS", "Peer", "present"]

Asked = Callable[[str], Any]
Peer = Callable[[Path, type[BaseModel]], Asked]


def through_diskcache(directory: Path, kind: type[BaseModel]) -> Asked:
    """`Cache.memoize`: the arguments and the answer are pickled."""
    import diskcache

    cache = diskcache.Cache(str(directory / "diskcache"))

    @cache.memoize(name=f"extract {kind.__name__}")
    def extract(text: str) -> BaseModel:
        return made(kind)

    return extract


def through_cachetools(_: Path, kind: type[BaseModel]) -> Asked:
    """`cachetools.cached`: one object for all callers, nothing hashed but by `hash`."""
    import cachetools

    @cachetools.cached(cachetools.LRUCache(10_000))
    def extract(text: str) -> BaseModel:
        return made(kind)

    return extract


def through_joblib(directory: Path, kind: type[BaseModel]) -> Asked:
    """`Memory.cache`: a pickle per answer."""
    import joblib

    memory = joblib.Memory(str(directory / "joblib"), verbose=0)

    @memory.cache
    def extract(text: str, name: str) -> BaseModel:
        return made(kind)

    return lambda text: extract(text, kind.__name__)


def through_langchain(directory: Path, kind: type[BaseModel]) -> Asked:
    """`SQLiteCache`: text of a generation, parsed by the caller as its output parsers do."""
    from langchain_community.cache import SQLiteCache
    from langchain_core.outputs import Generation

    cache = SQLiteCache(str(directory / "langchain.db"))

    def extract(text: str) -> BaseModel:
        found = cache.lookup(text, kind.__name__)
        if found is None:
            answer = made(kind)
            cache.update(text, kind.__name__, [Generation(text=answer.model_dump_json())])
            return answer
        return kind.model_validate_json(found[0].text)

    return extract


def through_dspy(directory: Path, kind: type[BaseModel]) -> Asked:
    """Its two-level cache of requests, asked as its `LM` asks it."""
    from dspy.clients.cache import Cache

    cache = Cache(
        enable_disk_cache=True,
        enable_memory_cache=True,
        disk_cache_dir=str(directory / "dspy"),
        disk_size_limit_bytes=1 << 30,
        memory_max_entries=10_000,
    )

    def extract(text: str) -> BaseModel:
        request = {"model": kind.__name__, "prompt": text}
        found = cache.get(request)
        if found is None:
            answer = made(kind)
            cache.put(request, answer.model_dump_json())
            return answer
        return kind.model_validate_json(found)

    return extract


def through_litellm(_: Path, kind: type[BaseModel]) -> Asked:
    """Its cache in memory: its key of a request, and the answer's text as JSON."""
    from litellm.caching.caching import Cache

    cache = Cache(type="local")

    def extract(text: str) -> BaseModel:
        messages = [{"role": "user", "content": text}]
        request = {"model": kind.__name__, "messages": messages}
        found = cache.get_cache(**request)
        if found is None:
            answer = made(kind)
            cache.add_cache(json.dumps(answer.model_dump_json()), **request)
            return answer
        return kind.model_validate_json(json.loads(found) if found[:1] == '"' else found)

    return extract


PEERS: Mapping[str, tuple[str, Peer]] = {
    "diskcache.memoize": ("diskcache", through_diskcache),
    "cachetools": ("cachetools", through_cachetools),
    "joblib.Memory": ("joblib", through_joblib),
    "langchain SQLiteCache": ("langchain_community", through_langchain),
    "dspy": ("dspy", through_dspy),
    "litellm": ("litellm", through_litellm),
}
"""By the name in the report: the module that must be installed, and how it caches."""


def present(wanted: Mapping[str, tuple[str, Peer]] = PEERS) -> tuple[dict[str, Peer], list[str]]:
    """Those that can be imported here, and the names of those that cannot."""
    found, missing = {}, []
    for name, (module, peer) in wanted.items():
        try:
            importlib.import_module(module)
        except ImportError:
            missing.append(name)
        else:
            found[name] = peer
    return found, missing
