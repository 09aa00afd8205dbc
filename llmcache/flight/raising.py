"""One exception that several callers raise."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn

__all__ = ["SharedError"]


class SharedError:
    """An exception that each caller raises as it was when it came.

    Raised as it is, its traceback would grow by each caller, and name as its context whatever the
    last of them was handling.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.traceback: TracebackType | None = error.__traceback__
        self.context: BaseException | None = error.__context__

    def throw(self) -> NoReturn:
        """Raise it in one caller.

        Raises:
            Exception: It.
        """
        try:
            raise self.error.with_traceback(self.traceback)
        finally:
            self.error.__context__ = self.context
