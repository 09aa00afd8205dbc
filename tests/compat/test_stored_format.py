"""The stored formats, pinned by bytes; what any of them has written is read for ever.

`stored_format_v1.json` is never written again. `stored_format_v2.json` is what is written now.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict

from llmcache.codecs import Framing, ResultCodec, join

KEY = b"0123456789abcdef" * 4
SECRET = bytes(range(32))
V1, V2 = (
    json.loads(Path(__file__).with_name(f"stored_format_v{number}.json").read_text("utf-8"))
    for number in (1, 2)
)


class Unit(enum.Enum):
    """By name."""

    PIECE = "pc"
    KILO = "kg"


class Line(BaseModel):
    """Some fields unset."""

    sku: str
    price: float
    unit: Unit = Unit.PIECE
    note: str | None = None


class Invoice(BaseModel):
    """Rows, extras, private attributes."""

    model_config = ConfigDict(extra="allow")
    number: int
    lines: list[Line]
    issued: dt.datetime | None = None
    _seen: int = pydantic.PrivateAttr(default=2)


class Place(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


@dataclasses.dataclass
class Part:
    """Attributes."""

    code: str
    place: Place


class Address(BaseModel):
    """Regular, by itself or in others."""

    street: str
    floor: int | None = None
    doors: list[str] = []


class Customer(BaseModel):
    """Regular, and all that its fields lead to."""

    model_config = ConfigDict(extra="allow")
    name: str = pydantic.Field(alias="customerName")
    since: dt.datetime
    balance: decimal.Decimal
    unit: Unit
    places: dict[str, Address]
    pair: tuple[int, Address]
    home: Address | None = None
    friends: list[Customer] = pydantic.Field(default_factory=list)


SHOP = (Unit, Line, Invoice, Place, Part, Address, Customer)
for kind in SHOP:
    kind.__module__ = "shop"

LINE = Line(sku="a", price=1.5)
INVOICE = Invoice.model_validate(
    {
        "number": 7,
        "lines": [LINE, Line(sku="b", price=2.0), Line(sku="c", price=0.1)],
        "issued": "2024-02-29T12:00:00Z",
        "note": "ü",
    }
)
HOME = Address(street="ü", floor=2)
CUSTOMER: dict[str, Any] = {
    "customerName": "b",
    "since": "2024-02-29T12:00:00.5+01:00",
    "balance": "1.50",
    "unit": Unit.KILO,
    "places": {"a": HOME, "b": Address(street="s", doors=["left"])},
    "pair": (1, HOME),
}
VALUES: dict[str, Any] = {
    "nothing": None,
    "text": "ü\n",
    "scalars": [True, -3, 0.5, -0.0, 10**20, None],
    "not finite": [math.nan, math.inf, -math.inf],
    "containers": [(1, (2,)), {3}, frozenset({4}), {"a": {"b": [1]}}, {1: "x", (2,): "y"}],
    "bytes and surrogate": [b"\xff\x00", "\ud800"],
    "numbers": [decimal.Decimal("1.50"), complex(1, -0.0)],
    "times": [
        dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
        dt.datetime(2024, 1, 2, fold=1),  # noqa: DTZ001 - naive moments are results too
        dt.date(2024, 1, 2),
        dt.time(3, 4),
        dt.timedelta(1, 2, 3),
    ],
    "identity": uuid.UUID(int=5),
    "model": LINE,
    "nested models": INVOICE,
    "dataclass and named tuple": Part("p", Place(1, 2)),
    "secret": pydantic.SecretStr("s"),
    "regular": HOME,
    "list of regular": [HOME, Address(street="", floor=None)],
    "nested regular": Customer(
        **CUSTOMER, home=HOME, friends=[Customer(**CUSTOMER, friends=[Customer(**CUSTOMER)])]
    ),
}


def codec() -> ResultCodec:
    return ResultCodec(Any, SHOP)


@pytest.mark.parametrize("name", VALUES)
def test_values_are_written_to_the_same_bytes_as_ever(name: str) -> None:
    data = codec().dump(VALUES[name]).data
    assert data.decode() == V2["values"][name]
    assert Framing().pack(data, KEY).hex() == V2["frames"][name]


@pytest.mark.parametrize(
    ("file", "name"), [(file, name) for file in (V1, V2) for name in file["frames"]]
)
def test_what_each_version_has_written_is_read(file: dict[str, Any], name: str) -> None:
    framed = bytes.fromhex(file["frames"][name])
    restored = codec().load(Framing().unpack(framed, KEY))
    assert repr(restored) == repr(VALUES[name])
    assert type(restored) is type(VALUES[name])


@pytest.mark.parametrize("file", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("name", ["compressed", "sealed", "compressed and sealed"])
def test_frames_of_every_kind_are_read(file: dict[str, Any], name: str) -> None:
    framing = Framing(keys=(SECRET,) if "sealed" in name else ())
    framed = bytes.fromhex(file["framings"][name])
    assert framing.unpack(framed, KEY) == codec().dump([INVOICE] * 9).data


def test_streams_are_joined_as_ever() -> None:
    assert join([b"a", b"", b"bcd"]).hex() == V1["stream"]


@pytest.mark.parametrize("name", ["openai chat", "openai responses", "anthropic"])
def test_completions_that_v1_has_stored_are_read_as_the_sdks_classes(name: str) -> None:
    """Whatever release of the SDK is installed; fields that it has added have their defaults."""
    stored = V1["completions"][name]
    restored = codec().load(stored["data"].encode())
    completion = restored._raw_response
    module, _, qualname = stored["class"].partition(":")
    assert (type(completion).__module__, type(completion).__qualname__) == (module, qualname)
    dumped = json.loads(completion.model_dump_json())
    assert {name: dumped[name] for name in stored["dump"]} == stored["dump"]
    assert type(restored) is Line
