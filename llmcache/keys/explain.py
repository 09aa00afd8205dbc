"""Why a call is a hit or not, in the user's words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from llmcache.keys.parts import KeyParts

__all__ = ["Explanation", "Near", "Stored", "explanation", "nearest", "without_beside"]

Stored = tuple[str, bytes, str]
"""A stored entry: its key, its call parts as JSON, the digest of its manifest."""

OF_CALLS = ("argument ", "self.", "namespace", "sample", "depends_on[", "key")
MINUTE, HOUR, DAY = 60, 3600, 86_400
SHOWN_KEY = 12
BY_MODE = {
    "off": "mode off: the function is called all the same, and nothing is stored",
    "refresh": "mode refresh: the function is called all the same, and its result stored anew",
}
PREVIEW, UNKEYED = BESIDE = "preview of ", "not in the key: "
"""How names begin that are kept with the parts of a key, and are none of them."""


class Near(NamedTuple):
    """The stored entry that differs in the fewest parts, and what differs."""

    key: str
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a call would find. `str()` of it is text for people.

    Attributes:
        function: Whose call.
        key: Its digest.
        status: `"hit"`, `"stale"` (expired, and served by its settings), `"expired"`, `"miss"`;
            `"unknown"` where the store cannot be read.
        age: Seconds since the entry was stored; None where there is none.
        left: Seconds until it expires, negative since it has; None where it does not.
        nearest: On a miss, the key of the stored entry with the fewest differing parts.
        differences: What differs from that one.
        unkeyed: What the function reads and no key can see.
        previews: Short previews of arguments, where the user turned them on.
        mode: What the cache is told to do; beside `"on"` it decides more than what is stored.
        failure: Why the store cannot be read; empty where it can.
    """

    function: str
    key: str
    status: str
    age: float | None = None
    left: float | None = None
    nearest: str | None = None
    differences: tuple[str, ...] = ()
    unkeyed: tuple[str, ...] = ()
    previews: Mapping[str, str] = field(default_factory=dict)
    mode: str = "on"
    failure: str = ""

    def __str__(self) -> str:
        lines = [f"{self.function} {self.key[:SHOWN_KEY]}: {self.headline()}"]
        lines += [f"  {BY_MODE[self.mode]}"] if self.mode in BY_MODE else []
        lines += [f"  {difference}" for difference in self.differences]
        lines += [f"  argument {name} = {shown}" for name, shown in self.previews.items()]
        if self.unkeyed:
            lines += ["not in the key:", *(f"  {what}" for what in self.unkeyed)]
        return "\n".join(lines)

    def headline(self) -> str:
        """The status in one line."""
        if self.failure:
            return f"unknown; the store cannot be read: {self.failure}"
        if self.status == "miss":
            if self.nearest is None:
                return "miss; nothing is stored for this function in this namespace"
            if not self.differences:
                return "miss; what was stored for this very call has expired or cannot be read"
            return (
                f"miss; the nearest entry is {self.nearest[:SHOWN_KEY]}, from which this differs:"
            )
        if self.status == "hit":
            until = "never expires" if self.left is None else f"{span(self.left)} left"
            return f"hit; {span(self.age or 0)} old, {until}"
        since = f"since {span(-(self.left or 0))}"
        served = ", served while stale" if self.status == "stale" else ""
        return f"expired {since}{served}; {span(self.age or 0)} old"


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def nearest(
    wanted: KeyParts, stored: Iterable[Stored], manifests: Callable[[str], bytes | None]
) -> Near | None:
    """The stored entry with the fewest differing parts; of several, the first given.

    Args:
        wanted: The parts of the call.
        stored: The entries of the function, the newest first. One that cannot be read is passed
            over.
        manifests: The shared parts as JSON by their digest, as kept, or None; asked once each.

    Returns:
        The nearest entry, or None where none can be read.
    """
    listed = list(stored)
    shared = {wanted.manifest: dict(wanted.shared)}
    for manifest in {manifest for _, _, manifest in listed} - shared.keys():
        shared[manifest] = without_beside(decoded(manifests(manifest) or b"{}") or {})
    apart = {name: distance(wanted.shared, parts) for name, parts in shared.items()}
    pieces = pieces_of(wanted.call)
    best: Near | None = None
    least = math.inf
    for key, text, manifest in listed:
        # What it lacks is found in its text: few have to be decoded for what they have besides.
        if apart[manifest] + len(pieces.difference(text[1:-1].split(b","))) >= least:
            continue
        parts = decoded(text)
        if parts is None:
            continue
        missing = apart[manifest] + distance(wanted.call, without_beside(parts))
        if missing < least:
            of_all = differences(wanted.shared, shared[manifest])
            best = Near(key, (*of_all, *differences(wanted.call, without_beside(parts))))
            least = missing
    return best


def pieces_of(parts: Mapping[str, str]) -> set[bytes]:
    """The parts as they stand in the text of a record."""
    return {
        f'{json.dumps(name, ensure_ascii=False)}:"{digest}"'.encode()
        for name, digest in parts.items()
    }


def decoded(parts: bytes) -> dict[str, str] | None:
    """One record of parts; None where it is not one."""
    try:
        found = json.loads(parts)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def without_beside(kept: Mapping[str, str]) -> dict[str, str]:
    """The parts of a key, of what is kept."""
    return {name: text for name, text in kept.items() if not name.startswith(BESIDE)}


def distance(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    """In how many parts two records differ."""
    return len(one.keys() | other.keys()) - len(one.items() & other.items())


def differences(wanted: Mapping[str, str], stored: Mapping[str, str]) -> tuple[str, ...]:
    """What differs, each as a phrase."""
    found = []
    for name in sorted(wanted.keys() | stored.keys()):
        if name not in stored:
            found.append(f"{name} is new")
        elif name not in wanted:
            found.append(f"{name} is gone")
        elif wanted[name] != stored[name]:
            found.append(f"{name} {'differs' if name.startswith(OF_CALLS) else 'changed'}")
    return tuple(found)


def explanation(  # noqa: PLR0913 - they are the options of one call
    function: str,
    key: str,
    *,
    status: str,
    age: float | None = None,
    left: float | None = None,
    near: Near | None = None,
    unkeyed: Iterable[str] = (),
    previews: Mapping[str, str] | None = None,
    mode: str = "on",
) -> Explanation:
    """An explanation; `near` counts on a miss only."""
    near = near if status == "miss" else None
    return Explanation(
        function,
        key,
        status,
        age,
        left,
        near.key if near else None,
        near.differences if near else (),
        tuple(unkeyed),
        previews or {},
        mode,
    )
