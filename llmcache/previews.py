"""What is kept for people beside the parts of a key, under names of its own, and in no key.

Short previews of a call's arguments, only where `previews` asks for them: text and numbers are
shown, of all else the type; what is secret by its name is not. And what the function reads and no
key can see, once for all its calls.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmcache.keys.explain import PREVIEW, UNKEYED, decoded
from llmcache.keys.secrets import is_secret_name

__all__ = ["kept_previews", "kept_unkeyed", "previews", "unkeyed_beside"]

SHOWN = 80


def previews(bound: Iterable[tuple[str, object]]) -> dict[str, str]:
    """One preview an argument, as it is kept: `preview of NAME` to at most 80 characters."""
    return {f"{PREVIEW}{name}": shown(value) for name, value in bound if not is_secret_name(name)}


def shown(value: object) -> str:
    """A value in short."""
    if isinstance(value, str):
        return value if len(value) <= SHOWN else f"{value[: SHOWN - 1]}…"
    if value is None or type(value) in {bool, int, float}:
        return str(value)[:SHOWN]
    return f"({type(value).__qualname__})"


def kept_previews(parts: bytes) -> dict[str, str]:
    """The previews beside the parts of an entry, by name; none where they cannot be read."""
    return kept_under(PREVIEW, parts)


def unkeyed_beside(unkeyed: Iterable[str]) -> dict[str, str]:
    """What no key can see, each as `NAME: WHY`, as it is kept with the shared parts."""
    told = (each.partition(": ") for each in unkeyed)
    return {f"{UNKEYED}{name}": why for name, _, why in told}


def kept_unkeyed(shared: bytes) -> dict[str, str]:
    """The same again: names, and why."""
    return kept_under(UNKEYED, shared)


def kept_under(prefix: str, parts: bytes) -> dict[str, str]:
    """What stands there under names that begin like that."""
    return {
        name.removeprefix(prefix): str(text)
        for name, text in (decoded(parts) or {}).items()
        if name.startswith(prefix)
    }
