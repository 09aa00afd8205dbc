"""For tests: a clock to set, the suite that every backend passes, a provider on loopback.

The names are loaded when first asked for; only `BackendContract` needs pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmcache.testing.clock import ManualClock
    from llmcache.testing.contract import BackendContract
    from llmcache.testing.provider import LoopbackProvider

__all__ = ["BackendContract", "LoopbackProvider", "ManualClock"]

HOMES = {
    "BackendContract": "llmcache.testing.contract",
    "LoopbackProvider": "llmcache.testing.provider",
    "ManualClock": "llmcache.testing.clock",
}
"""Where a name lives."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(HOMES[name]), name)  # noqa: TID251 - from the literal table above
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
