"""The frame round a stored value: what it is, whether it is whole, compression, sealing.

    offset  bytes  content
    0       3      "LLC"
    3       1      format, 2; 1, whose values have fewer forms, is read too
    4       1      flags: 1 compressed, 2 sealed
    5       4      CRC-32 of the entry's key, of bytes 0 to 4 and of all that follows
    9       8      only if sealed: the key's id
    17      12     only if sealed: the nonce
    ...            the content

Compressed content is the length of what was compressed, 8 bytes, and a zlib stream. Sealed content
is AES-256-GCM of the rest, tag at the end; the header without the checksum, the key's id and the
entry's key are authenticated with it. Numbers are big-endian.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from llmcache.codecs.outcomes import Unreadable, Unstorable
from llmcache.errors import ConfigurationError

__all__ = ["Framing", "join", "split"]

MAGIC = b"LLC"
STARTS = (MAGIC + b"\1", MAGIC + b"\2")
"""Of all formats that are read; the last is written."""

COMPRESSED = 1
SEALED = 2
HEAD = 9
ID_LENGTH = 8
NONCE_LENGTH = 12
SEAL = HEAD + ID_LENGTH + NONCE_LENGTH
KEY_LENGTH = 32
PLAIN_STARTS = tuple(start + b"\0" for start in STARTS)
LENGTH = struct.Struct(">Q")
ITEM = struct.Struct(">I")


class Framing:
    """How values are framed; safe to share between threads.

    Args:
        compress_above: Values of more bytes than this are compressed, where that makes them
            smaller.
        max_bytes: A larger value is not stored, nor ever inflated to.
        keys: Secret keys of 32 bytes. The first seals, all open. With keys, unsealed entries are
            unreadable: whoever can write to the store could plant them.

    Raises:
        ConfigurationError: For a key of another length, or where the package `cryptography` is
            missing.
    """

    def __init__(
        self,
        compress_above: int = 4096,
        max_bytes: int = 64 * 1024 * 1024,
        keys: tuple[bytes, ...] = (),
    ) -> None:
        self.compress_above = compress_above
        self.max_bytes = max_bytes
        self.keys = keys
        self.ciphers: dict[bytes, Any] = {key_id(key): cipher(key) for key in keys}

    def pack(self, data: bytes, associated: bytes) -> bytes:
        """Frame a value.

        Args:
            data: The value's bytes.
            associated: What the frame belongs to, such as the entry's key: it opens with the same
                only.

        Raises:
            Unstorable: Where it has more than `max_bytes`.
        """
        if len(data) > self.max_bytes:
            reason = f"it takes {len(data)} bytes, more than the {self.max_bytes} allowed"
            raise Unstorable(reason, type_name="bytes")
        flags, content = 0, data
        if len(data) > self.compress_above:
            packed = LENGTH.pack(len(data)) + zlib.compress(data)
            if len(packed) < len(data):
                flags, content = COMPRESSED, packed
        start = STARTS[-1] + bytes([flags | SEALED if self.keys else flags])
        if self.keys:
            content = self.seal(content, start, associated)
        return start + checksum(start, content, associated) + content

    def unpack(self, framed: bytes, associated: bytes) -> bytes:
        """The value's bytes.

        Raises:
            Unreadable: Where the frame is damaged, of another format, another entry's, sealed
                with a key that is not at hand, or unsealed although there are keys.
        """
        start, content = framed[:5], framed[HEAD:]
        if framed[5:HEAD] != checksum(start, content, associated):
            raise Unreadable(self.complaint(framed))
        if start in PLAIN_STARTS and not self.keys:
            return content
        if start[:4] not in STARTS or start[4] & ~(COMPRESSED | SEALED):
            raise Unreadable(self.complaint(framed))
        if bool(start[4] & SEALED) is not bool(self.keys):
            raise Unreadable("it is sealed" if start[4] & SEALED else "it is not sealed")
        if start[4] & SEALED:
            content = self.open(content, start, associated)
        return self.inflate(content) if start[4] & COMPRESSED else content

    def complaint(self, framed: bytes) -> str:
        """Why a frame is not one of ours that is whole."""
        if framed[:3] != MAGIC:
            return "it is not an entry of llmcache"
        if framed[:4] not in STARTS:
            return "it is of another format, as a newer release may write it"
        return "it is damaged"

    def seal(self, content: bytes, start: bytes, associated: bytes) -> bytes:
        """The content under the first key, with the key's id and the nonce in front."""
        identity = key_id(self.keys[0])
        nonce = os.urandom(NONCE_LENGTH)
        bound = start + identity + associated
        sealed: bytes = self.ciphers[identity].encrypt(nonce, content, bound)
        return identity + nonce + sealed

    def open(self, content: bytes, start: bytes, associated: bytes) -> bytes:
        """The way back from `seal`."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra, needed only here

        identity, nonce = content[:ID_LENGTH], content[ID_LENGTH : ID_LENGTH + NONCE_LENGTH]
        opener = self.ciphers.get(identity)
        if opener is None:
            raise Unreadable("it is sealed with a key that is not at hand")
        bound = start + identity + associated
        try:
            opened: bytes = opener.decrypt(nonce, content[ID_LENGTH + NONCE_LENGTH :], bound)
        except (InvalidTag, ValueError) as error:
            raise Unreadable("its seal is broken") from error
        return opened

    def inflate(self, content: bytes) -> bytes:
        """The way back from compression; never more than was announced, nor than `max_bytes`."""
        if len(content) < LENGTH.size:
            raise Unreadable("it is damaged")
        (length,) = LENGTH.unpack_from(content)
        if length > self.max_bytes:
            raise Unreadable(f"it would inflate to more than {self.max_bytes} bytes")
        stream = zlib.decompressobj()
        try:
            data = stream.decompress(memoryview(content)[LENGTH.size :], length + 1)
        except zlib.error as error:
            raise Unreadable("it is damaged") from error
        if len(data) != length or not stream.eof:
            raise Unreadable("it does not inflate to what it announces")
        return data


def checksum(start: bytes, content: bytes, associated: bytes) -> bytes:
    return zlib.crc32(content, zlib.crc32(associated + start)).to_bytes(4, "big")


def key_id(key: bytes) -> bytes:
    """What tells keys apart in a frame; it says nothing about the key."""
    return hashlib.sha256(b"llmcache key id\0" + key).digest()[:ID_LENGTH]


def cipher(key: bytes) -> Any:
    """AES-256-GCM under one key."""
    if len(key) != KEY_LENGTH:
        raise ConfigurationError(
            f"An encryption key has 32 bytes, not {len(key)}.",
            name="encryption_key",
            allowed="32 bytes, base64",
        )
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            "Sealing entries needs the package cryptography: "
            'pip install "llmcache-structured[crypto]".',
            name="encryption_key",
        ) from error
    return AESGCM(key)


def join(items: Sequence[bytes]) -> bytes:
    """Several values as one, for a stream: each with its length, 4 bytes, in front."""
    return b"".join(part for item in items for part in (ITEM.pack(len(item)), item))


def split(data: bytes) -> list[bytes]:
    """The way back from `join`.

    Raises:
        Unreadable: Where the lengths do not add up.
    """
    items: list[bytes] = []
    place = 0
    while place < len(data):
        end = place + ITEM.size
        if end > len(data):
            raise Unreadable("the stream is cut off")
        (length,) = ITEM.unpack_from(data, place)
        place = end + length
        if place > len(data):
            raise Unreadable("the stream is cut off")
        items.append(data[end:place])
    return items
