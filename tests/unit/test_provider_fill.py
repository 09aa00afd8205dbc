"""The loopback provider fills any schema: validly, always alike for one seed, and without end."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import re
import uuid
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, Field, TypeAdapter

from llmcache.testing.provider import UnfillableError
from llmcache.testing.provider.fill import fill
from llmcache.testing.provider.patterns import matching

SEEDS = [str(number) for number in range(25)]


class Colour(enum.Enum):
    """Two values."""

    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    """Told by its kind."""

    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    """Told by its kind; leads to others of both."""

    kind: Literal["dog"]
    owner: Dog | Cat | None = None


class Tree(BaseModel):
    """Recursive in four ways."""

    value: int
    left: Tree | None = None
    right: Tree | None
    children: list[Tree] = Field(max_length=2)


class Node(BaseModel):
    """No value is left out and every branch but one goes on for ever."""

    inner: Node | Leaf


class Leaf(BaseModel):
    """Where a node ends."""

    end: Literal[True]


class Endless(BaseModel):
    """Has no finite value."""

    again: Endless


TYPES = [
    int,
    float,
    bool,
    str,
    bytes,
    None,
    Any,
    Annotated[int, Field(ge=-5, lt=-2)],
    Annotated[int, Field(gt=3, le=4)],
    Annotated[int, Field(multiple_of=7, ge=100)],
    Annotated[int, Field(le=-10_000)],
    Annotated[float, Field(gt=0, lt=0.001)],
    Annotated[float, Field(ge=1.5, le=1.5)],
    Annotated[str, Field(min_length=200)],
    Annotated[str, Field(max_length=3)],
    Annotated[str, Field(max_length=0)],
    Annotated[str, Field(min_length=5, max_length=5)],
    Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{2,4}(/x|/y)?$")],
    Annotated[str, Field(pattern=r"^(?:\+\d{2} )?\(?\d+\)?$", min_length=6)],
    Annotated[decimal.Decimal, Field(ge=0, decimal_places=2)],
    decimal.Decimal,
    dt.date,
    dt.datetime,
    dt.time,
    dt.timedelta,
    uuid.UUID,
    AnyUrl,
    ipaddress.IPv4Address,
    ipaddress.IPv6Network,
    Colour,
    (Literal["a", 1, True] | None),
    list[int],
    Annotated[list[Colour], Field(min_length=4, max_length=6)],
    Annotated[set[Annotated[int, Field(ge=0, le=3)]], Field(min_length=3)],
    tuple[int, str, Colour],
    tuple[int, ...],
    dict[str, Cat],
    dict[Annotated[str, Field(pattern="^k[0-9]{5}$")], int],
    Annotated[dict[str, int], Field(min_length=4)],
    int | str | None,
    Cat | Dog,
    Annotated[Cat | Dog, Field(discriminator="kind")],
    list[Annotated[Cat | Dog, Field(discriminator="kind")]],
    Tree,
    Node,
]


@pytest.mark.parametrize("wanted", TYPES, ids=str)
def test_what_is_filled_is_valid(wanted: Any) -> None:
    adapter = TypeAdapter[Any](wanted)
    schema = adapter.json_schema()
    for seed in SEEDS:
        adapter.validate_python(fill(schema, seed))


@pytest.mark.parametrize(
    ("schema", "is_valid"),
    [
        (True, lambda value: isinstance(value, str)),
        ({"type": ["integer", "null"]}, lambda value: value is None or isinstance(value, int)),
        ({"properties": {"a": {"const": 1}}}, lambda value: value == {"a": 1}),
        ({"additionalProperties": {"const": 1}}, lambda value: set(value.values()) == {1}),
        ({"type": "object", "required": ["b", "a"]}, lambda value: list(value) == ["a", "b"]),
        ({"patternProperties": {"^k$": {"const": 2}}, "type": "object"}, lambda v: v == {"k": 2}),
        (
            {"type": "object", "propertyNames": {"enum": ["only"]}, "additionalProperties": True},
            lambda value: list(value) == ["only"],
        ),
        ({"items": {"const": 1}, "minItems": 5}, lambda value: value == [1] * 5),
        ({"prefixItems": [{"const": 1}, {"const": 2}]}, lambda value: value == [1, 2]),
        ({"type": "number", "multipleOf": 0.25, "maximum": 1}, lambda value: value % 0.25 == 0),
        ({"type": "integer", "maximum": -5}, lambda value: value <= -5),
    ],
)
def test_a_schema_that_pydantic_does_not_write_is_filled_too(schema: Any, is_valid: Any) -> None:
    assert all(is_valid(fill(schema, seed)) for seed in SEEDS)


def test_deep_down_optional_parts_and_containers_are_left_out() -> None:
    plain = {"type": ["array", "string"], "items": {"$ref": "#/$defs/Deep"}}
    deep = {"type": "object", "properties": {"more": plain, "even": {"$ref": "#/$defs/Deep"}}}
    assert fill({"$defs": {"Deep": deep}, "$ref": "#/$defs/Deep"}, "s")
    minimal = {"anyOf": [{"type": "array", "minItems": 1, "items": {"$ref": "#"}}, {"const": 1}]}
    assert all("1" in str(fill(minimal, seed)) for seed in SEEDS)


def test_one_seed_gives_one_value_and_other_seeds_give_others() -> None:
    schema = TypeAdapter(list[Cat | Dog]).json_schema()
    assert [fill(schema, seed) for seed in SEEDS] == [fill(schema, seed) for seed in SEEDS]
    assert len({repr(fill({"type": "string"}, seed)) for seed in SEEDS}) == len(SEEDS)


def test_a_value_is_pinned_so_that_other_processes_and_releases_make_the_same() -> None:
    schema = TypeAdapter(Cat).json_schema()
    assert fill(schema, "pinned") == {"kind": "cat", "lives": 4}
    assert fill({"type": "string"}, "pinned") == "orchid velvet 5857"


def test_a_further_field_leaves_the_others_as_they_were() -> None:
    small = {"type": "object", "properties": {"a": {"type": "string"}}}
    large = {"type": "object", "properties": {"z": {"type": "integer"}, **small["properties"]}}  # type: ignore[dict-item]
    assert fill(large, "s")["a"] == fill(small, "s")["a"]


def test_every_option_of_a_union_comes_up() -> None:
    schema = TypeAdapter(Literal["a", "b", "c"] | int).json_schema()
    assert {type(fill(schema, seed)) for seed in SEEDS} == {str, int}


def test_all_of_and_a_description_beside_a_reference_are_taken_in() -> None:
    schema = {
        "$defs": {"Sized": {"type": "string", "minLength": 3}},
        "allOf": [{"$ref": "#/$defs/Sized"}, {"maxLength": 3}],
    }
    assert len(fill(schema, "s")) == 3


@pytest.mark.parametrize(
    "schema",
    [
        TypeAdapter(Endless).json_schema(),
        {"$ref": "#/$defs/Missing"},
        {"type": "string", "pattern": r"^(?=impossible)look$"},
        {"anyOf": [{"type": "string", "pattern": r"(?<!a)\Bq(?!b)#{9}"}]},
        {"type": "string", "pattern": "^a{3}$", "minLength": 4},
    ],
    ids=["no finite value", "dangling", "look-ahead", "only unfillable options", "length"],
)
def test_what_cannot_be_filled_is_said(schema: dict[str, Any]) -> None:
    with pytest.raises(UnfillableError):
        fill(schema, "s")


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "abc",
        "^a+b*c?$",
        "[^a-z]{3}",
        "[a-c-]{4}",
        "[]x]",
        r"[\d\-_.]+",
        r"\w+\s\d{3}",
        "^(?P<year>[0-9]{4})-(?:0[1-9]|1[0-2])$",
        r"^\S+@example\.com$|^\d+$",
        "a{2,}",
        "x{0,2}?y",
        "({)",
        r"\bword\b",
        ".{7}",
    ],
)
def test_a_plain_pattern_is_matched(pattern: str) -> None:
    numbers = iter(range(1_000))
    assert re.search(pattern, matching(pattern, lambda bound: next(numbers) % bound))


@pytest.mark.parametrize(
    "pattern", ["(", "(a|b", "[a", "a)", r"\p{L}q##", "(?!x)q##", r"[^\s\w.,:;/+*=@#%&()-]"]
)
def test_a_pattern_beyond_it_is_refused(pattern: str) -> None:
    with pytest.raises((UnfillableError, re.error)):
        matching(pattern, lambda _bound: 0)


@given(st.from_regex(r"\A[a-z]{1,4}(\?|\*|\+|\{[0-3]\})?[A-Z0-9]{0,3}\Z"), st.integers(0, 2**32))
def test_any_simple_pattern_is_matched(pattern: str, start: int) -> None:
    numbers = iter(range(start, start + 1_000))
    assert re.fullmatch(pattern, matching(f"^{pattern}$", lambda bound: next(numbers) % bound))
