"""The settings in effect, in a form that may be shown to anybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from llmcache import settings
from llmcache.backends.address import masked
from llmcache.cli.stores import opened

__all__ = ["Setting", "effective"]

HIDDEN = frozenset({"clock"})
"""What only tests set."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in effect.

    Attributes:
        value: For JSON; secrets masked.
        shown: For people.
        source: `"default"`, `"environment LLMCACHE_X"`, `"configure"`, `"mode()"`, `"--backend"`.
    """

    name: str
    value: Any
    shown: str
    source: str


def effective(backend: str | None = None) -> list[Setting]:
    """All settings of this process, by name.

    Args:
        backend: A URL that a command was given in place of the setting.

    Raises:
        ConfigurationError: A variable holds a value that cannot be used, a backend's URL included.
    """
    with opened(backend):
        current = settings.resolve({} if backend is None else {"backend": backend})
    sources = settings.sources() | ({} if backend is None else {"backend": "--backend"})
    names = sorted(each.name for each in fields(current) if each.name not in HIDDEN)
    return [seen(name, getattr(current, name), sources[name]) for name in names]


def seen(name: str, value: Any, source: str) -> Setting:
    safe = SAFE.get(name, as_it_is)(value)
    return Setting(name, safe, SHOWN.get(name, plain)(safe), source)


def as_it_is(value: Any) -> Any:
    return value


def safe_backend(value: Any) -> str:
    return masked(value) if isinstance(value, str) else str(value.description)


def safe_ttl(value: Any) -> Any:
    return "a function of the result" if callable(value) else value


def safe_keys(keys: tuple[bytes, ...]) -> str | None:
    """How many keys there are, and nothing of them."""
    return None if not keys else f"set ({len(keys)} {'key' if len(keys) == 1 else 'keys'})"


SAFE: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "backend": safe_backend,
        "ttl": safe_ttl,
        "mode": str,
        "project": list,
        "encryption_key": safe_keys,
        "encryption_key_file": safe_keys,
    }
)


def plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return str(value) if value != "" else "(empty)"


def in_seconds(value: Any) -> str:
    return f"{value:g} s" if isinstance(value, int | float) else plain(value)


def in_bytes(value: int) -> str:
    """In the largest binary unit that leaves a whole number."""
    units = ("bytes", "KiB", "MiB", "GiB", "TiB")
    steps = 0
    while steps < len(units) - 1 and value >= 1024 and value % 1024 == 0:  # noqa: PLR2004 - what KiB means
        value, steps = value // 1024, steps + 1
    return f"{value} {units[steps]}"


SHOWN: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "max_bytes": in_bytes,
        "ttl": lambda value: "none: until evicted" if value is None else in_seconds(value),
        "dir": lambda value: value or "the user's cache directory",
        "max_wait": in_seconds,
        "backend_timeout": in_seconds,
        "stale_if_error": in_seconds,
        "stale_while_revalidate": in_seconds,
    }
)
