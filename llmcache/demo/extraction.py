"""The function that the demo caches, as a user would write it: a model, a prompt, a decorator."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from llmcache import cached_structured

__all__ = ["Invoice", "Line", "extract_invoice"]

PROMPT = """\
You read invoices and return what is on them.

Dates are ISO 8601. Numbers have a point and no thousands separator. A discount or a credit is a
line with a negative price. Keep names and descriptions in the invoice's language.
"""
MAX_TOKENS = 1500


class Line(BaseModel):
    """One line of an invoice."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal = Field(description="Before tax.")


class Invoice(BaseModel):
    """What is on an invoice."""

    number: str
    issued: date
    due: date | None = Field(description="None where it was paid already or no day is named.")
    seller: str
    buyer: str = Field(description="Who is billed: the organisation, else the person.")
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217.")
    lines: list[Line] = Field(min_length=1)
    net: Decimal
    tax: Decimal = Field(description="All taxes together.")
    total: Decimal = Field(description="With tax, before deposits and withholdings.")
    reference: str | None = Field(description="The buyer's reference, or the order or delivery.")
    note: str | None = Field(description="Anything else that matters, in one sentence.")


@cached_structured
def extract_invoice(client: Any, model: str, text: str) -> Invoice:
    """Ask the model for the fields of one invoice; `client` is any sync Instructor client."""
    answer: Invoice = client.create(
        model=model,
        response_model=Invoice,
        max_tokens=MAX_TOKENS,
        max_retries=2,
        messages=[
            {"role": "system", "content": PROMPT},
            {"role": "user", "content": text},
        ],
    )
    return answer
