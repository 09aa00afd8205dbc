"""Classes that Instructor derives from declared ones, made again in a process that has not yet.

`Maybe(User)` called inside the function, and the model that stands for a TypedDict, exist only
once the function has run. Where their origin is declared, a hit need not wait for that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel

from llmcache.codecs.origin import nearest

__all__ = ["derived"]


def maybe(origin: type, module: Any) -> Any:
    return module.Maybe(origin) if issubclass(origin, BaseModel) else None


def typed_dict_model(origin: type, module: Any) -> Any:
    return nearest(module.prepare_response_model(origin)) if issubclass(origin, dict) else None


RECIPES: dict[str, tuple[str, Callable[[type, Any], Any]]] = {
    "instructor.v2.dsl.maybe": ("Maybe", maybe),
    "instructor.v2.core.response_model": ("", typed_dict_model),
}
"""By Instructor's module: what it puts before the origin's name, and how it derives."""


def derived(name: str, declared: Callable[[str], Iterable[type]]) -> Iterable[type]:
    """What Instructor, if it is loaded, derives under `module:qualname` from declared classes."""
    place, _, qualname = name.partition(":")
    prefix, derive = RECIPES.get(place, ("", None))
    module = sys.modules.get(place)
    if derive is None or module is None:
        return
    for origin in declared(qualname.removeprefix(prefix)):
        found = derive(origin, module)
        if isinstance(found, type):
            yield found
