"""What can be said to a Redis server in one exchange, and the names of the keys there."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from llmcache.backends.base import Scope
from llmcache.backends.redis.frame import scope_tag
from llmcache.backends.redis.scripts import Script

__all__ = ["BATCH", "Batch", "Command", "Dialogue", "Names", "Run", "Scan", "Step", "Words"]

Answer = TypeVar("Answer")
Words = tuple[str | bytes | int, ...]

BATCH = 500
"""Commands sent at once, and keys asked of one SCAN: about a millisecond of the server's time."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `foreign`: the reply to take where the key holds another type, None: fail."""

    words: Words
    foreign: bytes | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a script."""

    script: Script
    keys: tuple[str, ...]
    arguments: Words


@dataclass(frozen=True, slots=True)
class Batch:
    """Commands sent together; `atomic`: all or none. The reply is the list of replies."""

    commands: list[Words]
    atomic: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """One step over the keys, from `position`, None to begin.

    The reply is (position, keys); the position is None at the end.
    """

    pattern: str
    position: Any = None


Step = Command | Run | Batch | Scan
Dialogue = Generator[Step, Any, Answer]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the keys on the server: what stands in braces decides the slot in a cluster."""

    prefix: str

    def value(self, key: str) -> str:
        """Where the entry is."""
        return f"{self.prefix}:{{{key}}}:v"

    def answer(self, key: str) -> tuple[str, str, str]:
        """Value, lease and epoch of one key, in one slot."""
        stem = f"{self.prefix}:{{{key}}}"
        return f"{stem}:v", f"{stem}:l", f"{stem}:e"

    def pending(self, key: str) -> str:
        """A new name for a value that nobody may see yet."""
        return f"{self.prefix}:{{{key}}}:p{os.urandom(8).hex()}"

    def scope_epoch(self, scope: Scope) -> str:
        """The number of the last `clear` of a scope."""
        return f"{self.prefix}:{{{scope_tag(scope).hex()}}}:s"

    def manifest(self, digest: str) -> str:
        """Where a manifest is."""
        return f"{self.prefix}:{{{digest}}}:m"

    def pattern(self, kinds: str) -> str:
        """What SCAN matches for these kinds, in its own notation, such as `v` or `[vp]*`."""
        quoted = "".join(f"\\{sign}" if sign in r"\*?[]^-" else sign for sign in self.prefix)
        return f"{quoted}:{{*}}:{kinds}"

    def key_of(self, value: bytes) -> str:
        """The key whose entry has this name."""
        return value.decode()[len(self.prefix) + 2 : -len("}:v")]
