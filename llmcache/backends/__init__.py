"""Where entries live. `llmcache.backends.base` says what a backend is.

The names are loaded when first asked for, so that nobody imports SQLite or redis-py in vain.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmcache.backends.base import (
        AsyncLeasing,
        Backend,
        BackendBase,
        Bulk,
        Claim,
        Entry,
        Epochs,
        Held,
        Invalidations,
        Leasing,
        Ledgers,
        Listed,
        Listing,
        Manifests,
        Nothing,
        Pruning,
        Scope,
        Sizing,
        able,
    )
    from llmcache.backends.lru import LRUBackend
    from llmcache.backends.null import NullBackend
    from llmcache.backends.redis.backend import RedisBackend
    from llmcache.backends.sqlite import SQLiteBackend
    from llmcache.backends.tiered import TieredBackend
    from llmcache.backends.url import open_backend

__all__ = [
    "AsyncLeasing",
    "Backend",
    "BackendBase",
    "Bulk",
    "Claim",
    "Entry",
    "Epochs",
    "Held",
    "Invalidations",
    "LRUBackend",
    "Leasing",
    "Ledgers",
    "Listed",
    "Listing",
    "Manifests",
    "Nothing",
    "NullBackend",
    "Pruning",
    "RedisBackend",
    "SQLiteBackend",
    "Scope",
    "Sizing",
    "TieredBackend",
    "able",
    "open_backend",
]

HOMES = {
    "LRUBackend": "llmcache.backends.lru",
    "NullBackend": "llmcache.backends.null",
    "RedisBackend": "llmcache.backends.redis.backend",
    "SQLiteBackend": "llmcache.backends.sqlite",
    "TieredBackend": "llmcache.backends.tiered",
    "open_backend": "llmcache.backends.url",
}
"""Where a name lives, for those not in `llmcache.backends.base`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = HOMES.get(name, "llmcache.backends.base")
    value = getattr(importlib.import_module(home), name)  # noqa: TID251 - from the literal table above
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
