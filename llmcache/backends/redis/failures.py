"""What an error of a client library means: told by its name, as libraries and releases differ."""

from __future__ import annotations

import sys

__all__ = ["failures_of", "is_cut", "is_foreign", "is_reply", "is_unknown_script"]

FAILURES = {"redis": "RedisError", "valkey": "ValkeyError"}
"""The client libraries, and what each calls the root of its errors."""


def failures_of(kind: type) -> tuple[type[Exception], ...]:
    """What a client raises when the server fails: its library's root, and the system's own."""
    for base in kind.__mro__:
        name = base.__module__.partition(".")[0]
        if name in FAILURES:
            root = getattr(sys.modules[f"{name}.exceptions"], FAILURES[name])
            return (root, OSError, EOFError, RuntimeError)
    return (OSError, EOFError, RuntimeError)


def is_reply(error: Exception) -> bool:
    """Whether the server answered, if with an error; not where it serves nothing to anybody.

    As while it loads, or to one without a password, whose longer commands it takes for nonsense.
    """
    replied = any(base.__name__ == "ResponseError" for base in type(error).__mro__)
    return replied and not str(error).startswith("Protocol error")


def is_cut(error: Exception) -> bool:
    """Whether a connection that was there ended, as by a restart or an idle limit on the way."""
    return type(error).__name__ == "ConnectionError" and " connecting to " not in str(error)


def is_unknown_script(error: Exception) -> bool:
    """Whether the server was restarted, or never ran this script."""
    return type(error).__name__ == "NoScriptError"


def is_foreign(error: Exception) -> bool:
    """Whether the key holds something of another type than ours."""
    return str(error).startswith("WRONGTYPE")
