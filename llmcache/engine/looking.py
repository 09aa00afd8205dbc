"""Looking in the store, under today's key and under those of older encryption keys."""

from __future__ import annotations

from llmcache.backends.base import Entry, Nothing
from llmcache.engine.question import Question
from llmcache.settings import Mode
from llmcache.store import Failed

__all__ = ["afound", "alook", "every_key", "found", "look"]

MOST_ASKED = 10_000
"""Keys that are remembered as asked, each some 150 bytes; then all are forgotten."""


def found(question: Question) -> Entry | Nothing | Failed:
    """What is stored; where that is under a former key, the question is told."""
    entry = question.plan.store.get(question.key)
    if entry is Nothing.ABSENT and len(question.plan.keying.secrets) > 1:
        get = question.plan.store.get
        return rotated(question, [(key, get(key)) for key in question.bound.former()])
    return entry


async def afound(question: Question) -> Entry | Nothing | Failed:
    """As `found`, async."""
    entry = await question.plan.store.aget(question.key)
    if entry is Nothing.ABSENT and len(question.plan.keying.secrets) > 1:
        aget = question.plan.store.aget
        return rotated(question, [(key, await aget(key)) for key in question.bound.former()])
    return entry


def look(question: Question) -> Entry | Nothing | Failed | None:
    """As `found`; None where it does not matter, or the claim will look."""
    return None if question.plan.anew or claim_looks(question) else found(question)


async def alook(question: Question) -> Entry | Nothing | Failed | None:
    """As `look`, async."""
    return None if question.plan.anew or claim_looks(question) else await afound(question)


def claim_looks(question: Question) -> bool:
    """Whether to go straight to the claim, which looks too: one exchange for a miss, not two.

    Where the backend claims cheaply (`BackendBase.claims_cheaply`), as a server does, and this
    process asks for the first time. Not where anything but a fresh entry under today's key is of
    use.
    """
    plan = question.plan
    asked = plan.store.asked
    if asked is None or question.key in asked:
        return False
    if len(asked) >= MOST_ASKED:
        asked.clear()
    asked.add(question.key)
    settings = plan.settings
    windows = settings.stale_while_revalidate or settings.stale_if_error
    return settings.mode is Mode.ON and len(plan.keying.secrets) <= 1 and not windows


def every_key(question: Question) -> tuple[str, ...]:
    """All digests under which the answer may be stored."""
    return question.key, *question.bound.former()


def rotated(
    question: Question, stored: list[tuple[str, Entry | Nothing | Failed]]
) -> Entry | Nothing | Failed:
    """The first entry under a former digest."""
    for key, entry in stored:
        if isinstance(entry, Entry):
            question.stored_as = key
            return entry
    return Nothing.ABSENT
