"""What a completion says about its answer: tokens, and whether it is worth keeping.

Read by attribute names, without importing an SDK: OpenAI chat completions, OpenAI responses and
Anthropic messages, and whoever speaks like them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from llmcache.codecs.state import instance_dict

__all__ = ["Usage", "reason_not_to_keep", "usage_of"]

TRUNCATED = "truncated"
REFUSED = "refused"
FILTERED = "filtered"
INCOMPLETE = "incomplete"

REASONS = {
    "length": TRUNCATED,
    "max_tokens": TRUNCATED,
    "max_output_tokens": TRUNCATED,
    "model_context_window_exceeded": TRUNCATED,
    "refusal": REFUSED,
    "content_filter": FILTERED,
}
"""Why the model stopped, where that spoils the answer."""


class Usage(NamedTuple):
    """What one answer took.

    Attributes:
        model: The model that answered, as the provider names it.
        input_tokens: Tokens of the prompt, those read from or written to a prompt cache included.
        output_tokens: Tokens of the answer.
    """

    model: str | None
    input_tokens: int | None
    output_tokens: int | None


def usage_of(value: Any) -> Usage | None:
    """The usage in the completion of a result; None where the result has no completion.

    The completion is the result itself, its `_raw_response`, or the second part of a tuple.
    Instructor sums the tokens over its re-asks.
    """
    completion = completion_of(value)
    if completion is None:
        return None
    usage = part(completion, "usage")
    return Usage(
        as_text(part(completion, "model")),
        first_number(usage, "prompt_tokens", "input_tokens", *CACHED),
        first_number(usage, "completion_tokens", "output_tokens"),
    )


def reason_not_to_keep(value: Any) -> str | None:
    """Why a result should not be stored, by its completion; None: nothing speaks against it.

    Returns:
        `truncated`, `refused`, `filtered` or `incomplete`.
    """
    completion = completion_of(value)
    if completion is None:
        return None
    return next((reason for reason in reasons(completion) if reason), None)


CACHED = ("cache_creation_input_tokens", "cache_read_input_tokens")


def completion_of(value: Any) -> Any:
    """The completion in a result, or None."""
    pair = 2
    if isinstance(value, tuple) and len(value) == pair and speaks_like_one(value[1]):
        return value[1]
    raw = instance_dict(value).get("_raw_response")
    if raw is not None:
        return raw
    return value if speaks_like_one(value) else None


def speaks_like_one(value: Any) -> bool:
    """Whether a value has the attributes of a completion."""
    found = instance_dict(value)
    return "usage" in found and any(name in found for name in ("choices", "output", "stop_reason"))


def reasons(completion: Any) -> Iterator[str | None]:
    """All that may speak against an answer, each by the place where its provider says it."""
    for choice in as_list(part(completion, "choices")):
        yield reason(part(choice, "finish_reason"))
        yield REFUSED if part(part(choice, "message"), "refusal") else None
    yield reason(part(completion, "stop_reason"))
    if part(completion, "status") == "incomplete":
        yield reason(part(part(completion, "incomplete_details"), "reason")) or INCOMPLETE
    for item in as_list(part(completion, "output")):
        for content in as_list(part(item, "content")):
            yield reason(part(content, "type"))


def reason(word: Any) -> str | None:
    return REASONS.get(word) if isinstance(word, str) else None


def part(value: Any, name: str) -> Any:
    """An attribute, read without asking the class."""
    return instance_dict(value).get(name)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def first_number(usage: Any, name: str, *more: str) -> int | None:
    """One count, or the sum of those that stand for it elsewhere."""
    count = part(usage, name)
    if isinstance(count, int):
        return count
    counts = [count for other in more if isinstance(count := part(usage, other), int)]
    return sum(counts) if counts else None
