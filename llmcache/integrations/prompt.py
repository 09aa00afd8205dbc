"""The messages of a request as the model will read them, before Instructor has prepared it.

Instructor renders templates with `context` and turns paths into images while it prepares a
request. A key needs what comes of that and not the work of it, so only what a key can tell apart
is done here: texts are rendered, and files stand for their content.
"""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

__all__ = ["Prompt", "prompt_of", "takes_context"]

TEMPLATE_MARKS = ("{{", "{%", "{#")
UNRENDERED = frozenset({"system", "developer"})
LONGEST_PATH = 4096
KNOWN_TYPES = 512


class Prompt(NamedTuple):
    """What counts of the messages and of the context.

    Attributes:
        messages: The messages as they will be read.
        context: What of the context counts besides; None: nothing.
    """

    messages: Any
    context: Any


def prompt_of(request: Mapping[str, Any], provider: str) -> Prompt:
    """What a model will read of a request, and what its validators will.

    Raises:
        jinja2.TemplateError: Where a template cannot be rendered, as the call itself would.
    """
    messages, context = request.get("messages"), request.get("context")
    files = bool(request.get("autodetect_images"))
    if not context and not files:
        return Prompt(messages, None)
    reader = Reader(context, files=files, provider=provider)
    read = reader.messages(messages)
    whole = context and (
        reader.puzzled
        or any(name in request for name in ("contents", "message", "chat_history"))
        or takes_context(request.get("response_model"))
    )
    return Prompt(read, context if whole else None)


class Reader:
    """Reads messages as Instructor will hand them on.

    Attributes:
        puzzled: Something was met of which it cannot be told how the context will show in it.
    """

    def __init__(self, context: Any, *, files: bool, provider: str) -> None:
        self.context = context
        self.files = files
        # Anthropic's system prompt is taken out of the messages before they are rendered.
        self.unrendered: frozenset[str] = UNRENDERED if provider == "anthropic" else frozenset()
        self.puzzled: bool = False

    def messages(self, messages: Any) -> Any:
        """All of them."""
        if not isinstance(messages, list | tuple):
            self.puzzled = True
            return messages
        return [self.message(message) for message in messages]

    def message(self, message: Any) -> Any:
        """One message."""
        if not isinstance(message, dict) or "parts" in message:
            self.puzzled = True
            return message
        content = message.get("content")
        if isinstance(content, list):
            read: Any = [self.part(part) for part in content]
        else:
            read = self.part(content)
        if message.get("role") in self.unrendered:
            read = (content, read)
        return {**message, "content": read}

    def part(self, part: Any) -> Any:
        """A text, a dict with one, or media, which are keyed by what they hold."""
        if isinstance(part, str):
            return self.text(part)
        if not isinstance(part, dict):
            return part
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            return {**part, "text": self.rendered(part["text"])}
        if self.files and part.get("type") == "image" and isinstance(part.get("source"), str):
            return {**part, "source": self.located(part["source"])}
        return part

    def text(self, text: str) -> Any:
        """A text that may be the address of a file."""
        return self.located(text) if self.files else self.rendered(text)

    def located(self, text: str) -> Any:
        """The text, and with it the file of that name: where there is one, its content counts."""
        if len(text) > LONGEST_PATH or "\n" in text or "://" in text[:16]:
            return self.rendered(text)
        return (self.rendered(text), Path(text))

    def rendered(self, text: str) -> str:
        """The text with the context put in."""
        if not self.context or stays(text):
            return text
        from instructor.v2.core import templating  # noqa: PLC0415 - of an extra

        rendered = templating.apply_template(text, self.context)  # type: ignore[attr-defined] # Instructor keeps that file from type checkers
        return str(rendered)


def stays(text: str) -> bool:
    """Whether rendering certainly leaves a text as it is: one line, not indented, no mark."""
    return "{" not in text and "\n" not in text and "\r" not in text and text == text.strip()


# ---- who else is shown the context ---------------------------------------------------------


def takes_context(response_model: Any) -> bool:
    """Whether the context reaches more than the messages.

    It does where a validator takes `ValidationInfo` or a `model_post_init` uses its argument, and
    where the schema, which some modes write into a message, holds template marks.
    """
    if response_model is None:
        return False
    try:
        return known_to_take_context(response_model)
    except TypeError:  # a type that cannot be hashed
        return looks_at_context(response_model)


def looks_at_context(response_model: Any) -> bool:
    """As `takes_context`, found out anew."""
    try:
        adapter = TypeAdapter(response_model)
        schema = json.dumps(adapter.json_schema())
    except Exception:  # noqa: BLE001 - pydantic's and the user's code; what cannot be told counts
        return True
    if any(mark in schema for mark in TEMPLATE_MARKS):
        return True
    return any(is_told(node) for node in nodes(adapter.core_schema))


known_to_take_context: Callable[[Any], bool] = lru_cache(maxsize=KNOWN_TYPES)(looks_at_context)


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """All dicts in a core schema, each once."""
    pending, met = [schema], set[int]()
    while pending:
        node = pending.pop()
        if id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, dict):
            yield node
            pending += [part for name, part in node.items() if name != "metadata"]
        elif isinstance(node, list | tuple):
            pending += node


def is_told(node: Mapping[str, Any]) -> bool:
    """Whether a node of a core schema hands the context to a function."""
    if node.get("type") == "with-info":
        return True
    model = node.get("cls")
    return node.get("type") == "model" and isinstance(model, type) and post_init_reads(model)


def post_init_reads(model: type) -> bool:
    """Whether the model's own `model_post_init` does more with the context than hand it up."""
    for base in model.__mro__:
        written = base.__dict__.get("model_post_init")
        if base is BaseModel or written is None:
            continue
        written = inspect.unwrap(written)
        if written.__module__.partition(".")[0] == "pydantic":
            continue
        with contextlib.suppress(AttributeError, IndexError):
            return not hands_up_alone(written.__code__)
        return True
    return False


def hands_up_alone(code: Any) -> bool:
    """Whether the second parameter is mentioned only in `super().model_post_init(context)`."""
    import dis  # noqa: PLC0415 - once per class that has such a method and is given a context

    name = code.co_varnames[1]
    met = [each for each in dis.get_instructions(code) if each.argval == name]
    return len(met) <= ("model_post_init" in code.co_names) and name not in code.co_cellvars
