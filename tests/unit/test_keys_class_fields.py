"""Every kind of class with fields says the same of them: name, annotation, and what else counts."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import pydantic
import pytest
from pydantic import BaseModel, field_validator, model_validator

from llmcache.keys.shapes import Field, fields_of, validators_of


class Row(dict[str, int]):
    """A dict of its own, and no TypedDict, whatever it is annotated with."""

    total: int


class Amount(TypedDict):
    amount: float


class Price(Amount, total=False):
    currency: str


class Pair(NamedTuple):
    left: int
    right: int = 2


Loose = namedtuple("Loose", "left right")  # noqa: PYI024 - one without annotations


@dataclasses.dataclass
class Crate:
    label: Annotated[str, "as printed"]
    weight: float = 1.5
    parts: list[str] = dataclasses.field(default_factory=list)
    size: int = dataclasses.field(default=3, metadata={"unit": "cm"})
    sealed: bool = dataclasses.field(default=False, init=False)


@attrs.define
class Parcel:
    label: str
    weight: float = attrs.field(default=1.5, alias="mass")
    sealed: bool = attrs.field(default=False, init=False)


class Plain:
    label: str = ""


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Row, None),
        (Plain, None),
        (int, None),
        (BaseModel, None),
        (
            Price,
            [
                Field("amount", float, {"required": True}),
                Field("currency", str, {"required": False}),
            ],
        ),
        (Pair, [Field("left", int, {}), Field("right", int, {"default": 2})]),
        (Loose, [Field("left", Any, {}), Field("right", Any, {})]),
        (
            Crate,
            [
                Field("label", Annotated[str, "as printed"], {}),
                Field("weight", float, {"default": 1.5}),
                Field("parts", list[str], {"default_factory": list}),
                Field("size", int, {"default": 3, "metadata": {"unit": "cm"}}),
                Field("sealed", bool, {"default": False, "init": False}),
            ],
        ),
        (
            Parcel,
            [
                Field("label", str, {"alias": "label"}),
                Field("weight", float, {"default": 1.5, "alias": "mass"}),
                Field("sealed", bool, {"default": False, "alias": "sealed", "init": False}),
            ],
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_class_has_these_fields(kind: type, fields: list[Field] | None) -> None:
    assert fields_of(kind) == fields


class Tree(BaseModel):
    branch: Leaf


class Leaf(BaseModel):
    size: int


def test_a_model_with_open_references_is_completed_first() -> None:
    (field,) = fields_of(Tree) or []
    assert (field.name, field.annotation) == ("branch", Leaf)


class Model(BaseModel):
    size: int

    @field_validator("size")
    @classmethod
    def sized(cls, size: int) -> int:
        return size

    @model_validator(mode="after")
    def whole(self) -> Model:
        return self

    def model_post_init(self, context: Any, /) -> None:
        """After all."""


@pydantic.dataclasses.dataclass
class Record:
    size: int

    def __post_init__(self) -> None:
        """After all."""


@attrs.define
class Packet:
    size: int

    def __attrs_post_init__(self) -> None:
        """After all."""


@dataclasses.dataclass
class Bare:
    size: int


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            Model,
            [
                "field_validators sized ('after', ('size',))",
                "model_validators whole ('after', ())",
                "model_post_init",
            ],
        ),
        (Record, ["__post_init__"]),
        (Packet, ["__attrs_post_init__"]),
        (Bare, []),
        (Pair, []),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_the_user_wrote_to_take_part_in_parsing_counts(kind: type, names: list[str]) -> None:
    found = list(validators_of(kind))
    assert [name for name, _ in found] == names
    assert all(callable(function) for _, function in found)


def of_module(module: str) -> type:
    """A class with a hook, both written in that module."""

    def validate(value: Any) -> Any:
        return value

    validate.__module__ = module
    return type("Kind", (), {"__module__": module, "validate": validate})


@pytest.mark.parametrize(
    "package", ["openai", "anthropic", "instructor", "pydantic", "pydantic_core", "json"]
)
def test_hooks_of_an_sdk_and_of_python_do_not_count(package: str) -> None:
    assert list(validators_of(of_module(f"{package}.models"))) == []
    assert [name for name, _ in validators_of(of_module(f"shop_{package}"))] == ["validate"]
