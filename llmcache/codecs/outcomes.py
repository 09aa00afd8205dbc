"""What a codec answers when it cannot do its work; nothing else leaves it."""

from __future__ import annotations

import re
from typing import Self

__all__ = ["DAMAGE", "Unreadable", "Unstorable", "full_name"]

DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    re.error,
    TypeError,
    ValueError,
)
"""What damaged bytes can raise while they are read; each is a miss."""


def full_name(kind: type) -> str:
    """`module.qualname`, for messages."""
    return f"{kind.__module__}.{kind.__qualname__}"


class Unstorable(Exception):  # noqa: N818 - an outcome that the engine handles, not an error of the user's
    """A value that would not come back as it is, and so is not stored.

    Attributes:
        path: The way to the part at fault, such as `lines[3].price`; empty for the value itself.
        reason: What would be lost, in words, without any of the value's content.
        type_name: The full name of the part's type.
    """

    def __init__(self, reason: str, *, path: str = "", type_name: str = "") -> None:
        super().__init__(reason)
        self.path: str = path
        self.reason = reason
        self.type_name = type_name

    def __str__(self) -> str:
        kind = f" ({self.type_name})" if self.type_name else ""
        return f"{self.path or 'the result'}{kind}: {self.reason}"

    def inside(self, step: str) -> Self:
        """The same refusal, seen from one level further out; `step` is `name` or `[index]`."""
        joined = not self.path or self.path.startswith("[")
        self.path = f"{step}{self.path}" if joined else f"{step}.{self.path}"
        return self


class Unreadable(Exception):  # noqa: N818 - an outcome that the engine handles, not an error of the user's
    """Bytes that are damaged, of a newer release, foreign, or of a class that is not to be had.

    Attributes:
        reason: Why, in words, without any content.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
