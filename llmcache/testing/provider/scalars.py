"""Chosen by a seed alone: numbers, texts and the usual formats, within a schema's bounds."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from llmcache.testing.provider.patterns import UnfillableError, matching

__all__ = ["WORDS", "Dice", "integer", "number", "sentence", "text"]

Schema = Mapping[str, Any]

WORDS = """
amber anchor autumn basil bridge candle cedar copper coral cotton delta ember fern garnet
harbour hazel indigo ivory jasper juniper lantern lemon linen maple marble meadow mint
nickel olive orchid pepper pine quartz raven saffron silver slate summit thistle timber
velvet willow
""".split()  # noqa: SIM905 - fifty words read better than fifty quoted words


class Dice:
    """Choices that follow from a seed and a path alone: no state, so order does not matter."""

    def __init__(self, seed: str, path: str = "$") -> None:
        self.seed = seed
        self.path = path

    def number(self, *, salt: object = "") -> int:
        """A number of 64 bits."""
        text = f"{self.seed}\0{self.path}\0{salt}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:8])

    def below(self, bound: int, *, salt: object = "") -> int:
        """A number from 0 up to, without, `bound`."""
        return self.number(salt=salt) % max(bound, 1)

    def at(self, step: object) -> Dice:
        """The dice of a part of this value."""
        return Dice(self.seed, f"{self.path}/{step}")

    def sequence(self) -> Callable[[int], int]:
        """A function of a bound that gives another number at each call."""
        rolled = iter(range(1 << 30))
        return lambda bound: self.below(bound, salt=next(rolled))


def sentence(dice: Dice, words: int = 8) -> str:
    """A line of text."""
    chosen = [WORDS[dice.below(len(WORDS), salt=position)] for position in range(words)]
    return " ".join(chosen).capitalize() + "."


def bounds(plain: Schema, step: float) -> tuple[float, float]:
    """The least and the greatest number allowed; 1,000 wide where the schema leaves it open."""
    low, high = plain.get("minimum"), plain.get("maximum")
    if (above := plain.get("exclusiveMinimum")) is not None:
        low = above + step if low is None else max(low, above + step)
    if (below := plain.get("exclusiveMaximum")) is not None:
        high = below - step if high is None else min(high, below - step)
    if low is None:
        low = 0 if high is None or high >= 0 else high - 1000
    return low, low + 1000 if high is None else high


def integer(plain: Schema, dice: Dice) -> int:
    """A whole number within the schema's bounds."""
    step = plain.get("multipleOf", 1)
    low, high = bounds(plain, 1)
    first, last = math.ceil(low / step), math.floor(high / step)
    return int((first + dice.below(last - first + 1)) * step)


def number(plain: Schema, dice: Dice) -> float:
    """A number within the schema's bounds, with two decimals where they leave room."""
    low, high = bounds(plain, 0)
    if step := plain.get("multipleOf"):
        first, last = math.ceil(low / step), math.floor(high / step)
        return float(round((first + dice.below(last - first + 1)) * step, 10))
    exact = low + (high - low) * (1 + dice.below(9_999)) / 10_001
    rounded = round(exact, 2)
    return float(rounded if low < rounded < high else exact)


def text(plain: Schema, dice: Dice) -> str:
    """A text of the schema's pattern or format; else some words of the length asked for.

    Raises:
        UnfillableError: No text is known for the pattern.
    """
    if (pattern := plain.get("pattern")) is not None:
        return matching_within(plain, pattern, dice)
    if (form := FORMATS.get(plain.get("format", ""))) is not None:
        return form(dice.number())
    words = f"{WORDS[dice.below(len(WORDS))]} {WORDS[dice.below(len(WORDS), salt=1)]}"
    words += f" {dice.below(9000, salt=2) + 1000}"
    while len(words) < plain.get("minLength", 0):
        words += f" {WORDS[dice.below(len(WORDS), salt=len(words))]}"
    most = plain.get("maxLength", len(words))
    return words if len(words) <= most else words.replace(" ", "")[-most:] if most else ""


def matching_within(plain: Schema, pattern: str, dice: Dice) -> str:
    least, most = plain.get("minLength", 0), plain.get("maxLength", math.inf)
    for attempt in range(40):
        candidate = matching(pattern, dice.at(attempt).sequence())
        if least <= len(candidate) <= most:
            return candidate
    raise UnfillableError(f"no text of the length asked for is known for {pattern!r}")


def day(n: int) -> str:
    return f"{2000 + n % 30}-{1 + n // 30 % 12:02}-{1 + n // 360 % 28:02}"


def clock(n: int) -> str:
    return f"{n % 24:02}:{n // 24 % 60:02}:{n // 1440 % 60:02}"


def name(n: int) -> str:
    return f"{WORDS[n % len(WORDS)]}{n // 64 % 1000}"


FORMATS: dict[str, Callable[[int], str]] = {
    "date": day,
    "time": lambda n: clock(n) + "Z",
    "date-time": lambda n: f"{day(n)}T{clock(n)}Z",
    "duration": lambda n: f"PT{n % 10_000}S",
    "email": lambda n: f"{name(n)}@example.com",
    "hostname": lambda n: f"{name(n)}.example.com",
    "uri": lambda n: f"https://example.com/{name(n)}",
    "ipv4": lambda n: f"192.0.2.{n % 256}",
    "ipv6": lambda n: f"2001:db8::{n % 65_536:x}",
    "ipv4network": lambda n: f"198.51.{n % 256}.0/24",
    "ipv6network": lambda n: f"2001:db8:{n % 65_536:x}::/48",
    "ipv4interface": lambda n: f"192.0.2.{n % 256}/24",
    "ipv6interface": lambda n: f"2001:db8::{n % 65_536:x}/64",
    "uuid": lambda n: f"{n % 2**32:08x}-0000-4000-8000-{n % 2**48:012x}",
    "binary": name,
    "base64url": lambda n: f"{n:016x}",
    "json-string": lambda n: json.dumps(name(n)),
    "path": lambda n: f"/srv/{name(n)}",
    "file-path": lambda n: f"/srv/{name(n)}",
    "directory-path": lambda n: f"/srv/{name(n)}",
}
FORMATS["idn-email"] = FORMATS["email"]
FORMATS["url"] = FORMATS["multi-host-uri"] = FORMATS["uri"]
FORMATS["uuid4"] = FORMATS["uuid"]
