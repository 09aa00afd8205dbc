"""Warnings: they point at the user's line, and never cost a call its answer."""

from __future__ import annotations

import sys
import warnings

__all__ = ["notice"]

PASSED_BY = frozenset({"asyncio", "concurrent", "contextlib", "llmcache", "threading", "wrapt"})
"""Packages whose lines are not the user's."""


def notice(text: str, category: type[Warning]) -> None:
    """Warn, at the innermost line that is the user's.

    Where a filter makes warnings errors the call has its answer all the same, which may have been
    paid for: the error goes to `sys.unraisablehook`, as one in a finalizer does. Python prints it,
    and pytest fails the test, by a `PytestUnraisableExceptionWarning` under the same filter.
    """
    try:
        warnings.warn(text, category, stacklevel=level())
    except Exception as error:  # noqa: BLE001 - a filter's, or whatever the user's showwarning raises
        Unraisable(error)


def level() -> int:
    """How many frames the user's line is above the caller; past the last one where there is none.

    A computed level instead of `skip_file_prefixes`, which Python has since 3.12 only.
    """
    frame, above = sys._getframe(1), 1  # noqa: SLF001 - what the warnings module itself goes by
    while frame.f_globals.get("__name__", "").partition(".")[0] in PASSED_BY:
        above += 1
        if frame.f_back is None:
            break
        frame = frame.f_back
    return above


class Unraisable:
    """Hands an error to `sys.unraisablehook`, whose argument only the interpreter can make."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error
