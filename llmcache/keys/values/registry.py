"""Which writer a class has: the user's word first, then what is known of its kind.

Decided once per class. A class is remembered by its address, so that no metaclass has a say, and
forgotten when it is collected.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from llmcache.keys.project import SDKS
from llmcache.keys.values.arrays import array_writer
from llmcache.keys.values.attributes import class_name
from llmcache.keys.values.media import PATH_KINDS, media_writer
from llmcache.keys.values.natives import BUILTINS
from llmcache.keys.values.records import declared_writer, record_writer, subclass_writer
from llmcache.keys.values.referred import referred_writer, write_unknown
from llmcache.keys.values.stdlib import STDLIB
from llmcache.keys.values.stream import Stream, Unkeyable, Writer, framed_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ValueStream", "register_key_type"]

KNOWN = {id(kind): writer for kind, writer in (BUILTINS | STDLIB | PATH_KINDS).items()}
REGISTERED: dict[int, tuple[type, Callable[[Any], object]]] = {}


def users_writer(kind: type) -> Writer | None:
    """By registration or `__cache_key__`, whichever stands nearest to the class."""
    for base in kind.__mro__:
        if id(base) in REGISTERED:
            return custom_writer(kind, REGISTERED[id(base)][1], "its registered encoder")
        if base.__dict__.get("__cache_key__") is not None:
            return custom_writer(kind, lambda value: value.__cache_key__(), "its __cache_key__")
    return None


def custom_writer(kind: type, encoder: Callable[[Any], object], origin: str) -> Writer:
    header = b"k" + framed_text(class_name(kind))

    def write_custom(out: Stream, value: object) -> None:
        if out.enter(value):
            try:
                content = encoder(value)
            except RecursionError:
                raise
            except Exception as error:
                raise Unkeyable(value, f"{origin} raised {type(error).__name__}") from error
            if content is value:
                raise Unkeyable(value, f"{origin} returned the value itself")
            out.write(header)
            out.put(content)
            out.leave(value)

    return write_custom


def known_writer(kind: type) -> Writer | None:
    """The writer of a kind of Python's own."""
    return KNOWN.get(id(kind))


def based_writer(kind: type) -> Writer | None:
    """The writer for a subclass of a kind of Python's own."""
    for base in kind.__mro__[1:]:
        if id(base) in KNOWN:
            return subclass_writer(kind, KNOWN[id(base)])
    return None


CHOICES = (
    users_writer,
    known_writer,
    referred_writer,
    media_writer,
    array_writer,
    record_writer,
    based_writer,
    declared_writer,
)
"""Asked in this order: an enum that is a str is an enum, a named tuple is no mere tuple."""


def chosen_writer(kind: type) -> Writer:
    """The writer of the first choice that knows the class."""
    for choose in CHOICES:
        writer = choose(kind)
        if writer is not None:
            return writer
    return write_unknown


def noted(kind: type, writer: Writer) -> Writer:
    """The writer of a class that may have code of the user's also says that it was met."""
    top = kind.__module__.partition(".")[0]
    if writer is write_unknown or top in SDKS or top in sys.stdlib_module_names:
        return writer

    def write_noted(out: Stream, value: object) -> None:
        met = type(value)  # not `kind`, which could then never be collected
        out.kinds[id(met)] = met
        writer(out, value)

    return write_noted


class ValueStream(Stream):
    """The stream that knows a writer for every class."""

    __slots__ = ()

    writers: ClassVar[dict[int, Writer]] = {}
    watched: ClassVar[dict[int, weakref.ref[type]]] = {}

    def resolve(self, kind: type) -> Writer:
        """The writer of a class, remembered until the class is collected."""
        address, writers, watched = id(kind), self.writers, self.watched

        def forget(_: object) -> None:
            writers.pop(address, None)
            watched.pop(address, None)

        writer = noted(kind, chosen_writer(kind))
        watched[address] = weakref.ref(kind, forget)
        writers[address] = writer
        return writer


def register_key_type(kind: type, encoder: Callable[[Any], object]) -> None:
    """Say how instances of a class count in keys.

    Register before the first call whose arguments hold such an instance: keys made before are not
    made again.

    Args:
        kind: The class. Its subclasses are meant too, unless they have a registration or a
            `__cache_key__` of their own. A builtin class may be given; its own form is replaced.
        encoder: Takes the instance and returns any value that can itself be encoded, made of what
            decides the answer: equal for instances that may share an answer. The name of the
            instance's class counts besides. The last registration of a class wins.

    Raises:
        TypeError: `kind` is not a class, or `encoder` cannot be called.

    Example:
        >>> from llmcache import register_key_type
        >>> class Session:
        ...     user = "ada"
        >>> register_key_type(Session, lambda session: session.user)
    """
    if not isinstance(kind, type):
        raise TypeError(f"register_key_type takes a class, not {kind!r}")
    given: object = encoder
    if not callable(given) or inspect.iscoroutinefunction(given):
        raise TypeError(f"the encoder of {kind.__qualname__} has to be a plain function")
    REGISTERED[id(kind)] = (kind, encoder)
    ValueStream.writers.clear()
    ValueStream.watched.clear()
