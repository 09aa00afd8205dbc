"""Server-sent events, and the slices in which text is streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["event", "sliced"]

LEAST_SLICE = 12
MOST_SLICES = 40


def event(data: Mapping[str, Any] | str, name: str | None = None) -> str:
    """One event as it goes over the wire; a mapping as JSON, a str as it is."""
    written = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    heading = f"event: {name}\n" if name else ""
    return f"{heading}data: {written}\n\n"


def sliced(text: str) -> Iterator[str]:
    """The text in at most some forty slices of at least a dozen characters."""
    width = max(LEAST_SLICE, len(text) // MOST_SLICES + 1)
    for start in range(0, len(text), width):
        yield text[start : start + width]
