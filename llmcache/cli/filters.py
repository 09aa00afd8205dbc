"""Which entries a command is about: options, and the test of one line of a listing."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import click

from llmcache.backends.entries import Listed
from llmcache.durations import parse_duration, parse_size
from llmcache.errors import ConfigurationError

__all__ = ["Filter", "age_of", "filter_options", "is_over", "length", "none_found"]

Command = TypeVar("Command", bound=Callable[..., Any])


NAMELESS = "it"  # as click says of which option it speaks


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What entries must be like; what is None or False leaves all in.

    Attributes:
        function: A pattern of the shell for the whole name: `app.extract`, `app.*`.
        model: As `function`, for the model that answered.
        namespace: Exactly this one; empty is the one of those who set none.
        older: Stored at least so many seconds ago.
        newer: Stored less than so many seconds ago.
        larger: At least so many bytes.
        expired: Past their time to live.
    """

    function: str | None = None
    model: str | None = None
    namespace: str | None = None
    older: float | None = None
    newer: float | None = None
    larger: int | None = None
    expired: bool = False

    @property
    def empty(self) -> bool:
        """Whether it leaves everything in."""
        return self == Filter()

    @property
    def whole_scopes(self) -> bool:
        """Whether it takes or leaves all entries of a function in a namespace alike."""
        return self == Filter(function=self.function, namespace=self.namespace)

    def admits(self, listed: Listed, now: float) -> bool:
        """Whether an entry is meant; one whose figures are damaged has no age and no end."""
        entry = listed.entry
        age = age_of(entry.created, now)
        return (
            (self.function is None or fnmatchcase(entry.scope.function, self.function))
            and (self.model is None or fnmatchcase(entry.model or "", self.model))
            and (self.namespace is None or entry.scope.namespace == self.namespace)
            and (self.older is None or age >= self.older)
            and (self.newer is None or age < self.newer)
            and (self.larger is None or listed.size >= self.larger)
            and (not self.expired or is_over(entry.expires, now))
        )


def none_found(wanted: Filter) -> str:
    """That there is nothing, and what may have been meant."""
    if wanted.empty:
        return "No entries."
    if wanted.function is None or "." in wanted.function or "*" in wanted.function:
        return "No entries like that."
    return f"No entries like that: a whole name is wanted. Try --function '*.{wanted.function}'."


def age_of(created: Any, now: float) -> float:
    """Seconds; NaN, which is neither old nor new, where the moment is damaged."""
    return now - created if isinstance(created, int | float) else math.nan


def is_over(expires: Any, now: float) -> bool:
    """Whether a time to live has ended; not where it is damaged."""
    return isinstance(expires, int | float) and expires <= now


def length(value: str) -> float:
    """A duration, in any spelling that `ttl` takes, in seconds."""
    try:
        return parse_duration(value, name=NAMELESS)
    except ConfigurationError as error:
        told = str(error).removeprefix(f"{NAMELESS}=").replace(" a timedelta,", "")
        raise click.BadParameter(told) from None


def size(value: str) -> int:
    """A size, such as `500kB`, in bytes."""
    try:
        return parse_size(value, name=NAMELESS)
    except ConfigurationError as error:
        raise click.BadParameter(str(error).removeprefix(f"{NAMELESS}=")) from None


OPTIONS = (
    click.option("--function", metavar="PATTERN", help="Of these functions: app.extract, 'app.*'."),
    click.option("--model", metavar="PATTERN", help="Answered by these models."),
    click.option("--namespace", metavar="NAME", help="Of this namespace."),
    click.option(
        "--older-than", "older", type=length, metavar="TIME", help="At least so old: 90s, 12h."
    ),
    click.option("--newer-than", "newer", type=length, metavar="TIME", help="Not so old."),
    click.option(
        "--larger-than", "larger", type=size, metavar="SIZE", help="At least so large: 500kB."
    ),
    click.option("--expired", is_flag=True, help="Past their time to live."),
)


def filter_options(command: Command) -> Command:
    """The options of `Filter`, as the one parameter `wanted`."""

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> Any:
        told = {each.name: options.pop(each.name) for each in fields(Filter)}
        return command(*args, wanted=Filter(**told), **options)

    for option in reversed(OPTIONS):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]  # what click makes of it is called by click
