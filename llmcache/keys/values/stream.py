"""The canonical stream: framing, nesting, and the way to the value being written.

Every value starts with one tag byte. A payload follows its length, children follow their count, so
no encoding is the beginning of another, and no two values of different shape can meet:

```
N T F E !          None, True, False, Ellipsis, NotImplemented
i s b + length     int (two's complement), str (UTF-8), bytes
f + 8 bytes        float
l t S Z d + count  list, tuple, set, frozenset, dict
n + name + count   other kinds that Python and well-known libraries define
c + class + count  instances of other classes: fields, or the base's form and attributes
k + class          what `__cache_key__` or a registered encoder gave
y u x + length     what stands for a type, a function, a client
= + class          at the very end: the code of a class whose instances were written
^ + 8 bytes        a value that is being written so many levels above
```
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise
from struct import Struct
from types import ModuleType
from typing import Any, ClassVar, Protocol, TypeAlias

from llmcache.keys.values.attributes import attributes, computed_names, declared_names

__all__ = [
    "DEPTH_LIMIT",
    "FileNeeded",
    "References",
    "Stream",
    "Unkeyable",
    "Writer",
    "framed_text",
    "native",
    "native_leaf",
    "size",
]

DEPTH_LIMIT = 200
LONGEST_KEY_SHOWN = 40
SHORTEST_SECRET = 16
"""From this length on, a key with digits in it may be a token."""
STEPS_SHOWN = 12

size: Callable[..., bytes] = Struct(">Q").pack
"""A length or a count: 8 bytes."""


class References(Protocol):
    """How values that stand for code or for a service are written.

    Attributes:
        withholds: Whether secrets stay out, as they do of what code reads.
    """

    withholds: bool

    def met_secret(self, what: str) -> None:
        """Take note that something stays out."""
        ...

    def of_type(self, kind: Any) -> bytes:
        """What stands for a class, a generic alias, a type variable, ...: its schema."""
        ...

    def of_function(self, function: Any) -> bytes:
        """What stands for a function: its name and its code."""
        ...

    def of_class(self, kind: type) -> bytes:
        """What an instance says beyond what it holds: the code of its class, or nothing."""
        ...

    def met_module(self, module: ModuleType) -> None:
        """Take note that a module counts by its name alone."""
        ...

    def of_client(self, value: object) -> bytes | None:
        """The identity of an SDK client without its secrets; None: not a client."""
        ...


class FileNeeded(Exception):  # noqa: N818 - not a failure: the caller repeats where it may block
    """The value can only be encoded by reading a file, and `files=False` forbade it."""


class Unkeyable(Exception):  # noqa: N818 - caught at the entry, where the error with its path is made
    """A value without a stable form.

    Attributes:
        value: That value.
        reason: Why, where its type alone does not say it.
    """

    def __init__(self, value: object, reason: str = "") -> None:
        super().__init__(reason)
        self.value = value
        self.reason = reason


def framed_text(text: str) -> bytes:
    """A length and the text."""
    payload = text.encode("utf-8", "surrogatepass")
    return size(len(payload)) + payload


class Stream(ABC):
    """One encoding in progress; `registry.ValueStream` knows the writers.

    Attributes:
        write: Takes the next bytes.
        references: How types, functions and clients are written.
        files: Whether files may be read.
        root: The path of the outermost value.
        open: The values being written, outermost first, by address.
        kinds: The classes of the user's whose instances were written, by address.
    """

    __slots__ = ("files", "kinds", "open", "references", "root", "write")

    writers: ClassVar[dict[int, Writer]]
    """Writers by the address of their class, as far as they were resolved."""

    def __init__(
        self, write: Callable[[bytes], object], references: References, *, files: bool, root: str
    ) -> None:
        self.write: Callable[[bytes], object] = write
        self.references: References = references
        self.files: bool = files
        self.root: str = root
        self.open: dict[int, object] = {}
        self.kinds: dict[int, type] = {}

    @abstractmethod
    def resolve(self, kind: type) -> Writer:
        """The writer of a class that has none in `writers` yet."""

    def put(self, value: object) -> None:
        """Write one value."""
        kind = type(value)
        (self.writers.get(id(kind)) or self.resolve(kind))(self, value)

    def enter(self, value: object) -> bool:
        """Begin a value with children; False: it is being written already and is referred to."""
        address = id(value)
        if address in self.open:
            levels = list(self.open)
            self.write(b"^" + size(len(levels) - levels.index(address)))
            return False
        if len(self.open) >= DEPTH_LIMIT:
            raise Unkeyable(value, f"it is nested more than {DEPTH_LIMIT} levels deep")
        self.open[address] = value
        return True

    @property
    def innermost(self) -> object:
        """The value with children that is being written; None: none is."""
        return next(reversed(self.open.values()), None)

    def leave(self, value: object) -> None:
        """End what `enter` began; not needed after an error, which ends the stream."""
        del self.open[id(value)]

    def encoded(self, value: object) -> bytes:
        """The bytes of a child, apart, to be sorted among others."""
        parts: list[bytes] = []
        outer, self.write = self.write, parts.append
        kind = type(value)
        (self.writers.get(id(kind)) or self.resolve(kind))(self, value)
        self.write = outer
        return b"".join(parts)

    def path_to(self, value: object) -> str:
        """The way to `value`, the innermost open value or a child of it: `docs[3].client`."""
        chain = list(self.open.values())
        if not chain or chain[-1] is not value:
            chain.append(value)
        steps = [step(parent, child) for parent, child in pairwise(chain)]
        if len(steps) > STEPS_SHOWN:
            steps[STEPS_SHOWN // 2 : -STEPS_SHOWN // 2] = ["..."]
        return self.root + "".join(steps)


Writer: TypeAlias = Callable[[Stream, Any], None]


def native(name: str, reduce: Callable[[Any], tuple[object, ...]]) -> Writer:
    """A writer for a kind that is known by `name` and made of what `reduce` returns."""
    header = b"n" + framed_text(name)

    def write_native(out: Stream, value: object) -> None:
        if out.enter(value):
            children = reduce(value)
            out.write(header + size(len(children)))
            for child in children:
                out.put(child)
            out.leave(value)

    return write_native


def native_leaf(name: str, reduce: Callable[[Any], tuple[object, ...]]) -> Writer:
    """As `native`, for kinds that hold no values of the user's: they add no depth."""
    header = b"n" + framed_text(name)

    def write_leaf(out: Stream, value: object) -> None:
        children = reduce(value)
        out.write(header + size(len(children)))
        for child in children:
            out.put(child)

    return write_leaf


