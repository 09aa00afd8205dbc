"""What tokens cost, at reading time: by the user's table, else by genai-prices; never a guess."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmcache.backends.counts import Sums
from llmcache.errors import ConfigurationError

__all__ = ["Cost", "costs"]

Cost = Callable[[str, Sums], Decimal | None]
"""US dollars for the tokens of a model; None where its price is not known."""

MILLION = 1_000_000


def costs(table: Path | None = None) -> Cost:
    """What knows prices.

    Args:
        table: A JSON file, `{"model": {"input": 0.15, "output": 0.6}}`, in US dollars per million
            tokens; it counts before genai-prices (extra `prices`).

    Raises:
        ConfigurationError: The file is not of that form.
    """
    own = {} if table is None else own_prices(table)

    def cost(model: str, sums: Sums) -> Decimal | None:
        if not model or not (sums.input_tokens or sums.output_tokens):
            return None
        if model in own:
            per_input, per_output = own[model]
            return (per_input * sums.input_tokens + per_output * sums.output_tokens) / MILLION
        return public_cost(model, sums)

    return cost


def own_prices(table: Path) -> Mapping[str, tuple[Decimal, Decimal]]:
    """The user's table."""
    try:
        read: Any = json.loads(table.read_text(encoding="utf-8"), parse_float=Decimal)
        return {
            model: (Decimal(prices["input"]), Decimal(prices["output"]))
            for model, prices in read.items()
        }
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        form = '{"model": {"input": 0.15, "output": 0.6}}, in US dollars per million tokens'
        raise ConfigurationError(
            f"--prices: {table} cannot be used ({type(error).__name__}): write {form}.",
            name="--prices",
            allowed=form,
        ) from None


def public_cost(model: str, sums: Sums) -> Decimal | None:
    """By genai-prices, at the rate of the average call: some models cost more for long prompts."""
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None
    calls = max(1, sums.calls)
    asked, answered = max(1, sums.input_tokens // calls), max(1, sums.output_tokens // calls)
    try:
        price = calc_price(Usage(input_tokens=asked, output_tokens=answered), model_ref=model)
    except LookupError:
        return None
    return (
        price.input_price * sums.input_tokens / asked
        + price.output_price * sums.output_tokens / answered
    )
