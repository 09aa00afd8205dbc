"""Where a class comes from: its name, its digest, and whether Instructor made it up.

Instructor answers with an instance of a class that it derives anew for each call. What is stored
and what comes back is the nearest class that it did not derive.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import types
import typing
import weakref
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

__all__ = ["digest_of", "is_made_up", "name_of", "nearest"]

PLAIN = frozenset({bool, bytes, float, int, str, type(None)})
DIGEST_LENGTH = 12  # hex digits: told apart are versions of one class, not strangers


def name_of(kind: type) -> str:
    """`module:qualname`."""
    return f"{kind.__module__}:{kind.__qualname__}"


def is_made_up(kind: type) -> bool:
    """Whether Instructor derived the class: a twin of its base, or a partial of it."""
    if not any(base.__module__.partition(".")[0] == "instructor" for base in kind.__mro__[1:]):
        return False
    first = kind.__bases__[0]
    return "_original_model" in vars(kind) or (
        first is not BaseModel and name_of(first) == name_of(kind)
    )


def nearest(kind: type, known: typing.Container[type] = ()) -> type:
    """The class itself, or the nearest base that is known or not made up."""
    while kind not in known and is_made_up(kind):
        kind = kind.__bases__[0]
    return kind


def spelled(annotation: Any) -> str:
    """An annotation as text that is the same on every Python and pydantic; no modules in it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return spelled(get_args(annotation)[0])
    if origin is Literal:
        return f"Literal[{', '.join(map(literal, get_args(annotation)))}]"
    if origin is Union or origin is types.UnionType:
        return " | ".join(map(spelled, get_args(annotation)))
    if origin is not None:
        return f"{spelled(origin)}[{', '.join(map(spelled, get_args(annotation)))}]"
    return named(annotation)


def named(annotation: Any) -> str:
    """What is not put together of others, by its name."""
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, list):
        return f"[{', '.join(map(spelled, annotation))}]"
    if isinstance(annotation, type):
        return annotation.__qualname__
    return annotation if isinstance(annotation, str) else str(getattr(annotation, "__name__", "?"))


def literal(choice: Any) -> str:
    """A choice of a Literal or the value of a member, as text without an address in it."""
    if isinstance(choice, enum.Enum):
        return choice.name
    return repr(choice) if type(choice) in PLAIN else type(choice).__name__


def described(kind: type) -> list[str]:
    """What two versions of a class are told apart by."""
    if issubclass(kind, BaseModel):
        if not kind.__pydantic_complete__:
            kind.model_rebuild(raise_errors=False)
        fields = [f"{name}: {spelled(of.annotation)}" for name, of in kind.model_fields.items()]
        return [*fields, *sorted(kind.__private_attributes__)]
    if issubclass(kind, enum.Enum):
        return [f"{name}={literal(member.value)}" for name, member in kind.__members__.items()]
    if dataclasses.is_dataclass(kind):
        return [of.name for of in dataclasses.fields(kind)]
    return [str(name) for name in getattr(kind, "_fields", ())]


digests: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


def digest_of(kind: type) -> str:
    """A short digest of the class's fields, for telling its versions apart; memoised.

    The module is not in it, so that a class that moved together with its function, under a
    pinned name, still reads its entries.
    """
    found = digests.get(kind)
    if found is None:
        text = "\n".join([kind.__qualname__, *described(kind)])
        found = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:DIGEST_LENGTH]
        digests[kind] = found
    return found
