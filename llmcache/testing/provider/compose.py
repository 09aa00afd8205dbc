"""A scripted or made-up answer becomes the reply to one request."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from llmcache.testing.provider.answers import FILL, Answer, Call, Reply
from llmcache.testing.provider.asked import Asked, Tool
from llmcache.testing.provider.fill import fill
from llmcache.testing.provider.scalars import Dice, sentence

__all__ = ["composed", "filled"]

CHARACTERS_A_TOKEN = 4
"""A common estimate for English; only so that usage is plausible and grows with the text."""


def composed(asked: Asked, answer: Answer, number: int, prompt_size: int) -> Reply:
    """What is said; tokens are estimated from `prompt_size`, the length of what was asked.

    Raises:
        UnfillableError: The request's schema has no value that can be made up.
    """
    said = spoken(asked, answer, number)
    size = len(said.text or said.refusal or "") + sum(len(call.arguments) for call in said.calls)
    counts = (answer.input_tokens, answer.output_tokens)
    estimates = (prompt_size // CHARACTERS_A_TOKEN + 1, size // CHARACTERS_A_TOKEN + 1)
    spent = [
        given if given is not None else guess
        for given, guess in zip(counts, estimates, strict=True)
    ]
    return dataclasses.replace(said, input_tokens=spent[0], output_tokens=spent[1])


def spoken(asked: Asked, answer: Answer, number: int) -> Reply:
    said = Reply(number=number, model=answer.model or asked.model, finish=answer.finish)
    if answer.refusal is not None:
        return dataclasses.replace(said, refusal=answer.refusal)
    if answer.calls:
        calls = tuple(Call(name, json_text(arguments)) for name, arguments in answer.calls)
        return dataclasses.replace(said, calls=calls)
    if isinstance(answer.value, str):
        return dataclasses.replace(said, text=answer.value)
    if asked.tools:
        return dataclasses.replace(said, calls=tool_calls(asked, answer.value))
    return dataclasses.replace(said, text=written(asked, answer.value))


def filled(asked: Asked) -> Any:
    """The made-up value of the first structure that is wanted; without one, a sentence."""
    if asked.tools:
        return argument(asked.tools[0], asked, 0)
    if asked.schema is not None:
        return fill(asked.schema, asked.seed)
    return sentence(Dice(asked.seed))


def tool_calls(asked: Asked, value: Any) -> tuple[Call, ...]:
    if value is not FILL:
        return (Call(asked.tools[0].name, json_text(value)),)
    made = (argument(tool, asked, place) for place, tool in enumerate(asked.tools))
    return tuple(
        Call(tool.name, json_text(value)) for tool, value in zip(asked.tools, made, strict=True)
    )


def argument(tool: Tool, asked: Asked, place: int) -> Any:
    return fill(tool.schema, f"{asked.seed}{place or ''}")


def written(asked: Asked, value: Any) -> str:
    said = filled(asked) if value is FILL else value
    if isinstance(said, str) and asked.schema is None:
        return said
    exact = json.dumps(said, ensure_ascii=False)
    return f"```json\n{exact}\n```" if asked.fenced else exact


def json_text(value: Any) -> str:
    """JSON of a value; a str is taken as it is, so that broken JSON can be scripted."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
