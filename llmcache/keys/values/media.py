"""Files behind paths, and Instructor's images, PDFs and audio."""

from __future__ import annotations

import hashlib
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcache.keys.values.attributes import attributes, class_name, computed_names, derives
from llmcache.keys.values.natives import write_pairs
from llmcache.keys.values.stream import (
    FileNeeded,
    Stream,
    Unkeyable,
    Writer,
    framed_text,
    native_leaf,
    size,
)

if TYPE_CHECKING:
    import os

__all__ = ["PATH_KINDS", "media_writer"]

MEDIA_NAMES = ("Image", "PDF", "Audio")
MEDIA_MODULES = ("instructor.v2.core.multimodal", "instructor.processing.multimodal")


def content_of(path: str | os.PathLike[str]) -> bytes | None:
    """The SHA-256 of a regular file, read in pieces; None where there is none at `path`."""
    location = Path(path)
    try:
        if not stat.S_ISREG(location.stat().st_mode):
            return None
        with location.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:  # no file can have that name: it holds a null character
        return None
    except OSError as error:
        raise Unkeyable(path, f"its file cannot be read ({error.strerror})") from error


def write_path(out: Stream, value: Path) -> None:
    """The text, and the content of a regular file: what the function would read."""
    if not out.files:
        raise FileNeeded
    write_path_parts(out, (str(value), content_of(value)))


write_path_parts: Writer = native_leaf("Path", lambda parts: parts)

PATH_KINDS: dict[type, Writer] = {type(Path()): write_path}


def media_writer(kind: type) -> Writer | None:
    """The writer for Instructor's media: by content, wherever that came from."""
    modules = [sys.modules[name] for name in MEDIA_MODULES if name in sys.modules]
    classes = [getattr(module, name, None) for module in modules for name in MEDIA_NAMES]
    if not any(known is not None and derives(kind, known) for known in classes):
        return None
    header = b"c" + framed_text(media_name(kind)) + size(2)
    left_out = computed_names(kind) | {"source", "data"}

    def write_media(out: Stream, value: Any) -> None:
        if out.enter(value):
            out.write(header)
            out.put(media_content(value, files=out.files))
            write_pairs(out, attributes(value, (), left_out))
            out.leave(value)

    return write_media


def media_name(kind: type) -> str:
    """Instructor moves its classes between modules: its own count without the module."""
    name = class_name(kind)
    return f"instructor:{kind.__qualname__}" if name.startswith("instructor.") else name


def media_content(value: Any, *, files: bool) -> object:
    """The data where there is some, else the content of the file, else the address."""
    source, data = value.source, value.data
    if data is not None:
        return ("data", data)
    if isinstance(source, bytes):
        return ("bytes", source)
    if isinstance(source, str) and "://" in source:
        return ("address", source)
    if not files:
        raise FileNeeded
    content = content_of(source)
    return ("address", str(source)) if content is None else ("file", content)
