"""Looking in the store, under today's key and under those of older encryption keys."""

from __future__ import annotations

from llmcache.backends.base import Entry, Nothing
from llmcache.question import Question
from llmcache.store import Failed

__all__ = ["alook", "every_key", "look"]


def look(question: Question) -> Entry | Nothing | Failed | None:
    """What is stored; None where it does not matter."""
    if question.plan.anew:
        return None
    found = question.plan.store.get(question.key)
    if found is Nothing.ABSENT and len(question.plan.keying) > 1:
        return rotated(question, [(key, question.plan.store.get(key)) for key in question.former()])
    return found


async def alook(question: Question) -> Entry | Nothing | Failed | None:
    """As `look`, async."""
    if question.plan.anew:
        return None
    found = await question.plan.store.aget(question.key)
    if found is Nothing.ABSENT and len(question.plan.keying) > 1:
        aget = question.plan.store.aget
        return rotated(question, [(key, await aget(key)) for key in question.former()])
    return found


def every_key(question: Question) -> tuple[str, ...]:
    """All digests under which the answer may be stored."""
    return question.key, *question.former()


def rotated(
    question: Question, found: list[tuple[str, Entry | Nothing | Failed]]
) -> Entry | Nothing | Failed:
    """The first entry under a former digest."""
    for key, entry in found:
        if isinstance(entry, Entry):
            question.stored_as = key
            return entry
    return Nothing.ABSENT
