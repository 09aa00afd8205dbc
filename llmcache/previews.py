"""Short previews of a call's arguments, for people; kept only where `previews` asks for them.

They lie beside the parts of the key, under names of their own, and take no part in any key. Text
and numbers are shown, of all else the type; what is secret by its name is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from llmcache.keys.explain import BESIDE
from llmcache.keys.kinds import is_secret_name

__all__ = ["PREVIEW", "kept_previews", "previews"]

PREVIEW = BESIDE
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
    try:
        kept = json.loads(parts)
    except ValueError:
        return {}
    if not isinstance(kept, dict):
        return {}
    return {
        name.removeprefix(PREVIEW): str(text)
        for name, text in kept.items()
        if name.startswith(PREVIEW)
    }
