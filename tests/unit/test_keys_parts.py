"""The parts of a key as they are kept: short digests by name."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest

from llmcache.keys.identities import Identity
from llmcache.keys.parts import key_parts

LONE = "\ud800"
"""Half of a character, which text may hold and UTF-8 has no bytes for."""


def plainly(digest: bytes) -> str:
    return hashlib.sha256(digest).hexdigest()[:16]


def under_a_key(digest: bytes) -> str:
    return hmac.new(b"secret", digest, hashlib.sha256).hexdigest()[:16]


@pytest.mark.parametrize(
    ("secret", "short"), [(None, plainly), (b"secret", under_a_key)], ids=["plain", "under a key"]
)
def test_a_part_is_sixteen_digits_of_its_digest_by_its_name(
    secret: bytes | None,
    short: Callable[[bytes], str],
) -> None:
    found = key_parts(
        [("argument b", b"1"), ("argument a", b"2"), ("constant c", "a reason")],
        [("function", b"3"), ("code of f", b"4")],
        secret,
    )
    assert found.call == {"argument b": short(b"1"), "argument a": short(b"2")}
    assert found.shared == {"code of f": short(b"4"), "function": short(b"3")}
    assert found.manifest == hashlib.sha256(repr(found.shared).encode()).hexdigest()


def test_shared_parts_have_one_manifest_in_whichever_order_they_were_met() -> None:
    one = key_parts([], [("a", b"1"), ("b", b"2")], None)
    other = key_parts([], [("b", b"2"), ("a", b"1")], None)
    assert one.manifest == other.manifest


def test_a_client_comes_apart_into_its_facts() -> None:
    client = Identity.of((("model", "small"), ("base url", LONE)))
    found = key_parts([("client ai", client)], [], None)
    assert found.call == {
        "client ai: model": plainly(b"small"),
        "client ai: base url": plainly(LONE.encode("utf-8", "surrogatepass")),
    }


def test_a_name_that_is_no_text_breaks_no_manifest() -> None:
    found = key_parts([], [(LONE, b"1")], None)
    assert found.shared == {LONE: plainly(b"1")}
    assert len(found.manifest) == 64
