"""What is told of a call: counted, and handed to whoever listens."""

from __future__ import annotations

from typing import Any

from llmcache.backends.base import Entry
from llmcache.codecs import Usage
from llmcache.engine.question import Question
from llmcache.errors import BackendWarning
from llmcache.events import BackendFailure, Event, Miss, Wait
from llmcache.store import Failed
from llmcache.tally import told_of_left, warn_of_failure

__all__ = ["count_raised", "report", "tell"]


def tell(question: Question, kind: type[Event], usage: Entry | Usage | None, **facts: Any) -> None:
    """Count a call and tell of it, once: a stream may be asked for again in the middle."""
    if question.told:
        return
    question.told = True
    if "seconds" not in facts:
        clock = question.plan.settings.clock
        began = question.began
        facts["seconds"] = 0.0 if began is None else clock.monotonic() - began
    if usage is not None:
        facts["model"] = usage.model
        facts["input_tokens"] = usage.input_tokens
        facts["output_tokens"] = usage.output_tokens
    if isinstance(usage, Entry):
        facts["saved"] = usage.seconds
    question.plan.tally.tell(kind(**question.names, **facts))


def count_raised(question: Question, error: BaseException) -> None:
    """Count a call that raises: as a wait where another's call raised, else as a miss."""
    if question.follows:
        tell(question, Wait, None)
    else:
        tell(question, Miss, None, reason=f"error: {type(error).__name__}")


def report(question: Question, failed: Failed, *, left: bool = False) -> None:
    """A failure of the store: counted, told, and raised where that was asked for.

    Else it is warned of, once for a store and kind of failure: many functions share a store. And
    of an answer that was `left` where a refresh could neither replace nor remove it.

    Raises:
        BackendError: With `on_backend_error="raise"`.
    """
    question.reachable = False
    question.plan.tally.tell(
        BackendFailure(
            **question.names,
            operation=failed.operation.value,
            error=str(failed.error),
        )
    )
    if question.plan.settings.on_backend_error == "raise":
        raise failed.error
    name = question.plan.scope.function
    warn_of_failure(question.plan.store, failed, name)
    if left:
        question.plan.tally.warn_once("refresh", told_of_left(name), BackendWarning)
