"""The steps of a call: what is to be done next, and what came of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from llmcache.flight.leases import Lease
from llmcache.store import Operation

__all__ = ["Ask", "Compute", "Pause", "Raised", "Step", "Steps"]

Came = TypeVar("Came")


class Ask(NamedTuple):
    """Let the store do one operation; comes back with its result, or `Failed`.

    Attributes:
        operation: What it is to do.
        arguments: Those of the backend's method, in order.
        named: Those that are given by name.
        lease: The lease that it may take; None: it takes none.
    """

    operation: Operation
    arguments: tuple[Any, ...]
    named: Mapping[str, Any] = MappingProxyType({})
    lease: Lease | None = None


class Pause(NamedTuple):
    """Wait, in seconds."""

    seconds: float


class Compute(NamedTuple):
    """Run the user's function; comes back with its result."""


Step = Ask | Pause | Compute


class Raised(NamedTuple):
    """What comes back of a step that raised, and of steps where that is what they came to.

    As a value, because an exception that passes through a generator may be changed by it:
    `StopIteration` becomes a `RuntimeError`.
    """

    error: BaseException


Steps = Generator[Step, Any, Came | Raised]
"""Steps, and what they come to."""
