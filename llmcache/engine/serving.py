"""One call answered: a hit that nobody listens to here and at once, all else by `answering`."""

from __future__ import annotations

import enum
from typing import Any

from llmcache.backends.base import Entry
from llmcache.codecs import Unreadable
from llmcache.engine.looking import alook, look
from llmcache.engine.question import Found, Question, restore, revive
from llmcache.lookup import is_fresh

__all__ = ["aanswer", "answer"]


class Undecided(enum.Enum):
    """The typed answer of `at_once` where there is no value at once."""

    UNDECIDED = "undecided"


UNDECIDED = Undecided.UNDECIDED


def at_once(question: Question, found: Found) -> Any:
    """The value of a fresh entry of a call that nobody listens to, counted: most hits.

    It makes none of the objects that `verdicts.verdict` makes, which says the same of such an
    entry, and decides all else: then this is `UNDECIDED`.
    """
    plan = question.plan
    if (
        question.told
        or question.began is not None
        or not isinstance(found, Entry)
        or not is_fresh(found, now := plan.now(), plan.reader_ttl)
    ):
        return UNDECIDED
    try:
        value = revive(question, restore(question, found))
    except Unreadable:
        return UNDECIDED
    question.told = True
    plan.tally.count_hit(found, now)
    return value


def answer(question: Question) -> Any:
    """Answer one call: from the store, from another caller's call, or by calling.

    Raises:
        CacheMissError: In mode `offline`, when nothing is stored.
        BackendError: With `on_backend_error="raise"`, when the store fails.
        BaseException: Whatever the user's function raises, unchanged.
    """
    try:
        found = look(question)
        value = at_once(question, found)
        if value is UNDECIDED:
            from llmcache.engine.answering import answered  # noqa: PLC0415 - a process of hits loads none of it

            value = answered(question, found)
    except BaseException as error:
        count_raised(question, error)
        raise
    return value


async def aanswer(question: Question) -> Any:
    """As `answer`, async."""
    try:
        found = await alook(question)
        value = at_once(question, found)
        if value is UNDECIDED:
            from llmcache.engine.answering import aanswered  # noqa: PLC0415 - as above

            value = await aanswered(question, found)
    except BaseException as error:
        count_raised(question, error)
        raise
    return value


def count_raised(question: Question, error: BaseException) -> None:
    """As `telling.count_raised`."""
    from llmcache.engine import telling  # noqa: PLC0415 - as above

    telling.count_raised(question, error)
