"""Entries as lines of JSON, and back, checked on the way in.

A line is an object with sorted names, in ASCII. `check` is the beginning of SHA-256 over the rest
of the line, so that a line edited by hand or cut short is refused; the value carries the checksum
of the stored format too, which binds it to its key. Lines with `shared` hold the parts of keys
that all calls of a function have in common.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from llmcache.backends.base import Entry, Scope
from llmcache.codecs.frame import HEAD, MAGIC, checksum

__all__ = ["BadRecord", "Record", "Shared", "read_record", "write_entry", "write_shared"]

KEY_LENGTH = 64
START = 5
CHECK_LENGTH = 16


class BadRecord(Exception):  # noqa: N818 - it says what the line is
    """A line that is not one that was exported; the text says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """An entry and its key."""

    key: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Shared:
    """A manifest and its digest."""

    digest: str
    parts: bytes


def write_entry(key: str, entry: Entry) -> str:
    """One entry as a line."""
    return line_of(
        {
            "key": key,
            "namespace": entry.scope.namespace,
            "function": entry.scope.function,
            "created": entry.created,
            "expires": entry.expires,
            "stale_until": entry.stale_until,
            "parts": entry.parts.decode(),
            "manifest": entry.manifest,
            "model": entry.model,
            "input_tokens": entry.input_tokens,
            "output_tokens": entry.output_tokens,
            "seconds": entry.seconds,
            "value": base64.b64encode(entry.value).decode(),
        }
    )


def write_shared(digest: str, parts: bytes) -> str:
    """One manifest as a line."""
    return line_of({"manifest": digest, "shared": parts.decode()})


def line_of(facts: dict[str, Any]) -> str:
    return text_of({**facts, "check": check_of(facts)})


def text_of(facts: dict[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def check_of(facts: dict[str, Any]) -> str:
    return hashlib.sha256(text_of(facts).encode()).hexdigest()[:CHECK_LENGTH]


def read_record(line: str) -> Record | Shared:
    """One line, checked.

    Raises:
        BadRecord: It is not what was exported.
    """
    try:
        facts = json.loads(line)
        if facts.pop("check") != check_of(facts):
            raise BadRecord("its check does not fit: it was changed or cut short")
        return shared_of(facts) if "shared" in facts else record_of(facts)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadRecord(f"it is not a line of an export ({type(error).__name__})") from None


def shared_of(facts: dict[str, Any]) -> Shared:
    return Shared(text(facts["manifest"]), text(facts["shared"]).encode())


def record_of(facts: dict[str, Any]) -> Record:
    """The entry of a line whose check fits; its types are checked none the less."""
    key = text(facts["key"])
    value = base64.b64decode(facts["value"], validate=True)
    if len(key) != KEY_LENGTH or key != bytes.fromhex(key).hex():
        raise BadRecord("its key is not 64 hexadecimal digits")
    if value[:3] != MAGIC or value[START:HEAD] != framed_check(key, value):
        raise BadRecord("its value is damaged, or another key's")
    return Record(
        key,
        Entry(
            value,
            Scope(text(facts["namespace"]), text(facts["function"])),
            number(facts["created"]),
            optional(facts["expires"]),
            optional(facts["stale_until"]),
            text(facts["parts"]).encode(),
            text(facts["manifest"]),
            None if facts["model"] is None else text(facts["model"]),
            whole(facts["input_tokens"]),
            whole(facts["output_tokens"]),
            number(facts["seconds"]),
        ),
    )


def framed_check(key: str, value: bytes) -> bytes:
    return checksum(value[:START], value[HEAD:], bytes.fromhex(key))


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def optional(value: Any) -> float | None:
    return None if value is None else number(value)


def whole(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError
    return value
