"""A value becomes canonical bytes: equal for values strictly alike, different for all others.

Strictly alike means: the same types throughout, equal content, all NaN alike, -0.0 apart from 0.0.
The order of a dict or a set does not count. The bytes are the same in every process, on every
machine, hash seed and version of Python.
"""

from __future__ import annotations

import contextvars
import hashlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

from llmcache.errors import LLMCacheError, UncacheableArgumentError
from llmcache.keys.values.attributes import class_name
from llmcache.keys.values.natives import feed_str, write_str
from llmcache.keys.values.registry import ValueStream, register_key_type
from llmcache.keys.values.stream import FileNeeded, References, Stream, Unkeyable, framed_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FileNeeded",
    "References",
    "digest",
    "encode",
    "feed",
    "register_key_type",
]


UNREADABLE = (
    RuntimeError,  # a container changed under its iterator, in another thread
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
)
"""What a half-made, closed or odd value raises when it is read: it cannot be keyed."""

deeper: contextvars.ContextVar[bool] = contextvars.ContextVar("deeper", default=False)
"""Whether a value is being written on a stack of its own, which is given once."""


def refusal(stream: Stream, stop: Unkeyable) -> UncacheableArgumentError:
    kind = type(stop.value)
    path = stream.path_to(stop.value)
    parameter = re.split(r"[.\[]", stream.root, maxsplit=1)[0]
    why = stop.reason or "its type has no stable form"
    return UncacheableArgumentError(
        f"{path} (a {kind.__module__}.{kind.__qualname__}) cannot be part of a key: {why}. "
        f"{ways_out(stop.value, parameter)}, or do the same from outside with "
        f"llmcache.register_key_type({kind.__qualname__}, encoder).",
        parameter=parameter.removesuffix("="),
        path=path,
        type_name=f"{kind.__module__}.{kind.__qualname__}",
    )


def ways_out(value: object, parameter: str) -> str:
    """What can be done about a value without a stable form, to the last but one."""
    last = "give the class a method __cache_key__ that returns what identifies the value"
    if parameter.endswith("="):
        return f"Let {parameter} give what identifies it, {last}"
    listed = "Hand over what it gives, as list(...). " if isinstance(value, Iterator) else ""
    return f"{listed}Leave the parameter out with ignore=[{parameter!r}], {last}"


def written(value: object, path: str, references: References, files: bool) -> list[bytes]:  # noqa: FBT001 - of feed
    parts: list[bytes] = []
    stream = ValueStream(parts.append, references, files=files, root=path)
    try:
        stream.put(value)
    except Unkeyable as stop:
        raise refusal(stream, stop) from stop.__cause__
    except RecursionError:
        raise
    except LLMCacheError:
        raise
    except UNREADABLE as error:
        held = value if stream.innermost is None else stream.innermost
        raise refusal(
            stream, Unkeyable(held, f"it cannot be read ({type(error).__name__})")
        ) from error
    if stream.kinds:
        coded = ((class_name(kind), references.of_class(kind)) for kind in stream.kinds.values())
        parts += sorted(b"=" + framed_text(name) + code for name, code in coded if code)
    return parts


def written_on_a_new_stack(
    value: object,
    path: str,
    references: References,
    files: bool,  # noqa: FBT001 - of feed
) -> list[bytes]:
    """The same in a thread, where the caller's frames do not count against Python's limit."""
    outcome: Future[list[bytes]] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            context.run(deeper.set, True)  # noqa: FBT003 - there is no name to pass it by
            outcome.set_result(context.run(written, value, path, references, files))
        except RecursionError as error:
            reason = "it is nested deeper than Python can follow"
            stream = ValueStream(len, references, files=files, root=path)
            stop = refusal(stream, Unkeyable(value, reason))
            stop.__cause__ = error
            outcome.set_exception(stop)
        except BaseException as error:  # noqa: BLE001 - handed to the waiting caller as it is
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name="llmcache-key")
    thread.start()
    thread.join()
    return outcome.result()


def collected(
    value: object,
    path: str,
    references: References,
    files: bool,  # noqa: FBT001 - of feed
) -> list[bytes]:
    """The pieces; nothing of a value that fails half-way is ever seen."""
    try:
        return written(value, path, references, files)
    except RecursionError:
        if deeper.get():
            raise
        return written_on_a_new_stack(value, path, references, files)


def feed(
    write: Callable[[bytes], object],
    value: object,
    *,
    path: str,
    references: References,
    files: bool = True,
) -> None:
    """Write the canonical bytes of a value, all or nothing.

    Args:
        write: Takes the pieces in order, such as the `update` of a hash.
        value: Any value of a known kind.
        path: What the value is called in errors: the name of its parameter.
        references: How types, functions and clients are written.
        files: Whether files behind paths may be read here.

    Raises:
        UncacheableArgumentError: The value or one inside it has no stable form.
        FileNeeded: `files` is false and a file would have to be read.
    """
    if type(value) is str and ValueStream.writers.get(id(str)) is write_str:
        feed_str(write, value)  # as most arguments are; a stream would take longer than the text
        return
    for part in collected(value, path, references, files):
        write(part)


def encode(value: object, *, path: str, references: References, files: bool = True) -> bytes:
    """As `feed`, collected."""
    return b"".join(collected(value, path, references, files))


def digest(value: object, *, path: str, references: References, files: bool = True) -> bytes:
    """As `feed`, into SHA-256: 32 bytes."""
    return hashlib.sha256(b"".join(collected(value, path, references, files))).digest()
