"""The frame: whole or unreadable, compressed within bounds, sealed under the first of the keys."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmcache.codecs import Framing, Unreadable, Unstorable, join, split
from llmcache.errors import ConfigurationError

KEY = b"the entry's key"
OLD, NEW, OTHER = (bytes([number]) * 32 for number in range(3))
BOUND = 64 * 1024 * 1024


@pytest.mark.parametrize("keys", [(), (NEW,)])
@pytest.mark.parametrize("data", [b"", b"x", b"short text", b"long text " * 10_000])
def test_what_was_packed_is_unpacked(data: bytes, keys: tuple[bytes, ...]) -> None:
    framing = Framing(keys=keys)
    assert framing.unpack(framing.pack(data, KEY), KEY) == data


def test_only_large_values_are_compressed_and_only_where_it_helps() -> None:
    framing = Framing(compress_above=100)
    assert b"aaaa" in framing.pack(b"a" * 100, KEY)
    assert len(framing.pack(b"a" * 10_000, KEY)) < 100
    noise = bytes(zlib.crc32(bytes([i])) & 255 for i in range(200))
    assert noise in framing.pack(noise, KEY)


def test_a_value_above_the_bound_is_refused_with_both_sizes() -> None:
    with pytest.raises(Unstorable, match="11 bytes, more than the 10"):
        Framing(max_bytes=10).pack(b"12345678901", KEY)


@pytest.mark.parametrize("keys", [(), (NEW,)])
def test_a_frame_belongs_to_one_entry(keys: tuple[bytes, ...]) -> None:
    framing = Framing(keys=keys)
    with pytest.raises(Unreadable):
        framing.unpack(framing.pack(b"data", KEY), b"another key")


@pytest.mark.parametrize("keys", [(), (NEW,)])
@pytest.mark.parametrize("data", [b"some data", b"some long data " * 1_000])
def test_every_flipped_bit_and_every_cut_is_noticed(keys: tuple[bytes, ...], data: bytes) -> None:
    framing = Framing(keys=keys)
    framed = framing.pack(data, KEY)
    for place in range(len(framed)):
        for bit in range(8):
            damaged = bytearray(framed)
            damaged[place] ^= 1 << bit
            with pytest.raises(Unreadable):
                framing.unpack(bytes(damaged), KEY)
        with pytest.raises(Unreadable):
            framing.unpack(framed[:place], KEY)


@given(st.binary())
def test_foreign_bytes_are_unreadable(foreign: bytes) -> None:
    for framing in (Framing(), Framing(keys=(NEW,))):
        with pytest.raises(Unreadable):
            framing.unpack(foreign, KEY)


def framed(version: int, flags: int, content: bytes) -> bytes:
    """A frame with a right checksum, whatever it holds."""
    start = b"LLC" + bytes([version, flags])
    checksum = zlib.crc32(content, zlib.crc32(start, zlib.crc32(KEY)))
    return start + checksum.to_bytes(4, "big") + content


def test_a_newer_format_is_unreadable_and_called_so() -> None:
    with pytest.raises(Unreadable, match="another format"):
        Framing().unpack(framed(3, 0, b"data"), KEY)
    with pytest.raises(Unreadable):
        Framing().unpack(framed(1, 4, b"data"), KEY)


@pytest.mark.parametrize("announced", [10, BOUND, 2**30, 2**63])
def test_a_bomb_is_not_inflated_beyond_what_it_announces_nor_the_bound(announced: int) -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(200)) + packer.flush()
    entry = framed(1, 1, struct.pack(">Q", announced) + bomb)
    framing = Framing(max_bytes=2**20)
    tracemalloc.start()
    with pytest.raises(Unreadable):
        framing.unpack(entry, KEY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


@pytest.mark.parametrize("content", [b"", b"1234567", struct.pack(">Q", 3), b"12345678not zlib"])
def test_a_broken_compressed_value_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        Framing().unpack(framed(1, 1, content), KEY)


def test_the_first_key_seals_and_all_open() -> None:
    sealed = Framing(keys=(OLD,)).pack(b"secret", KEY)
    assert b"secret" not in sealed
    assert Framing(keys=(NEW, OLD)).unpack(sealed, KEY) == b"secret"
    assert Framing(keys=(NEW,)).unpack(Framing(keys=(NEW, OLD)).pack(b"x", KEY), KEY) == b"x"


def test_a_seal_without_its_key_is_unreadable() -> None:
    sealed = Framing(keys=(OLD,)).pack(b"secret", KEY)
    with pytest.raises(Unreadable, match="not at hand"):
        Framing(keys=(NEW, OTHER)).unpack(sealed, KEY)
    with pytest.raises(Unreadable, match="sealed"):
        Framing().unpack(sealed, KEY)


def test_with_keys_nothing_unsealed_is_read_as_anyone_could_have_planted_it() -> None:
    with pytest.raises(Unreadable, match="not sealed"):
        Framing(keys=(NEW,)).unpack(Framing().pack(b"planted", KEY), KEY)


def test_a_seal_is_broken_by_whoever_repairs_the_checksum_only() -> None:
    sealed = bytearray(Framing(keys=(NEW,)).pack(b"secret", KEY))
    sealed[-1] ^= 1
    with pytest.raises(Unreadable, match="seal is broken"):
        Framing(keys=(NEW,)).unpack(framed(1, 2, bytes(sealed[9:])), KEY)
    with pytest.raises(Unreadable, match="seal is broken"):
        Framing(keys=(NEW,)).unpack(framed(1, 2, bytes(sealed[9:20])), KEY)


def test_equal_values_are_sealed_differently_each_time() -> None:
    framing = Framing(keys=(NEW,))
    assert framing.pack(b"x", KEY) != framing.pack(b"x", KEY)


def test_a_key_of_the_wrong_length_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match="32 bytes, not 5") as caught:
        Framing(keys=(b"short",))
    assert "short" not in str(caught.value)
    assert "short" not in repr(caught.value)


def test_keys_do_not_show_in_a_representation() -> None:
    assert repr(NEW)[2:-1] not in repr(Framing(keys=(NEW,)))


@given(st.lists(st.binary()))
def test_joined_values_are_split_again(items: list[bytes]) -> None:
    assert split(join(items)) == items


@given(st.lists(st.binary(), min_size=1), st.data())
def test_a_cut_stream_is_unreadable_or_ends_between_two_values(
    items: list[bytes], data: st.DataObject
) -> None:
    joined = join(items)
    cut = joined[: data.draw(st.integers(0, len(joined) - 1))]
    try:
        found = split(cut)
    except Unreadable:
        return
    assert found == items[: len(found)]
