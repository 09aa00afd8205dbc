r"""One entry as one Redis value, and back. Pure.

```
magic   4  b"LLC" and the format's version, 1
crc     4  CRC-32 of the key and of everything after this field
created 8  \
expires 8   } seconds since 1970 as big-endian doubles; no end is +infinity
stale   8  /   no stale window is -infinity
scope  16  SHA-256 of namespace and function, cut: lets `clear` tell whose an entry is
facts   4  length of the facts
parts   4  length of the parts
...        facts: a JSON list; parts: JSON as the entry holds it; the value
```

Nothing in it names code: what is not exactly this is damaged, and damaged means a miss.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import struct
import zlib
from dataclasses import dataclass

from llmcache.backends.base import Entry, Nothing, Scope

__all__ = [
    "CREATED_OFFSET",
    "HEAD_SIZE",
    "MAGIC",
    "Head",
    "pack_entry",
    "read_head",
    "scope_tag",
    "unpack_entry",
    "unpack_facts",
]

MAGIC = b"LLC\x01"
HEAD = struct.Struct(">4sIddd16sII")
HEAD_SIZE = HEAD.size
BODY_OFFSET = len(MAGIC) + 4
CREATED_OFFSET = BODY_OFFSET
"""Where the times begin; the scripts on the server read them there."""

NO_END = math.inf
NO_WINDOW = -math.inf


@dataclass(frozen=True, slots=True)
class Head:
    """What the first `HEAD_SIZE` bytes of a value tell, unverified.

    Attributes:
        created: When it was stored.
        scope: The tag of its scope, see `scope_tag`.
        facts: Bytes of facts and parts that follow the head.
    """

    created: float
    scope: bytes
    facts: int


@functools.lru_cache(maxsize=4096)
def scope_tag(scope: Scope) -> bytes:
    """16 bytes that stand for a scope; equal scopes and no others have equal ones."""
    framed = json.dumps([scope.namespace, scope.function]).encode()
    return hashlib.sha256(framed).digest()[:16]


def pack_entry(key: str, entry: Entry) -> bytes:
    """The value that stands for the entry under this key, and under no other."""
    facts = json.dumps(
        [
            entry.scope.namespace,
            entry.scope.function,
            entry.manifest,
            entry.model,
            entry.input_tokens,
            entry.output_tokens,
            entry.seconds,
        ]
    ).encode()
    head = HEAD.pack(
        MAGIC,
        0,
        entry.created,
        NO_END if entry.expires is None else entry.expires,
        NO_WINDOW if entry.stale_until is None else entry.stale_until,
        scope_tag(entry.scope),
        len(facts),
        len(entry.parts),
    )
    body = b"".join((head[BODY_OFFSET:], facts, entry.parts, entry.value))
    return b"".join((MAGIC, checksum(key, body).to_bytes(4), body))


def unpack_entry(key: str, data: bytes | None) -> Entry | Nothing:
    """The entry, or why there is none; never raises, whatever the bytes are."""
    if data is None:
        return Nothing.ABSENT
    if len(data) < HEAD_SIZE or not data.startswith(MAGIC):
        return Nothing.DAMAGED
    body = memoryview(data)[BODY_OFFSET:]
    if checksum(key, body) != int.from_bytes(data[len(MAGIC) : BODY_OFFSET]):
        return Nothing.DAMAGED
    entry = unpack_facts(data)
    return Nothing.DAMAGED if entry is None else entry


def unpack_facts(data: bytes, *, with_value: bool = True) -> Entry | None:
    """The entry without a look at its checksum; None where it cannot be read.

    Args:
        data: The value, or as much of its beginning as holds head, facts and parts.
        with_value: False: the entry's value is left empty.
    """
    try:
        _, _, created, expires, stale, _, facts, parts = HEAD.unpack_from(data)
        facts_end = HEAD_SIZE + facts
        parts_end = facts_end + parts
        namespace, function, *rest = json.loads(data[HEAD_SIZE:facts_end].decode())
        manifest, model, input_tokens, output_tokens, seconds = rest
    except (struct.error, ValueError, TypeError):
        return None
    return Entry(
        data[parts_end:] if with_value else b"",
        Scope(namespace, function),
        created,
        None if expires == NO_END else expires,
        None if stale == NO_WINDOW else stale,
        data[facts_end:parts_end],
        manifest,
        model,
        input_tokens,
        output_tokens,
        seconds,
    )


def read_head(data: bytes) -> Head | None:
    """What the head tells; None where the bytes do not begin like an entry."""
    if len(data) < HEAD_SIZE or not data.startswith(MAGIC):
        return None
    _, _, created, _, _, scope, facts, parts = HEAD.unpack_from(data)
    return Head(created, scope, facts + parts)


def checksum(key: str, body: bytes | memoryview) -> int:
    """CRC-32 over key and content, so that an entry that strayed to another key is noticed."""
    return zlib.crc32(body, zlib.crc32(key.encode()))
