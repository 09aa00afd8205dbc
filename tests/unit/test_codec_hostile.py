"""Damaged, planted and foreign bytes: unreadable or the right value, and nothing else."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import json
import pathlib
import random
import re
import sys
import tracemalloc
import uuid
import zlib
import zoneinfo
from collections.abc import Iterator
from typing import Any

import anthropic.types
import openai.types.chat
import pytest
from pydantic import BaseModel, ConfigDict

from llmcache.codecs import Framing, ResultCodec, SeenTypes, Unreadable
from llmcache.codecs.catalogue import Catalogue
from llmcache.codecs.proof import Proof

KEY = b"k" * 64
MUTATIONS = 10_000
LOADED = (anthropic.types.Message, openai.types.chat.ChatCompletion)  # before any look-up


class Line(BaseModel):
    """One of many."""

    sku: str
    price: float
    note: str | None = None


class Invoice(BaseModel):
    """Nested, with extras and a private attribute."""

    model_config = ConfigDict(extra="allow")
    number: int
    lines: list[Line]
    tags: set[str]
    _seen: int = 3


class Unit(enum.Enum):
    """By value."""

    PIECE = "pc"


class Page(BaseModel):
    """Regular: stored as plain JSON."""

    lines: list[Line]
    total: decimal.Decimal
    unit: Unit


INVOICE = Invoice.model_validate(
    {
        "number": 7,
        "lines": [{"sku": "a", "price": 1.5}, {"sku": "b", "price": 2.5, "note": "n"}],
        "tags": {"x", "y"},
        "more": {"a": [1, 2]},
    }
)
PAGE = Page.model_validate(
    {"lines": [{"sku": "a", "price": 1.5}] * 3, "total": "1.50", "unit": "pc"}
)
LARGE = [Line(sku=f"sku {number}", price=number / 7) for number in range(300)]


EVERYTHING: list[Any] = [
    dt.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.timedelta(1, 2, 3),
    decimal.Decimal("1.5"),
    fractions.Fraction(1, 3),
    ipaddress.ip_address("::1"),
    pathlib.Path("a"),
    re.compile("a+"),
    uuid.UUID(int=1),
    b"\xff",
    1j,
    {1: (2, frozenset({3}))},
    float("nan"),
]
VALUES = (INVOICE, PAGE, LARGE[:3], EVERYTHING)
PLAIN = [ResultCodec(Invoice, (Line, Page)).dump(value).data for value in VALUES]


def entries() -> list[tuple[Framing, bytes, Any]]:
    """Valid entries: plain, compressed, sealed, compressed and sealed."""
    sealing = Framing(keys=(b"s" * 32,))
    codec = ResultCodec(Invoice, (Line, Page))
    return [
        (framing, framing.pack(codec.dump(value).data, KEY), value)
        for framing in (Framing(), sealing)
        for value in (INVOICE, PAGE, LARGE)
    ]


ENTRIES = entries()


def mutated(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """One damage of a kind drawn by chance."""
    place = chance.randrange(len(data))
    kind = chance.randrange(6)
    if kind == 0:
        flipped = data[place] ^ (1 << chance.randrange(8))
        return data[:place] + bytes([flipped]) + data[place + 1 :]
    if kind == 1:
        return data[:place]
    if kind == 2:
        other = chance.choice(others)
        return other[: min(place, 29)] + data[min(place, 29) :]
    if kind == 3:
        return data[:place] + chance.randbytes(chance.randrange(1, 9)) + data[place:]
    if kind == 4:
        return data[:place] + data[place + chance.randrange(1, 9) :]
    part = data[place : place + 20]
    return data[:place] + part + data[place:]


@pytest.fixture
def nothing_imported() -> Iterator[None]:
    before = set(sys.modules)
    yield
    assert set(sys.modules) == before


@pytest.fixture
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def loaded(framing: Framing, entry: bytes) -> Any:
    return ResultCodec(Invoice, (Line, Page)).load(framing.unpack(entry, KEY))


@pytest.mark.usefixtures("nothing_imported")
@pytest.mark.usefixtures("little_memory")
def test_ten_thousand_damaged_entries_are_each_a_miss_or_the_right_value() -> None:
    chance = random.Random(20_240_229)  # noqa: S311 - repeatable damage
    frames = [entry for _, entry, _ in ENTRIES]
    misses = 0
    for _ in range(MUTATIONS):
        framing, entry, value = chance.choice(ENTRIES)
        try:
            found = loaded(framing, mutated(entry, chance, frames))
        except Unreadable:
            misses += 1
        else:
            Proof(Catalogue(Any, (Invoice, Line, Page, Unit), SeenTypes())).same(value, found)
    assert misses > MUTATIONS * 0.9
    for framing, entry, value in ENTRIES:
        assert loaded(framing, entry) == value


@pytest.mark.usefixtures("nothing_imported")
@pytest.mark.usefixtures("little_memory")
def test_planted_values_with_a_right_checksum_raise_nothing_else_and_import_nothing() -> None:
    chance = random.Random(4)  # noqa: S311 - repeatable damage
    reasons = []
    for _ in range(MUTATIONS):
        planted = mutated(chance.choice(PLAIN), chance, PLAIN)
        try:
            ResultCodec(Invoice, (Line, Page)).load(planted)
        except Unreadable as refusal:
            reasons.append(refusal.reason)
    assert all(reasons)


REGULAR = ResultCodec(Line).dump(Line(sku="a", price=1)).data.partition(b"\n")[0]
PLANTED = [
    (b"", "nothing"),
    (b"\n", "two empty lines"),
    (b"[]\n" + b"[" * 100_000, "deep nesting, open"),
    (b"[]\n" + b"[" * 100_000 + b"]" * 100_000, "deep nesting"),
    (b"[" * 100_000 + b"\n1", "deep nesting of the table"),
    (b"[]\n" + b'["l",' * 199 + b"1" + b"]" * 199 + b"]", "unbalanced"),
    (b'[]\n["unknown"]', "unknown tag"),
    (b'[]\n["@",0,{}]', "shape that is not there"),
    (b'[]\n[["l"]]', "tag that is no text"),
    (b"[]\n[]", "no tag"),
    (b'[["m","os:system","",[],0,0,[]]]\n["@",0,{}]', "a function"),
    (b'[["m","builtins:object","0",[],0,0,[]]]\n["@",0,{}]', "a built-in class"),
    (b'[["m","openai.types.chat:os","",[],0,0,[]]]\n["@",0,{}]', "not a class of the SDK"),
    (b'[["m","openai.types.nothing:No","",[],0,0,[]]]\n["@",0,{}]', "no module of the SDK"),
    (b'[["m","anthropic.types.message:BaseModel","",[],0,0,[]]]\n["@",0,{}]', "imported there"),
    (b'[["x","os:system",""]]\n["@",0,"true"]', "a decoder that is not registered"),
    (b'[["z","a:b","c"]]\n1', "unknown kind of shape"),
    (b'[["p","os:system","x","y"]]\n{}', "a function as plain JSON"),
    (b'[["p","builtins:object","x","y"]]\n{}', "a built-in class as plain JSON"),
    (b'[["p","openai.types.chat.chat_completion:ChatCompletion","","y"]]\n{}', "the SDK's class"),
    (b'[["p"]]\n{}', "plain JSON of nothing"),
    (b'[["P",[],{},1]]\n[{}]', "plain JSON of no name"),
    (REGULAR + b"\n", "no plain JSON"),
    (REGULAR + b"\n[]", "a list in the place of a model"),
    (REGULAR + b"\n{}", "a field that must be there"),
    (REGULAR + b'\n{"sku":' + b"[" * 100_000, "deep nesting in plain JSON"),
    (REGULAR + b'\n{"sku":1,"price":' + b"9" * 5_000 + b"}", "a number of 5000 digits in a field"),
    (REGULAR[:-3] + b'z"]]\n{"sku":"a","price":1}', "another layout"),
    (b'[]\n["datetime","2024-01-01",["zone","../../etc/passwd"],0]', "a path as a zone"),
    (b'[]\n["decimal","1e99999999999999999999"]', "a number out of range"),
    (b'[]\n["bytes","!"]', "no base64"),
    (b'[]\n["pattern","(",0]', "no pattern"),
    (b'[]\n["c",1]', "a pair without a completion"),
    (b'[]\n["D",1]', "a key without a value"),
    (b'[]\n["D",["l"],1]', "a key that cannot be one"),
    (b"[]\n1 2", "two values"),
    (b"[]\n\xff", "no UTF-8"),
    (b"[]\n" + b"9" * 5_000, "a number of 5000 digits"),
    (b"1\n1", "a table that is none"),
    (b'{"a":1}\n1', "a table of another kind"),
]


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("data", [pytest.param(data, id=name) for data, name in PLANTED])
def test_what_no_codec_has_written_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        ResultCodec(Invoice, (Line, Page)).load(data)


def test_a_class_whose_fields_changed_is_unreadable() -> None:
    data = ResultCodec(Line).dump(LARGE[0]).data
    table = json.loads(data.partition(b"\n")[0])
    changed = type("Line", (BaseModel,), {"__annotations__": {"sku": str}, "__module__": __name__})
    assert table[0][1] == f"{__name__}:Line"
    with pytest.raises(Unreadable, match="Line"):
        ResultCodec(changed).load(data)


def test_the_checksum_is_no_secret_so_a_planted_value_is_only_of_declared_classes() -> None:
    start, content = b"LLC\x01\x00", b'[["m","os:PathLike","",[],0,0,[]]]\n["@",0,{}]'
    checksum = zlib.crc32(content, zlib.crc32(start, zlib.crc32(KEY))).to_bytes(4, "big")
    with pytest.raises(Unreadable, match="not a class that this call can return"):
        ResultCodec(Any).load(Framing().unpack(start + checksum + content, KEY))