def step(parent: Any, child: object) -> str:
    """From a value to one of its children, found by identity; empty where it was made up."""
    kind = type(parent)
    if issubclass(kind, dict):
        keys = [key for key, item in dict.items(parent) if item is child]
        return f"[{shown(keys[0])}]" if keys else ""
    if issubclass(kind, list | tuple) and not hasattr(kind, "_fields"):
        places = [place for place, item in enumerate(parent) if item is child]
        return f"[{places[0]}]" if places else ""
    return next((f".{name}" for name, item in members(parent) if item is child), "")


def shown(key: object) -> str:
    """A key as it is shown in errors; what may itself be a secret is not."""
    if type(key) is int:
        return repr(key)
    if type(key) is str and key.isidentifier() and len(key) <= LONGEST_KEY_SHOWN:
        secret = len(key) >= SHORTEST_SECRET and any(map(str.isdigit, key))
        return "..." if secret else repr(key)
    return "..."


def members(parent: object) -> list[tuple[str, object]]:
    kind = type(parent)
    named = ("func", "args", "keywords", "__self__", "__func__", "__wrapped__")
    names = (*declared_names(kind), *getattr(kind, "_fields", ()), *named)
    held = attributes(parent, names, computed_names(kind))
    for more in ("__pydantic_extra__", "__pydantic_private__"):
        block = getattr(parent, more, None)
        held |= block if type(block) is dict else {}
    return list(held.items())
