"""The comparison that decides what is stored tells apart what differs, and asks no class."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from llmcache.codecs import SeenTypes, Unstorable
from llmcache.codecs.catalogue import Catalogue
from llmcache.codecs.proof import Proof


class Sly(BaseModel):
    """Says that it is equal to everything."""

    model_config = ConfigDict(extra="allow")
    a: Any
    _b: Any = None

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the proof asks no class")

    __hash__ = None  # type: ignore[assignment]


class Other(Sly):
    """The same, by another name."""


def sly(a: Any = 1, *, private: Any = None, unset: bool = False, **extras: Any) -> Sly:
    made = Sly(a=a, **extras)
    made._b = private
    if unset:
        made.__pydantic_fields_set__.clear()
    return made


def prove(original: Any, restored: Any) -> None:
    Proof(Catalogue(Any, (Sly, Other), SeenTypes())).same(original, restored)


NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
DIFFERENT = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    (1.5, 1.5000000000000002),
    (math.nan, math.inf),
    ("a", "b"),
    ("1", 1),
    (None, False),
    ([1], (1,)),
    ([1], [1, 2]),
    ([1, 2], [2, 1]),
    ({1}, frozenset({1})),
    ({1}, {True}),
    ({1, 2}, {1, 3}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({1: 1}, {True: 1}),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    (NOON, NOON.replace(fold=1)),
    (NOON, NOON.astimezone(dt.timezone(dt.timedelta(hours=1)))),
    (sly(), Other(a=1)),
    (sly(1), sly(1.0)),
    (sly(private=1), sly(private=2)),
    (sly(), sly(unset=True)),
    (sly(), sly(more=1)),
    (sly(more=1), sly(more=2)),
    (sly([sly(0.0)]), sly([sly(-0.0)])),
]


@pytest.mark.parametrize(("original", "restored"), DIFFERENT)
def test_values_that_differ_are_told_apart(original: Any, restored: Any) -> None:
    with pytest.raises(Unstorable):
        prove(original, restored)
    with pytest.raises(Unstorable):
        prove(restored, original)


@pytest.mark.parametrize("value", [value for pair in DIFFERENT for value in pair])
def test_values_are_the_same_as_themselves(value: Any) -> None:
    prove(value, value)


def test_any_nan_is_like_any_other() -> None:
    prove([math.nan, decimal.Decimal("NaN")], [-math.nan, decimal.Decimal("NaN")])


def test_the_first_part_that_differs_is_named() -> None:
    with pytest.raises(Unstorable) as caught:
        prove(sly([1, {"k": sly(2)}]), sly([1, {"k": sly(3)}]))
    assert (caught.value.path, caught.value.type_name) == ("a[1][0].a", "builtins.int")
