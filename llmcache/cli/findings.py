"""What a look at something found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding", "fine", "hint", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        grade: `problem`, `hint` or `fine`.
        about: What was looked at, in a word or two.
        text: What was found, and what to do.
    """

    grade: str
    about: str
    text: str


def problem(about: str, text: str) -> Finding:
    """Something that keeps the cache from working."""
    return Finding("problem", about, text)


def hint(about: str, text: str) -> Finding:
    """Something worth a thought."""
    return Finding("hint", about, text)


def fine(about: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding("fine", about, text)
