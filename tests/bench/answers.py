"""What is asked and answered in the bench: four sizes of answers, three of prompts."""

from __future__ import annotations

from pydantic import BaseModel, create_model

__all__ = ["ANSWERS", "PROMPTS", "Invoice", "Line", "Rows", "Sixty", "Small", "made"]

PROMPTS = {size: ("Total due: 42 EUR. " * 10_600)[:size] for size in (200, 10_000, 200_000)}
"""By their length in bytes."""


class Small(BaseModel):
    """Four fields."""

    vendor: str
    total: float
    paid: bool
    note: str | None = None


class Line(BaseModel):
    """A line item."""

    sku: str
    name: str
    quantity: int
    price: float


class Invoice(BaseModel):
    """Line items under a head."""

    vendor: str
    lines: list[Line]


class Rows(BaseModel):
    """A table."""

    rows: list[Line]


Sixty = create_model(  # type: ignore[call-overload]
    "Sixty",
    __module__=__name__,
    **{f"field_{number}": ((str, int, float)[number % 3], ...) for number in range(60)},
)


def lines(number: int) -> list[Line]:
    """Line items, each of its own."""
    return [
        Line(sku=f"SKU-{n:04}", name=f"Article number {n}", quantity=n % 7 + 1, price=n + 0.25)
        for n in range(number)
    ]


def made(kind: type[BaseModel]) -> BaseModel:
    """An answer of this type."""
    if kind is Small:
        return Small(vendor="ACME", total=42.0, paid=True)
    if kind is Invoice:
        return Invoice(vendor="ACME", lines=lines(20))
    if kind is Rows:
        return Rows(rows=lines(500))
    return kind(**{f"field_{number}": ("text", 7, 1.5)[number % 3] for number in range(60)})


ANSWERS: dict[str, type[BaseModel]] = {
    "small": Small,
    "60 fields": Sixty,
    "20 line items": Invoice,
    "500 rows": Rows,
}
