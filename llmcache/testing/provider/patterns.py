"""A text that matches a regular expression, for the plain expressions that schemas carry."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["UnfillableError", "matching"]

Pick = Callable[[int], int]
Maker = Callable[[Pick], str]

LOWER = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
CLASSES = {"d": DIGITS, "w": LOWER + LOWER.upper() + DIGITS + "_", "s": " "}
PRINTABLE = LOWER + LOWER.upper() + DIGITS + " _-.,:;/+*=@#%&()"
LIKELY = ("0", "12.50", "abc", "ABC", "A1", "EUR", "2024-01-31", "a@b.example")


class UnfillableError(ValueError):
    """No value is known for a schema or a pattern."""


def matching(pattern: str, pick: Pick) -> str:
    """A text in which `pattern` is found; `pick(n)` chooses a number below n.

    Raises:
        UnfillableError: The pattern looks around, refers back, or is otherwise beyond this.
    """
    try:
        text = Reader(pattern).whole()(pick)
    except UnfillableError:
        text = ""
    for candidate in (text, *LIKELY):
        if re.search(pattern, candidate):
            return candidate
    raise UnfillableError(f"no text is known that matches {pattern!r}")


@dataclass
class Reader:
    """Reads a pattern left to right into makers of matching text."""

    pattern: str
    at: int = 0

    def whole(self) -> Maker:
        maker = self.alternatives()
        if self.at < len(self.pattern):
            raise UnfillableError(f"unbalanced {self.pattern!r}")
        return maker

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        taken = self.peek()
        if not taken:
            raise UnfillableError(f"unfinished {self.pattern!r}")
        self.at += 1
        return taken

    def alternatives(self) -> Maker:
        branches = [self.sequence()]
        while self.peek() == "|":
            self.take()
            branches.append(self.sequence())
        return lambda pick: branches[pick(len(branches))](pick)

    def sequence(self) -> Maker:
        parts: list[Maker] = []
        while self.peek() not in {"", "|", ")"}:
            parts.append(self.repeated(self.atom()))
        return lambda pick: "".join(part(pick) for part in parts)

    def atom(self) -> Maker:
        char = self.take()
        if char in "^$":
            return lambda _pick: ""
        if char == "(":
            return self.group()
        if char == "[":
            return one_of(self.character_class())
        if char == ".":
            return one_of(LOWER)
        if char == "\\":
            return self.escaped()
        return lambda _pick: char

    def escaped(self) -> Maker:
        char = self.take()
        if char in "AZzbB":
            return lambda _pick: ""
        if char in CLASSES:
            return one_of(CLASSES[char])
        if char.isalnum():
            raise UnfillableError(f"\\{char} in {self.pattern!r}")
        return lambda _pick: char

    def group(self) -> Maker:
        if self.pattern.startswith("?:", self.at):
            self.at += 2
        elif self.pattern.startswith("?P<", self.at):
            self.at = self.pattern.index(">", self.at) + 1
        elif self.peek() == "?":
            raise UnfillableError(f"a look-around in {self.pattern!r}")
        inner = self.alternatives()
        if self.take() != ")":
            raise UnfillableError(f"unbalanced {self.pattern!r}")
        return inner

    def character_class(self) -> str:
        negated = self.peek() == "^"
        if negated:
            self.take()
        members = ""
        while (char := self.take()) != "]" or not members:
            members += self.members_from(char)
        return "".join(c for c in PRINTABLE if c not in members) if negated else members

    def members_from(self, char: str) -> str:
        if char == "\\":
            escape = self.take()
            return CLASSES.get(escape, escape)
        if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in {"", "]"}:
            self.take()
            return "".join(map(chr, range(ord(char), ord(self.take()) + 1)))
        return char

    def repeated(self, maker: Maker) -> Maker:
        bounds = {"?": (0, 1), "*": (0, 3), "+": (1, 4)}.get(self.peek())
        if bounds:
            self.take()
        elif counted := re.match(r"\{(\d+)(,(\d*))?\}", self.pattern[self.at :]):
            self.at += counted.end()
            low = int(counted[1])
            bounds = (low, int(counted[3] or low + 3) if counted[2] else low)
        else:
            return maker
        if self.peek() in {"?", "+"}:
            self.take()
        low, high = bounds
        return lambda pick: "".join(maker(pick) for _ in range(low + pick(high - low + 1)))


def one_of(members: str) -> Maker:
    if not members:
        raise UnfillableError("an empty character class")
    return lambda pick: members[pick(len(members))]
