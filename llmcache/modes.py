"""What the cache does for the calls of one thread and task: the blocks that say so."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from llmcache.spellings import Mode, read_mode

__all__ = ["disabled", "mode", "mode_in_context"]

Function = TypeVar("Function", bound=Callable[..., Any])
chosen: contextvars.ContextVar[Mode | None] = contextvars.ContextVar("llmcache.mode", default=None)
outer: contextvars.ContextVar[tuple[Mode | None, ...]] = contextvars.ContextVar(
    "llmcache.outer_modes", default=()
)
"""What counted outside each open block, the innermost last: so that one object may be entered
again, inside itself and in several threads."""


def mode_in_context() -> Mode | None:
    """The mode of the innermost `mode()` block of this thread and task, or None outside any."""
    return chosen.get()


class ModeBlock(contextlib.ContextDecorator):
    """What `mode` returns: entered as often as one likes, nested too; also a decorator."""

    def __init__(self, selected: Mode) -> None:
        self.selected: Mode = selected

    def __enter__(self) -> None:
        outer.set((*outer.get(), chosen.get()))
        chosen.set(self.selected)

    def __exit__(self, *raised: object) -> None:
        # Empty where the block was entered in another context, as some async fixtures do.
        *around, before = outer.get() or (None,)
        outer.set(tuple(around))
        chosen.set(before)

    def __call__(self, function: Function) -> Function:
        """The function, each call of it inside the block.

        Raises:
            TypeError: For a coroutine function or a generator, which runs after its call ended.
        """
        kinds = inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction
        if any(is_kind(function) for is_kind in kinds):
            raise TypeError(
                f"mode({str(self.selected)!r}) cannot decorate a coroutine function or a generator:"
                " the block would end before its body runs. Write `with mode(...):` inside it, or"
                " use cache_with(mode=...)."
            )
        return super().__call__(function)


def mode(selected: Mode | str) -> ModeBlock:
    """Choose what the cache does for the calls of this thread and task made inside.

    A new thread does not inherit it; for a whole process use `configure(mode=...)`. Blocks nest,
    the innermost counts, and one may be entered again.

    Args:
        selected: `"on"`; `"off"`: the functions run as if they were not decorated;
            `"refresh"`: call, and store over what is there; `"readonly"`: serve hits, store
            nothing; `"offline"`: serve whatever is stored, expired or not, and raise
            `CacheMissError` instead of calling.

    Raises:
        ConfigurationError: For another word.
    """
    return ModeBlock(read_mode(selected, "mode"))


def disabled() -> ModeBlock:
    """The same as `mode("off")`: calls run uncached, and concurrent ones are not shared."""
    return mode(Mode.OFF)
