"""What each setting may be given as, and what it becomes: one function a setting.

Each takes the user's value and the name to show in an error, and returns the value that
`Settings` holds or raises `ConfigurationError`. Text is what variables hold, so each reads text.
"""

from __future__ import annotations

import base64
import binascii
import enum
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmcache.durations import Duration, parse_duration, parse_size
from llmcache.errors import ConfigurationError

__all__ = [
    "SPELLINGS",
    "Mode",
    "TimeToLive",
    "check_options",
    "hint_at",
    "read_ttl",
    "refused",
]

TimeToLive = float | Callable[[Any], Duration | None] | None
KEY_BYTES = 32
YES = ("1", "true", "yes", "on")
NO = ("0", "false", "no", "off")


class Mode(enum.StrEnum):
    """What the cache does; `llmcache.mode` describes each."""

    ON = "on"
    OFF = "off"
    REFRESH = "refresh"
    READONLY = "readonly"
    OFFLINE = "offline"


def hint_at(name: str, known: Iterable[str], *, alike: float = 0.6) -> str:
    """What may have been meant by a name that does not exist, to be put behind the full stop.

    Args:
        name: What was written.
        known: The names that exist.
        alike: From 0, whatever is nearest, to 1, equal; what is less alike is not hinted at.
    """
    import difflib  # noqa: PLC0415 - only for who is about to get an error

    near = difflib.get_close_matches(name, known, 1, alike)
    return f" Did you mean {near[0]!r}?" if near else ""


def check_options(taker: str, options: Iterable[str], known: Collection[str]) -> None:
    """Refuse an option that does not exist.

    Raises:
        ConfigurationError: With the name that may have been meant.
    """
    for name in sorted(set(options) - set(known)):
        listed = ", ".join(sorted(known))
        raise ConfigurationError(
            f"{taker} has no option {name!r}.{hint_at(name, known)} Options: {listed}.",
            name=name,
            allowed=listed,
        )


def refused(name: str, value: object, allowed: str, *, secret: bool = False) -> ConfigurationError:
    """The error for a value that a setting does not take."""
    shown = "(hidden)" if secret else repr(value)
    return ConfigurationError(
        f"{name}={shown} cannot be used. Allowed: {allowed}.",
        name=name,
        value=shown,
        allowed=allowed,
    )


def read_ttl(value: Any, name: str) -> TimeToLive:
    """None and callables as they are, all else as a duration in seconds."""
    if value is None or (callable(value) and not isinstance(value, type)):
        return value
    return parse_duration(value, name=name)


def read_seconds(value: Any, name: str) -> float:
    """A duration in seconds."""
    return parse_duration(value, name=name)


def read_optional_seconds(value: Any, name: str) -> float | None:
    """A duration in seconds, or None."""
    return None if value is None else parse_duration(value, name=name)


def read_window(value: Any, name: str) -> float:
    """A duration in seconds; None is none, 0."""
    return 0.0 if value is None else parse_duration(value, name=name)


def read_size(value: Any, name: str) -> int:
    """Bytes."""
    return parse_size(value, name=name)


def read_text(value: Any, name: str) -> str:
    """Text of any kind, the empty one included."""
    if not isinstance(value, str):
        raise refused(name, value, "text")
    return value


def read_backend(value: Any, name: str) -> Any:
    """A URL or a backend object; None is the default. The URL is read where it is opened."""
    if value is None:
        return "default://"
    if isinstance(value, str):
        if not value.strip():
            raise refused(name, value, "a backend URL such as 'sqlite:///answers.db'")
        return value
    if isinstance(value, os.PathLike):
        file = os.fsdecode(value)
        raise refused(name, value, f"'sqlite:///{file}' or SQLiteBackend({file!r}) for a file")
    if isinstance(value, type) and hasattr(value, "get"):
        raise refused(name, value, f"an object, not a class, as {value.__name__}(...) makes one")
    if isinstance(value, type) or not all(hasattr(value, verb) for verb in ("get", "put")):
        raise refused(name, value, "a backend object, a backend URL, or None for the default")
    return value


def read_dir(value: Any, name: str) -> str | None:
    """A directory as text, `~` resolved; None: the user's cache directory."""
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise refused(name, value, "a path to a directory")
    return str(Path(os.fsdecode(value)).expanduser())


def read_mode(value: Any, name: str) -> Mode:
    """One of the five modes."""
    try:
        return Mode(value)
    except ValueError:
        allowed = ", ".join(repr(str(known)) for known in Mode)
        raise refused(name, value, allowed) from None


def read_flag(value: Any, name: str) -> bool:
    """A bool, or the usual words for one."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise refused(name, value, "1, true, yes, on, or 0, false, no, off")


def read_keys(value: Any, name: str) -> tuple[bytes, ...]:
    """Keys of 32 bytes: base64, several by comma; or bytes, or several of either; None: none."""
    allowed = "base64 of 32 bytes, several by comma"
    if value is None:
        return ()
    if isinstance(value, bytes):
        value = (value,)
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, Iterable):
        raise refused(name, value, allowed, secret=True)
    keys = []
    for text in texts:
        try:
            key = text if isinstance(text, bytes) else base64.b64decode(text.strip(), validate=True)
        except (AttributeError, ValueError, binascii.Error):
            raise refused(name, value, allowed, secret=True) from None
        if len(key) != KEY_BYTES:
            raise refused(name, value, allowed, secret=True)
        keys.append(key)
    return tuple(keys)


def read_key_file(value: Any, name: str) -> tuple[bytes, ...]:
    """A file that holds what `read_keys` reads, one key a line or by comma."""
    if value is None:
        return ()
    try:
        text = Path(value).expanduser().read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError, TypeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise refused(name, value, f"a readable file with keys ({reason})") from None
    return read_keys(",".join(text.replace(",", "\n").split()), name)


def read_project(value: Any, name: str) -> tuple[str, ...]:
    """Names of top-level packages, as an iterable or as text with commas."""
    names = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
    if not all(isinstance(item, str) and item.strip().isidentifier() for item in names):
        raise refused(name, value, "names of top-level packages")
    return tuple(item.strip() for item in names)


def read_clock(value: Any, name: str) -> Any:
    """Anything with `time()` and `monotonic()`."""
    if not all(callable(getattr(value, reading, None)) for reading in ("time", "monotonic")):
        raise refused(name, value, "an object with time() and monotonic(), in seconds")
    return value


def one_of(*words: str) -> Callable[[Any, str], str]:
    """A reader that takes these words alone."""

    def read(value: Any, name: str) -> str:
        if value not in words:
            raise refused(name, value, " or ".join(repr(word) for word in words))
        return str(value)

    return read


SPELLINGS: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType(
    {
        "backend": read_backend,
        "dir": read_dir,
        "max_bytes": read_size,
        "ttl": read_ttl,
        "namespace": read_text,
        "mode": read_mode,
        "disable": read_flag,
        "previews": read_flag,
        "encryption_key": read_keys,
        "encryption_key_file": read_key_file,
        "stale_if_error": read_window,
        "stale_while_revalidate": read_window,
        "on_backend_error": one_of("warn", "raise"),
        "on_uncacheable": one_of("raise", "bypass"),
        "backend_timeout": read_seconds,
        "max_wait": read_optional_seconds,
        "project": read_project,
        "clock": read_clock,
    }
)
