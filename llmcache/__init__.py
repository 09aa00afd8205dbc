"""Structured LLM answers, cached: the same question is answered once, exactly as before.

    from llmcache import cached_structured

    @cached_structured(ttl="7d")
    def extract_invoice(text: str) -> Invoice: ...

All public names are here and are loaded when first asked for, so that importing the package
imports no SDK, no Redis client and nothing else that the program does not use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmcache.backends.lru import LRUBackend
    from llmcache.backends.null import NullBackend
    from llmcache.backends.redis.backend import RedisBackend
    from llmcache.backends.sqlite import SQLiteBackend
    from llmcache.backends.tiered import TieredBackend
    from llmcache.backends.url import open_backend
    from llmcache.codecs.registry import register_codec
    from llmcache.decorator.cached import cached_structured
    from llmcache.decorator.signatures import MISSING
    from llmcache.errors import (
        BackendCorruptError,
        BackendError,
        BackendUnavailableError,
        BackendWarning,
        CacheMissError,
        ConfigurationError,
        ConfigurationWarning,
        LLMCacheError,
        LLMCacheWarning,
        UncacheableArgumentError,
        UncacheableResultWarning,
    )
    from llmcache.events import (
        BackendFailure,
        Bypass,
        Event,
        Hit,
        Miss,
        Stale,
        Store,
        Wait,
        on_event,
        record,
    )
    from llmcache.integrations.clients import cached_client
    from llmcache.keys.explain import Explanation
    from llmcache.keys.key import CacheKey
    from llmcache.keys.values.registry import register_key_type
    from llmcache.modes import disabled, mode
    from llmcache.settings import configure, reset_configuration
    from llmcache.tally import CacheInfo

HOMES: dict[str, tuple[str, ...]] = {
    "llmcache.backends.lru": ("LRUBackend",),
    "llmcache.backends.null": ("NullBackend",),
    "llmcache.backends.redis.backend": ("RedisBackend",),
    "llmcache.backends.sqlite": ("SQLiteBackend",),
    "llmcache.backends.tiered": ("TieredBackend",),
    "llmcache.backends.url": ("open_backend",),
    "llmcache.codecs.registry": ("register_codec",),
    "llmcache.decorator.cached": ("cached_structured",),
    "llmcache.errors": (
        "BackendCorruptError",
        "BackendError",
        "BackendUnavailableError",
        "BackendWarning",
        "CacheMissError",
        "ConfigurationError",
        "ConfigurationWarning",
        "LLMCacheError",
        "LLMCacheWarning",
        "UncacheableArgumentError",
        "UncacheableResultWarning",
    ),
    "llmcache.events": (
        "BackendFailure",
        "Bypass",
        "Event",
        "Hit",
        "Miss",
        "Stale",
        "Store",
        "Wait",
        "on_event",
        "record",
    ),
    "llmcache.integrations.clients": ("cached_client",),
    "llmcache.keys.explain": ("Explanation",),
    "llmcache.keys.key": ("CacheKey",),
    "llmcache.keys.values.registry": ("register_key_type",),
    "llmcache.modes": ("disabled", "mode"),
    "llmcache.settings": ("configure", "reset_configuration"),
    "llmcache.decorator.signatures": ("MISSING",),
    "llmcache.tally": ("CacheInfo",),
}
"""Where each public name lives."""

__all__ = [
    "MISSING",
    "BackendCorruptError",
    "BackendError",
    "BackendFailure",
    "BackendUnavailableError",
    "BackendWarning",
    "Bypass",
    "CacheInfo",
    "CacheKey",
    "CacheMissError",
    "ConfigurationError",
    "ConfigurationWarning",
    "Event",
    "Explanation",
    "Hit",
    "LLMCacheError",
    "LLMCacheWarning",
    "LRUBackend",
    "Miss",
    "NullBackend",
    "RedisBackend",
    "SQLiteBackend",
    "Stale",
    "Store",
    "TieredBackend",
    "UncacheableArgumentError",
    "UncacheableResultWarning",
    "Wait",
    "cached_client",
    "cached_structured",
    "configure",
    "disabled",
    "mode",
    "on_event",
    "open_backend",
    "record",
    "register_codec",
    "register_key_type",
    "reset_configuration",
]


def __getattr__(name: str) -> Any:
    for home, names in HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(home), name)  # noqa: TID251 - from the literal table above
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
