"""Docstrings as pieces of a key, where the code that is read asks for them."""

from __future__ import annotations

from typing import Any, Protocol

from llmcache.keys.code.kinds import function_of, qualified
from llmcache.keys.code.pieces import Reading, Values
from llmcache.keys.project import Project

__all__ = ["count_docstring"]


class Walk(Protocol):
    """What is asked of the walk that meets what something is said of."""

    project: Project
    values: Values
    reading: Reading

    def count(self, label: str, digest: bytes) -> None: ...
    def watch(self, namespace: Any, name: str) -> object: ...


def count_docstring(walk: Walk, value: Any) -> None:
    """Count the docstring of a function or a class of the project, those of its bases besides."""
    function = function_of(getattr(value, "__func__", value))
    if function is not None and walk.project.wrote(function):
        walk.reading.documented.append((function, function.__doc__))
        if isinstance(function.__doc__, str) and function.__doc__:
            label = f"docstring of {qualified(function)}"
            walk.count(label, walk.values.frozen(function.__doc__))
    elif isinstance(value, type) and walk.project.owns(value.__module__):
        bases = [base for base in value.__mro__ if walk.project.owns(base.__module__)]
        texts = [walk.watch(base.__dict__, "__doc__") for base in bases]
        said = tuple(text if isinstance(text, str) else None for text in texts)
        walk.count(f"docstring of {qualified(value)}", walk.values.frozen(said))
