"""Any value of any model comes back equal, or is refused; never different."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import itertools
import math
import uuid
import zoneinfo
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic_core import TzInfo

from llmcache.codecs import Framing, ResultCodec, Unstorable


class Suit(enum.Enum):
    """Members by name."""

    HEARTS = "h"
    SPADES = 2


class Pair(NamedTuple):
    """A tuple with names."""

    left: int
    right: str


text = st.text(st.characters(codec=None))  # with lone surrogates
floats = st.floats(allow_nan=True, allow_infinity=True)
zones = [dt.UTC, zoneinfo.ZoneInfo("Europe/Berlin"), dt.timezone(dt.timedelta(seconds=-1)), None]
moments = st.datetimes(timezones=st.sampled_from(zones))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | floats
    | text
    | st.binary()
    | moments
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals()
    | st.fractions()
    | st.uuids()
    | st.complex_numbers()
    | st.ip_addresses()
    | st.sampled_from(Suit)
    | st.builds(Pair, st.integers(), text)
)
keys = st.none() | st.booleans() | st.integers() | text | st.dates() | st.tuples(st.integers())
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(text, inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
    ),
    max_leaves=12,
)


def as_validated(moment: dt.datetime) -> dt.datetime:
    """A moment as pydantic reads it from JSON."""
    return moment.replace(tzinfo=TzInfo(3600), fold=0)


FIELD_TYPES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, text.filter(str.isprintable)),
    (int, st.integers(-(2**70), 2**70)),
    (float, floats),
    (bool, st.booleans()),
    (str | None, st.none() | st.just("x")),
    (Literal["a", 1] | None, st.sampled_from(["a", 1, None])),
    (Suit, st.sampled_from(Suit)),
    (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (dt.datetime, moments),
    (dt.datetime, moments.map(as_validated)),
    (uuid.UUID, st.uuids()),
    (dict[str, Suit], st.dictionaries(text, st.sampled_from(Suit), max_size=3)),
    (tuple[dt.date, ...], st.lists(st.dates(), max_size=3).map(tuple)),
    (frozenset[Suit] | None, st.none() | st.frozensets(st.sampled_from(Suit))),
    (bytes, st.binary()),
    (list[int], st.lists(st.integers(), max_size=3)),
    (dict[int, float], st.dictionaries(st.integers(), floats, max_size=3)),
    (set[str], st.sets(st.sampled_from("abc"))),
    (tuple[int, str], st.tuples(st.integers(), st.just("t"))),
    (Any, anything),
]
numbers = itertools.count()  # one name, one class: two of one name in a value are refused
names = st.from_regex(r"[a-z][a-z_]{0,5}z", fullmatch=True)


@st.composite
def models(draw: st.DrawFn, depth: int = 2) -> tuple[type[BaseModel], Any]:
    """A model class built at random, and an instance of it, validated or constructed."""
    fields: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        if depth and draw(st.integers(0, 3)) == 0:
            kind, value = draw(models(depth - 1))
            if draw(st.booleans()):
                kind, value = list[kind], [value] * draw(st.integers(0, 3))  # type: ignore[valid-type]
        else:
            kind, values_of = draw(st.sampled_from(FIELD_TYPES))
            value = draw(values_of)
        options: dict[str, Any] = {"default": value} if draw(st.booleans()) else {}
        alias = draw(st.sampled_from([None, f"{name}Alias"]))
        fields[name] = (kind, Field(alias=alias, exclude=draw(st.booleans()), **options))
        if not options or draw(st.booleans()):
            values[name] = value
    extra = draw(st.sampled_from(["ignore", "allow", "forbid"]))
    config = ConfigDict(extra=extra, populate_by_name=True, frozen=draw(st.booleans()))
    model = create_model(f"Random{next(numbers)}", __config__=config, **fields)
    if extra == "allow":
        values.update(draw(st.dictionaries(st.just("zz_more"), anything, max_size=1)))
    if draw(st.booleans()):
        return model, model.model_construct(set(values), **values)
    return model, model.model_validate(values)


def account(value: Any) -> Any:
    """All that there is to a value, as types and text."""
    kind = type(value)
    if isinstance(value, BaseModel):
        slots = (value.model_fields_set, value.__pydantic_extra__, value.__pydantic_private__)
        return kind, account(vars(value)), [account(slot) for slot in slots]
    if isinstance(value, dict):
        return kind, [(account(key), account(part)) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return kind, [account(part) for part in value]
    if isinstance(value, set | frozenset):
        return kind, sorted(repr(account(part)) for part in value)
    if isinstance(value, float):
        return kind, "nan" if math.isnan(value) else value.hex()
    zone = type(getattr(value, "tzinfo", None))
    return kind, repr(value), getattr(value, "fold", 0), zone


@given(anything)
def test_any_value_comes_back_the_same(value: Any) -> None:
    codec = ResultCodec(Any, (Suit, Pair))
    dumped = codec.dump(value)
    assert account(codec.load(dumped.data)) == account(dumped.value) == account(value)


@given(models())
def test_any_model_comes_back_the_same(case: tuple[type[BaseModel], Any]) -> None:
    model, value = case
    dumped = ResultCodec(model, (Suit, Pair)).dump(value)
    restored = ResultCodec(model, (Suit, Pair)).load(dumped.data)
    assert account(restored) == account(dumped.value) == account(value)


@settings(max_examples=25)
@given(st.lists(models(), min_size=1, max_size=4))
def test_lists_of_many_classes_come_back_the_same(cases: list[tuple[Any, Any]]) -> None:
    value = [instance for _, instance in cases for _ in range(2)]
    codec = ResultCodec(Any, (Suit, Pair))
    dumped = codec.dump(value)
    assert account(codec.load(dumped.data)) == account(dumped.value) == account(value)


@given(models(), st.binary(max_size=64), st.sampled_from([(), (b"k" * 32,)]))
def test_any_framed_model_comes_back(
    case: tuple[type[BaseModel], Any], key: bytes, keys_: tuple[bytes, ...]
) -> None:
    framing = Framing(compress_above=64, keys=keys_)
    data = ResultCodec(case[0]).dump(case[1]).data
    assert framing.unpack(framing.pack(data, key), key) == data


@pytest.mark.parametrize("depth", [10, 40, 90, 99, 150, 500, 5_000, 50_000])
def test_deep_values_come_back_or_are_refused(depth: int) -> None:
    value: Any = {"leaf": 1.5}
    for _ in range(depth):
        value = [value]
    try:
        dumped = ResultCodec(Any).dump(value)
    except Unstorable as refusal:
        deep = refusal
        assert "nested too deep" in deep.reason
        assert depth > 90
    else:
        assert depth < 100
        assert dumped.value == value
