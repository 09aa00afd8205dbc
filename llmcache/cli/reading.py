"""The ledger of the store that a command works on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import click

from llmcache.backends.base import Backend, Ledgers, able
from llmcache.backends.counts import Cell, Missed, Sums
from llmcache.cli.stores import absence, now

__all__ = ["counts_of", "first_day", "misses_of"]


def first_day(since: float | None) -> str:
    """The day, in UTC, that so many seconds lead back to; empty: all days."""
    return "" if since is None else f"{datetime.fromtimestamp(now() - since, UTC):%Y-%m-%d}"


def counts_of(store: Backend, since: float | None) -> Mapping[Cell, Sums]:
    """What is kept; nothing where the store does not exist yet.

    Raises:
        click.ClickException: The backend keeps no ledger.
    """
    return {} if absence(store) else ledger_of(store).counts(first_day(since))


def misses_of(store: Backend, limit: int) -> list[Missed]:
    """The last misses, likewise."""
    return [] if absence(store) else ledger_of(store).misses(limit)


def ledger_of(store: Backend) -> Ledgers:
    ledger = able(store, Ledgers)
    if ledger is None:
        raise click.ClickException(
            f"{store.description} keeps no ledger: calls are counted in each process only."
        )
    return ledger
