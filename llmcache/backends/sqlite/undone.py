"""The answer of work that could not be done at once."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["UNDONE", "Undone"]


class Undone(enum.Enum):
    """The type of `UNDONE`."""

    UNDONE = "undone"


UNDONE: Final = Undone.UNDONE
"""It has to go the long way: wait, open, recover, or run in a thread."""
