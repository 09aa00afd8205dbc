"""Who must put a lock in order in a forked child.

A lock that another thread held when the process forked stays held in the child, where that
thread does not exist.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["Forkable", "forkable"]


class Forkable(Protocol):
    """Something with a lock."""

    def forked(self) -> None:
        """Make the lock usable; runs in the child while it has one thread."""
        ...


living: weakref.WeakSet[Forkable] = weakref.WeakSet()


def forkable(holder: Forkable) -> None:
    """Call `holder.forked()` in every child forked from now on, for as long as it lives."""
    living.add(holder)


def tell_all() -> None:
    for holder in list(living):
        holder.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=tell_all)
