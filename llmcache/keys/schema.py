"""A result type as named pieces: all that a provider is told of it and all that parses its answer.

A model is dumped field by field in its own order, since that order is prompt text. Nothing in the
dump depends on the release of pydantic or of Python. A class that is met again inside itself is
written as a reference, so that recursive models end.
"""

from __future__ import annotations

import enum
import hashlib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from llmcache.keys.shapes import Field, fields_of, is_said, pydantic_aspects, validators_of
from llmcache.keys.values.attributes import attributes, declared_names, said_by
from llmcache.keys.values.records import is_url

__all__ = ["Described", "describe_type"]


class Described(NamedTuple):
    """A type in pieces.

    Attributes:
        outer: The type itself, with its classes by name.
        pieces: The digests of what its classes are made of, by the words of an explanation.
        finer: Of those of a class as a whole what they are made of.
        classes: Those classes, in the order of reading.
    """

    outer: bytes
    pieces: Mapping[str, bytes]
    finer: Mapping[str, dict[str, bytes]]
    classes: tuple[type, ...]


class Describer:
    """One walk over a type.

    Args:
        function: A function's fingerprint, for validators and default factories, given the class
            that it stands in.
        value: A plain value's canonical bytes, or None where it has none.
        by_fields: Whether a class counts by its fields or, as an SDK's own, by its name.

    Attributes:
        pieces: What was found, by the words that an explanation uses.
        met: The classes met so far, with the label of each.
        open: The aliases being described.
    """

    def __init__(
        self,
        function: Callable[[Any, type | None], bytes],
        value: Callable[[Any], bytes | None],
        by_fields: Callable[[type], bool],
    ) -> None:
        self.function = function
        self.value = value
        self.by_fields = by_fields
        self.pieces: dict[str, bytes] = {}
        self.finer: dict[str, dict[str, bytes]] = {}
        self.met: dict[int, tuple[type, str]] = {}
        self.open: set[int] = set()

    def annotation(self, kind: Any) -> bytes:
        """Any annotation; classes with fields leave pieces of their own."""
        if isinstance(kind, type):
            return self.known_class(kind)
        for test, describe in SPECIAL:
            if test(kind):
                return describe(self, kind)
        origin = typing.get_origin(kind)
        if origin is not None:
            return self.composed(kind, origin)
        if kind is None or kind is Any or kind is ...:
            return framed("name", str(kind).encode())
        return self.anything(kind)

    def known_class(self, kind: type) -> bytes:
        """A class: enum members or fields as pieces, everything else by its name."""
        if id(kind) in self.met:
            return framed("model", self.met[id(kind)][1].encode())
        fields = fields_of(kind) if self.by_fields(kind) else None
        if fields is None and not issubclass(kind, enum.Enum):
            return framed("class", class_label(kind).encode(), *self.validators(kind))
        label = self.label(kind)
        self.met[id(kind)] = (kind, label)
        parts = {"name": [kind.__name__.encode()], "docstring": [docstring_of(kind)]}
        if fields is None:
            parts["members"] = [
                framed(name, self.anything(member.value))
                for name, member in kind.__members__.items()  # type: ignore[attr-defined]
            ]
        else:
            parts["order of the fields"] = [field.name.encode() for field in fields]
            parts["config"] = [self.config(kind)]
        parts["validators"] = [*self.validators(kind)]
        for field in fields or ():
            self.field(label, field)
        self.pieces[label] = framed("made of", *chain.from_iterable(parts.values()))
        self.finer[label] = {f"{label}: {n}": framed(n, *said) for n, said in parts.items()}
        return framed("model", label.encode())

    def label(self, kind: type) -> str:
        """The name of a class; a second one of that name is numbered."""
        label = f"response model {kind.__name__}"
        same = sum(known.__name__ == kind.__name__ for known, _ in self.met.values())
        return f"{label} ({same + 1})" if same else label

    def field(self, label: str, field: Field) -> None:
        """One piece for each thing said about a field."""
        name = f"{label}: field {field.name}"
        self.pieces[f"{name}, type"] = framed("type", self.annotation(field.annotation))
        for aspect, value in field.aspects.items():
            self.pieces[f"{name}, {aspect}"] = framed(aspect, self.anything(value))

    def config(self, kind: type) -> bytes:
        given = said_by(kind, "model_config") or said_by(kind, "__pydantic_config__")
        if not isinstance(given, Mapping):
            return b""
        return framed("config", *(framed(n, self.anything(v)) for n, v in sorted(given.items())))

    def validators(self, kind: type) -> Iterator[bytes]:
        for name, function in validators_of(kind):
            yield framed(name, self.function(function, kind))

    def composed(self, kind: Any, origin: Any) -> bytes:
        """`list[X]`, `X | Y`, `Literal[...]`: the origin and what is between the brackets."""
        name = "Union" if origin in {typing.Union, types.UnionType} else class_label(origin)
        if origin is typing.Literal:
            return framed("Literal", *map(self.choice, typing.get_args(kind)))
        arguments = map(self.argument, typing.get_args(kind))
        ours = isinstance(origin, type) and top_of(origin) not in sys.stdlib_module_names
        if ours or hasattr(origin, "__value__"):
            return framed("generic", self.annotation(origin), *arguments)
        return framed(name, *arguments)

    def alias(self, kind: Any) -> bytes:
        """What a `type` statement says; within itself it is a name."""
        if id(kind) in self.open:
            return framed("named", kind.__name__.encode())
        self.open.add(id(kind))
        try:
            return self.annotation(kind.__value__)
        finally:
            self.open.discard(id(kind))

    def choice(self, value: Any) -> bytes:
        """One of a Literal; a provider is shown the value of a member."""
        said = self.anything(value)
        if isinstance(value, enum.Enum):
            return framed("member", said, self.anything(value.value))
        return said

    def argument(self, item: Any) -> bytes:
        if isinstance(item, list | tuple):
            return framed("list", *map(self.argument, item))
        return self.annotation(item)

    def annotated(self, kind: Any) -> bytes:
        return framed(
            "Annotated",
            self.annotation(kind.__origin__),
            *(self.anything(item) for item in kind.__metadata__),
        )

    def variable(self, kind: Any) -> bytes:
        allowed = (*getattr(kind, "__constraints__", ()), kind.__bound__)
        # Without a bound some Pythons have the type of None there.
        said = [item for item in allowed if item is not None and item is not types.NoneType]
        return framed("variable", kind.__name__.encode(), *map(self.annotation, said))

    def anything(self, value: Any) -> bytes:
        """A value that stands in a type: a default, a constraint, an example, a function."""
        if isinstance(value, type):
            return self.annotation(value)
        if isinstance(value, enum.Enum):
            return framed("enum", type(value).__name__.encode(), value.name.encode())
        if isinstance(value, list | tuple):
            return framed(type(value).__name__, *map(self.anything, value))
        if isinstance(value, dict):
            return framed("dict", *(self.anything(item) for pair in value.items() for item in pair))
        if callable(value) and not has_own_parts(value) and typing.get_origin(value) is None:
            return framed("function", self.function(value, None))
        encoded = None if has_own_parts(value) else self.value(value)
        return self.parts(value) if encoded is None else framed("value", encoded)

    def parts(self, value: Any) -> bytes:
        """A constraint object by its class's name and whatever it holds that is not None."""
        if hasattr(value, "is_required"):
            held = pydantic_aspects(value)
        else:
            held = attributes(value, declared_names(type(value)), frozenset())
        shown = [
            framed(name, self.anything(item))
            for name, item in sorted(held.items())
            if not name.startswith("_") and is_said(item)
        ]
        return framed(type(value).__name__, *shown, *self.validators(type(value)))


