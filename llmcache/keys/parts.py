"""The parts of a key: small digests with names, by which a miss is explained."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from llmcache.keys.code.pieces import Piece
from llmcache.keys.identities import Identity

__all__ = ["CacheKey", "KeyParts", "digests_of", "key_parts"]

SHORT = 16


@dataclass(frozen=True, slots=True)
class CacheKey:
    """The key of one call.

    Attributes:
        digest: 64 hex digits, the name of the entry in every backend.
        parts: What went into it, by name (`argument text`, `code of shop.extract`), each as 16 hex
            digits of its own digest. Under an encryption key they are HMACs, as `digest` is.
        unkeyed: What the code reads but the key cannot see, each with the reason; `depends_on` is
            the way in.
    """

    digest: str
    parts: Mapping[str, str]
    unkeyed: tuple[str, ...] = ()


class KeyParts(NamedTuple):
    """The parts of a key, apart by how often they are kept.

    Attributes:
        call: Those that differ from call to call, kept with each entry.
        shared: Those that all calls share, kept once under `manifest`.
        manifest: The digest of `shared`, 64 hex digits.
    """

    call: dict[str, str]
    shared: dict[str, str]
    manifest: str


def digests_of(pieces: Iterable[Piece]) -> Iterator[tuple[str, bytes]]:
    """The pieces that have a digest; a client comes apart into its facts."""
    for name, what in pieces:
        if isinstance(what, Identity):
            for fact, text in what.facts:
                yield f"{name}: {fact}", text.encode("utf-8", "surrogatepass")
        elif isinstance(what, bytes):
            yield name, what


def key_parts(call: Iterable[Piece], shared: Iterable[Piece], secret: bytes | None) -> KeyParts:
    """The parts as they are kept."""
    short = {name: shortened(digest, secret) for name, digest in sorted(digests_of(shared))}
    manifest = hashlib.sha256(repr(short).encode("utf-8", "surrogatepass")).hexdigest()
    return KeyParts({n: shortened(d, secret) for n, d in digests_of(call)}, short, manifest)


def shortened(digest: bytes, secret: bytes | None) -> str:
    """What is kept of a part: enough to tell that it changed, nothing to find its value by."""
    if secret is not None:
        return hmac.digest(secret, digest, "sha256").hex()[:SHORT]
    return hashlib.sha256(digest).hexdigest()[:SHORT]
