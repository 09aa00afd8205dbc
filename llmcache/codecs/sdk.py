"""The classes of the SDKs that entries may name: from fixed packages, and no others.

A class is looked up by name among the modules that are loaded already. Where its SDK is not
loaded, the modules of one literal list are imported, never one that an entry names.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from pydantic import BaseModel

from llmcache.codecs.origin import name_of

__all__ = ["is_sdk_class", "sdk_class", "sdk_defaults"]

ROOTS: dict[str, tuple[str, ...]] = {
    "openai": ("openai", "openai.types.chat", "openai.types.responses"),
    "anthropic": ("anthropic", "anthropic.types"),
    "instructor": ("instructor",),
}
"""What is imported when an entry holds a completion and the SDK is not loaded yet."""

PACKAGES = ("openai.types.", "anthropic.types.", "instructor.v2.dsl.response_list:")
"""Where a class must live to be taken; of Instructor only its list."""


def sdk_class(name: str) -> type | None:
    """The class called `module:qualname`, if the allow-list has room for it and the SDK has it."""
    if not name.startswith(PACKAGES):
        return None
    module, _, qualname = name.partition(":")
    loaded = sys.modules.get(module) or load(module)
    found = vars(loaded).get(qualname) if loaded is not None else None
    if not isinstance(found, type) or not issubclass(found, BaseModel | list):
        return None
    return found if name_of(found) == name else None


def load(module: str) -> Any:
    """Import the SDK by the literal list; the module if that brought it."""
    try:
        for root in ROOTS[module.partition(".")[0]]:
            importlib.import_module(root)  # noqa: TID251 - only the names of ROOTS, above
    except ImportError:
        return None
    return sys.modules.get(module)


def is_sdk_class(kind: type) -> bool:
    """Whether entries may name this very class without its being declared."""
    return kind.__module__.partition(".")[0] in ROOTS and sdk_class(name_of(kind)) is kind


def sdk_defaults(kind: type[BaseModel]) -> dict[str, Any]:
    """What fields get that an entry of an older SDK does not have: their plain defaults."""
    return {
        name: field.default
        for name, field in kind.model_fields.items()
        if not field.is_required() and field.default_factory is None
    }