def describe_type(
    kind: Any,
    *,
    function: Callable[[Any, type | None], bytes],
    value: Callable[[Any], bytes | None],
    by_fields: Callable[[type], bool],
) -> Described:
    """Take one type apart."""
    describer = Describer(function, value, by_fields)
    outer = hashlib.sha256(describer.annotation(kind)).digest()
    pieces = {name: hashlib.sha256(piece).digest() for name, piece in describer.pieces.items()}
    finer = describer.finer
    return Described(outer, pieces, finer, tuple(kind for kind, _ in describer.met.values()))


def framed(tag: str, *children: bytes) -> bytes:
    """A tag and its children with their lengths, so that no two lists of them are alike."""
    head = tag.encode()
    listed = b"".join(b"%d:%b" % (len(child), child) for child in children)
    return b"%d:%b%d[%b" % (len(head), head, len(children), listed)


def top_of(kind: Any) -> str:
    """The package of a class."""
    return str(getattr(kind, "__module__", "")).partition(".")[0]


def class_label(kind: Any) -> str:
    """A class by its package and name; modules within a package move between releases."""
    module = top_of(kind)
    name = getattr(kind, "__qualname__", None) or getattr(kind, "_name", None) or str(kind)
    return str(name) if module in {"builtins", "typing", "collections"} else f"{module}:{name}"


def docstring_of(kind: type) -> bytes:
    """The docstring that a provider is shown; one that no one wrote is not."""
    text = kind.__dict__.get("__doc__")
    if not isinstance(text, str) or text == generated_docstring(kind):
        return b""
    return inspect.cleandoc(text).encode("utf-8", "surrogatepass")


def generated_docstring(kind: type) -> str | None:
    """What dataclasses and named tuples say of themselves."""
    if said_by(kind, "__dataclass_fields__") is not None:
        try:
            return kind.__name__ + str(inspect.signature(kind)).replace(" -> None", "")
        except (TypeError, ValueError):
            return kind.__name__
    names = said_by(kind, "_fields")
    return f"{kind.__name__}{names}".replace("'", "") if isinstance(names, tuple) else None


def has_own_parts(value: object) -> bool:
    """Whether it is an object of pydantic's or of annotated_types', to be taken apart here."""
    ours = top_of(type(value)) in {"pydantic", "pydantic_core", "annotated_types"}
    return ours and not is_url(type(value))


SPECIAL: list[tuple[Callable[[Any], bool], Callable[[Describer, Any], bytes]]] = [
    (lambda kind: hasattr(kind, "__metadata__"), Describer.annotated),
    (lambda kind: isinstance(kind, str), lambda _, kind: framed("named", kind.encode())),
    (
        lambda kind: isinstance(kind, typing.ForwardRef),
        lambda _, kind: framed("named", kind.__forward_arg__.encode()),
    ),
    (
        lambda kind: isinstance(kind, typing.NewType),
        lambda self, kind: framed("new", self.annotation(kind.__supertype__)),
    ),
    (
        lambda kind: isinstance(kind, typing.TypeVar | typing.ParamSpec),
        Describer.variable,
    ),
    (
        lambda kind: hasattr(kind, "__value__") and typing.get_origin(kind) is None,
        Describer.alias,
    ),
]
