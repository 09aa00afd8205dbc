"""Extract some invoices twice: the second time asks nobody.

With `OPENAI_API_KEY` in the environment it asks the real thing, else a provider on loopback.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import instructor
from pydantic import BaseModel, Field

import llmcache
from llmcache.testing import LoopbackProvider

DOCUMENTS = [
    "Invoice 2026-041, Nordlicht GmbH, 3 lamps at 39.00 EUR, 117.00 EUR in all.",
    "Rechnung 88/2026, Papier & Co., 12 Ordner zu 2.50 EUR, Summe 30.00 EUR.",
    "Facture F-2026-7, Atelier Vert, restauration d'une chaise, total 240.00 EUR.",
]
PROMPT = "Extract the invoice. Amounts are in the document's currency."


class Invoice(BaseModel):
    """What is wanted of an invoice."""

    number: str = Field(description="as printed, with its prefix")
    supplier: str
    total: float = Field(ge=0)


@llmcache.cached_structured(ttl="30d")
def extract(client: Any, text: str) -> Invoice:
    """Ask the model that the client stands for."""
    return client.create(
        response_model=Invoice,
        messages=[{"role": "system", "content": PROMPT}, {"role": "user", "content": text}],
    )


@contextlib.contextmanager
def open_client() -> Iterator[Any]:
    """A client of OpenAI where there is a key, else of a provider on this machine."""
    if os.environ.get("OPENAI_API_KEY"):
        yield instructor.from_provider("openai/gpt-4o-mini")
        return
    with LoopbackProvider(delay=0.2) as provider:
        yield instructor.from_provider(
            "openai/gpt-4o-mini", base_url=provider.openai_url, api_key="none"
        )


def main() -> None:
    """Twice over all documents."""
    with open_client() as client:
        for _ in range(2):
            with llmcache.record() as calls:
                invoices = [extract(client, text) for text in DOCUMENTS]
            hits = len(calls.of(llmcache.Hit))
            print(f"{len(invoices)} invoices, {hits} of them stored before")


if __name__ == "__main__":
    main()
