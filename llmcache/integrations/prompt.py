"""The messages of a request as the model will read them, before Instructor has prepared it.

Instructor renders templates with `context` and turns paths into images while it prepares a
request. A key needs what comes of that and not the work of it, so only what a key can tell apart
is done here: texts are rendered, and files stand for their content.

A context may hold what reads otherwise a second time: an iterator, a counter. So texts are rendered
once, and Instructor is handed what came of it, written so that rendering leaves it as it is.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

from llmcache.errors import UncacheableArgumentError

__all__ = ["Prompt", "prompt_of", "refuse_iterators", "takes_context"]

TEMPLATE_MARKS = ("{{", "{%", "{#")
MARK = re.compile(r"\{(?=[{%#\r]|\Z)|\r")
NOTHING, TRIM = "{{''}}", "{{''-}}"
TRIMMING = ("-%}", "-}}", "-#}")
UNRENDERED = frozenset({"system"})
LONGEST_PATH = 4096
KNOWN_TYPES = 512


class Prompt(NamedTuple):
    """What counts of the messages and of the context.

    Attributes:
        messages: The messages as they will be read.
        context: What of the context counts besides; None: nothing.
        sent: The messages to hand to Instructor; None: those of the request.
    """

    messages: Any
    context: Any
    sent: Any = None


class Text(NamedTuple):
    """A piece of a message: as it will be read, and as Instructor is handed it."""

    read: Any
    sent: Any


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
    read, sent = reader.messages(messages)
    whole = context and (
        reader.puzzled
        or any(name in request for name in ("contents", "message", "chat_history"))
        or takes_context(request.get("response_model"))
    )
    return Prompt(read, context if whole else None, sent)


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

    def messages(self, messages: Any) -> Text:
        """All of them."""
        if not isinstance(messages, list | tuple):
            self.puzzled = True
            return Text(messages, None)
        return both([self.message(message) for message in messages])

    def message(self, message: Any) -> Text:
        """One message."""
        if not isinstance(message, dict) or "parts" in message:
            self.puzzled = True
            return Text(message, message)
        content = message.get("content")
        if message.get("role") in self.unrendered:
            self.puzzled |= any(mark in str(content) for mark in TEMPLATE_MARKS)
            return Text(message, message)
        if isinstance(content, list):
            found = both([self.part(part) for part in content])
        else:
            found = self.part(content)
        sent = {**message, "content": found.sent} if "content" in message else message
        return Text({**message, "content": found.read}, sent)

    def part(self, part: Any) -> Text:
        """A text, a dict with one, or media, which are keyed by what they hold."""
        if isinstance(part, str):
            return self.located(part) if self.files else self.rendered(part)
        if not isinstance(part, dict):
            return Text(part, part)
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            text = self.rendered(part["text"])
            return Text({**part, "text": text.read}, {**part, "text": text.sent})
        source = part.get("source")
        if self.files and part.get("type") == "image" and isinstance(source, str):
            named = (source, Path(source)) if may_be_path(source) else source
            return Text({**part, "source": named}, part)
        return Text(part, part)

    def located(self, text: str) -> Text:
        """A text that may be the address of a file: where there is one, its content counts."""
        if "://" in text[:16]:
            self.puzzled |= any(mark in text for mark in TEMPLATE_MARKS)
            return Text(self.rendered(text).read, text)
        rendered = self.rendered(text)
        # What the context put in is a text, even where it reads like an address.
        sent = text if rendered.sent == text else NOTHING + rendered.sent
        return Text((rendered.read, Path(text)) if may_be_path(text) else rendered.read, sent)

    def rendered(self, text: str) -> Text:
        """The text with the context put in.

        Instructor takes the indentation and the last newline away, after its modes have added
        their words. So what it is handed still has both; nothing else in it is left to be done.
        """
        if not self.context or stays(text):
            return Text(text, text)
        from instructor.v2.core import templating  # noqa: PLC0415 - of an extra

        trims = text.rstrip().endswith(TRIMMING)
        ended = text.endswith(("\n", "\r")) and not trims
        held = f"x{NOTHING}{text}{NOTHING if ended else ''}"
        whole = str(templating.apply_template(held, self.context))[1:]  # type: ignore[attr-defined] # Instructor keeps that file from type checkers
        behind = TRIM if trims else "" if ended or not whole.endswith("\n") else NOTHING
        return Text(dedent(whole[:-1] if ended else whole), literal(whole) + behind)


def both(texts: list[Text]) -> Text:
    """Several pieces as one."""
    return Text([text.read for text in texts], [text.sent for text in texts])


def may_be_path(text: str) -> bool:
    """Whether a text can be the name of a file."""
    return len(text) <= LONGEST_PATH and "\n" not in text and "://" not in text[:16]


def literal(text: str) -> str:
    """A template that renders to the text, but for a newline at its end."""
    return MARK.sub(lambda mark: f"{{{{{mark[0]!r}}}}}", text)


def refuse_iterators(context: Any, path: str = "context") -> None:
    """Refuse what a question about a call would use up, so that the call would find it empty.

    Raises:
        UncacheableArgumentError: Where there is such a thing in the context.
    """
    if isinstance(context, Iterator):
        name = type(context).__qualname__
        raise UncacheableArgumentError(
            f"{path} is a {name}, which can be read only once: the call itself may have it, but "
            f"not a question about the call. Make it a list.",
            parameter="context",
            path=path,
            type_name=name,
        )
    if isinstance(context, Mapping):
        for name, value in context.items():
            refuse_iterators(value, f"{path}[{name!r}]")
    elif isinstance(context, list | tuple):
        for place, value in enumerate(context):
            refuse_iterators(value, f"{path}[{place}]")


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
