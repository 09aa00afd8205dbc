"""The invoices that ship with the package, and what is truly on each of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

__all__ = ["Document", "documents"]


@dataclass(frozen=True, slots=True)
class Document:
    """One invoice.

    Attributes:
        name: The file's name without its ending.
        text: The invoice as it was received.
        truth: The fields of `Invoice` as JSON: what the loopback provider answers with.
    """

    name: str
    text: str
    truth: dict[str, Any] = field(repr=False)


def documents() -> list[Document]:
    """All of them, by name."""
    folder = resources.files("llmcache.demo") / "documents"
    files = sorted(entry.name for entry in folder.iterdir())
    return [
        Document(
            name,
            (folder / f"{name}.txt").read_text(encoding="utf-8"),
            json.loads((folder / f"{name}.json").read_text(encoding="utf-8")),
        )
        for name in (file.removesuffix(".txt") for file in files if file.endswith(".txt"))
    ]
