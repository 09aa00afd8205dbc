"""One entry as one value: it comes back as it was or not at all, and old ones stay readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcache.backends.base import Entry, Nothing, Scope
from llmcache.backends.redis.frame import (
    HEAD_SIZE,
    pack_entry,
    read_head,
    scope_tag,
    unpack_entry,
    unpack_facts,
)

KEY = "ab" * 32
ENTRY = Entry(
    b"the answer",
    Scope("tenant", "shop.extract"),
    1_700_000_000.25,
    expires=1_700_000_060.5,
    stale_until=1_700_000_120.75,
    parts=b'{"text":"0a1b"}',
    manifest="cd" * 32,
    model="gpt-4o-mini",
    input_tokens=12,
    output_tokens=3,
    seconds=1.5,
)
PINNED_HEAD = bytes.fromhex(
    "4c4c4301"  # magic and version
    "2f94b208"  # checksum
    "41d954fc40100000"  # created
    "41d954fc4f200000"  # expires
    "41d954fc5e300000"  # stale_until
    "9775a3d23bc096ccc3925a215fa25eda"  # scope
    "00000079"  # length of the facts
    "0000000f"  # length of the parts
)
PINNED_REST = (
    b'["tenant", "shop.extract", "' + b"cd" * 32 + b'", "gpt-4o-mini", 12, 3, 1.5]'
    b'{"text":"0a1b"}the answer'
)

times = st.floats(allow_nan=False, allow_infinity=False)
counts = st.none() | st.integers(min_value=0)
texts = st.text(st.characters(codec=None))
entries = st.builds(
    Entry,
    value=st.binary(),
    scope=st.builds(Scope, texts, texts),
    created=times,
    expires=st.none() | times,
    stale_until=st.none() | times,
    parts=st.binary(),
    manifest=texts,
    model=st.none() | texts,
    input_tokens=counts,
    output_tokens=counts,
    seconds=times,
)


@given(key=st.text(), entry=entries)
def test_an_entry_comes_back_as_it_was(key: str, entry: Entry) -> None:
    assert unpack_entry(key, pack_entry(key, entry)) == entry


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    packed = bytearray(pack_entry(KEY, ENTRY))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    assert unpack_entry(KEY, bytes(packed)) is Nothing.DAMAGED


@given(st.integers(0, len(pack_entry(KEY, ENTRY)) - 1))
def test_a_cut_value_is_noticed(length: int) -> None:
    assert unpack_entry(KEY, pack_entry(KEY, ENTRY)[:length]) is Nothing.DAMAGED


@given(st.binary() | st.binary().map(lambda tail: b"LLC\x01" + tail))
def test_foreign_bytes_are_damaged_and_never_raise(data: bytes) -> None:
    assert unpack_entry(KEY, data) is Nothing.DAMAGED
    assert unpack_facts(data) is None or len(data) >= HEAD_SIZE


def test_an_entry_that_strayed_to_another_key_is_noticed() -> None:
    assert unpack_entry("ba" * 32, pack_entry(KEY, ENTRY)) is Nothing.DAMAGED


def test_no_value_is_absent() -> None:
    assert unpack_entry(KEY, None) is Nothing.ABSENT


def test_facts_are_read_without_the_value() -> None:
    packed = pack_entry(KEY, ENTRY)
    head = read_head(packed)
    assert head is not None
    begin = packed[: HEAD_SIZE + head.facts]
    facts = unpack_facts(begin, with_value=False)
    assert facts is not None
    assert (facts.value, facts.scope, facts.parts) == (b"", ENTRY.scope, ENTRY.parts)
    assert (head.created, head.scope) == (ENTRY.created, scope_tag(ENTRY.scope))


@pytest.mark.parametrize(
    ("one", "other"),
    [(Scope("a", "b.c"), Scope("a.b", "c")), (Scope("", "f"), Scope("f", ""))],
)
def test_scopes_do_not_share_a_tag(one: Scope, other: Scope) -> None:
    assert scope_tag(one) != scope_tag(other)


def test_the_stored_form_is_pinned() -> None:
    """Entries of version 1 are read by every later release: a change needs a new version."""
    assert pack_entry(KEY, ENTRY) == PINNED_HEAD + PINNED_REST
    assert unpack_entry(KEY, PINNED_HEAD + PINNED_REST) == ENTRY
