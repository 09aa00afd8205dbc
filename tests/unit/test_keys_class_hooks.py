"""What a class says beyond its fields: hooks, validators, and how it is written out."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, NamedTuple

import attrs
import pydantic
import pytest
from annotated_types import Gt
from pydantic import BaseModel, computed_field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from llmcache.keys.shapes import (
    Field,
    fields_of,
    generated,
    is_hook,
    is_said,
    pydantic_aspects,
    shown_by,
    validators_of,
)


def hook(*_: Any) -> None:
    """What a user wrote."""


def titled(name: str, _info: Any) -> str:
    return name.upper()


@pytest.mark.parametrize(
    "name",
    [
        *("model_post_init", "__post_init__", "__get_pydantic_core_schema__", "__init__"),
        *("__new__", "__get_pydantic_json_schema__", "__attrs_post_init__", "_missing_"),
        *("validate", "model_json_schema", "model_validate", "model_validate_json"),
        *("model_validate_strings", "model_construct", "openai_schema", "anthropic_schema"),
        *("gemini_schema", "from_response"),
    ],
)
def test_a_hook_of_this_name_counts(name: str) -> None:
    kind = type("Kind", (), {name: hook})
    assert list(validators_of(kind)) == [(name, kind.__dict__[name])]


@pytest.mark.parametrize("name", ["extract", "model_dump", "__call__", "__eq__"])
def test_a_method_of_another_name_is_no_hook(name: str) -> None:
    assert list(validators_of(type("Kind", (), {name: hook}))) == []


def test_a_hook_that_was_written_elsewhere_does_not_count() -> None:
    assert list(validators_of(type("Kind", (), {"validate": dataclasses.field}))) == []


def test_a_property_of_a_class_counts_by_the_function_in_it() -> None:
    class ClassProperty:
        cproperty = staticmethod(hook)

    kind = type("Kind", (), {"openai_schema": ClassProperty()})
    assert list(validators_of(kind)) == [("openai_schema", hook)]


def test_validators_of_the_old_kinds_count_with_what_tells_when_they_run() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        class Old(BaseModel):
            size: int

            @pydantic.validator("size", pre=True)
            @classmethod
            def sized(cls, value: Any) -> Any:
                return value

            @pydantic.root_validator(pre=True)
            @classmethod
            def whole(cls, values: Any) -> Any:
                return values

    assert [name for name, _ in validators_of(Old)] == [
        "validators sized ('before', ('size',))",
        "root_validators whole ('before', ())",
    ]


def test_a_hook_is_pydantics_own_by_its_name_and_its_class() -> None:
    assert is_hook("model_validate", BaseModel)
    assert not is_hook("model_dump", BaseModel)
    assert not is_hook("model_validate", type("Kind", (), {}))


def written_by(file: str, name: str) -> Any:
    """A function as if it had been compiled from a file of this name."""
    found: dict[str, Any] = {}
    exec(compile(f"def {name}(self): pass", file, "exec"), found)  # noqa: S102 - as class decorators do
    return found[name]


@dataclasses.dataclass
class Made:
    size: int


@attrs.define
class Packed:
    size: int


class Pair(NamedTuple):
    size: int


@pytest.mark.parametrize(
    ("kind", "file", "name", "by_decorator"),
    [
        (Made, "<string>", "__init__", True),
        (Packed, "<attrs generated init Packed>", "__init__", True),
        (Pair, "<string>", "__new__", True),
        (Made, "<string>", "validate", False),
        (Made, "shop.py", "__init__", False),
        (BaseModel, "<string>", "__init__", False),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_a_method_is_generated_where_a_class_decorator_wrote_it(
    kind: type,
    file: str,
    name: str,
    *,
    by_decorator: bool,
) -> None:
    assert generated(written_by(file, name), kind) is by_decorator


def test_what_has_no_code_of_its_own_is_not_generated() -> None:
    assert not generated(len, Made)


@pytest.mark.parametrize(
    "said",
    [
        *({}, {"default": 1}, {"default": None}, {"default_factory": list}, {"alias": "a"}),
        *({"validation_alias": "a"}, {"alias": "a", "validation_alias": "b"}, {"title": "T"}),
        *({"description": "d"}, {"examples": [1]}, {"json_schema_extra": {"a": 1}}),
        *({"discriminator": "kind"}, {"deprecated": "old"}, {"validate_default": True}),
        {"field_title_generator": titled},
    ],
    ids=", ".join,
)
def test_what_was_said_of_a_field_is_told_by_its_name(said: dict[str, Any]) -> None:
    assert pydantic_aspects(pydantic.Field(**said)) == said


def test_constraints_are_told_and_what_is_neither_shown_nor_parsed_is_not() -> None:
    assert pydantic_aspects(pydantic.Field(gt=0)) == {"constraints": [Gt(0)]}
    assert pydantic_aspects(pydantic.Field(repr=False, exclude=True)) == {}


@pytest.mark.parametrize("nothing", [None, attrs.NOTHING, PydanticUndefined])
def test_what_a_library_says_for_nothing_is_not_said(nothing: object) -> None:
    assert not is_said(nothing)
    assert is_said(0)


def positive(_instance: Any, _attribute: Any, value: int) -> None:
    assert value > 0


@attrs.define
class Parcel:
    size: int = attrs.field(validator=positive, converter=int)


def test_validator_and_converter_of_an_attrs_class_count() -> None:
    (field,) = fields_of(Parcel) or []
    assert field.aspects == {"validator": positive, "converter": int, "alias": "size"}


class Shown(BaseModel):
    plain: int
    renamed: int = pydantic.Field(serialization_alias="r")
    left_out: int = pydantic.Field(exclude=True)
    hidden: int = pydantic.Field(repr=False)

    @computed_field
    def usual(self) -> int:
        return 1

    @computed_field(alias="d", title="Doubled", description="Twice", repr=False)
    def doubled(self) -> int:
        return 2


@dataclasses.dataclass
class ShownToo:
    plain: int
    hidden: int = dataclasses.field(repr=False)


def test_how_an_instance_is_written_out_is_told_where_it_is_not_as_usual() -> None:
    assert dict(shown_by(Shown)) == {
        "renamed serialization_alias": "'r'",
        "left_out exclude": "True",
        "hidden repr": "False",
        "usual computed": "True",
        "doubled alias": "'d'",
        "doubled title": "'Doubled'",
        "doubled description": "'Twice'",
        "doubled computed": "False",
    }
    assert dict(shown_by(ShownToo)) == {"hidden repr": "False"}
    assert dict(shown_by(int)) == {}


@dataclasses.dataclass
class Draft:
    made: Made
    owner: Nobody  # type: ignore[name-defined]  # noqa: F821 - it is nowhere


@dataclasses.dataclass
class Revised(Draft):
    made: Packed  # type: ignore[assignment]


Loose = dataclasses.make_dataclass("Loose", [("size", int), ("owner", "Nobody")])


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Draft, [Field("made", Made, {}), Field("owner", "Nobody", {})]),
        (Revised, [Field("made", Packed, {}), Field("owner", "Nobody", {})]),
        (Loose, [Field("size", int, {}), Field("owner", "Nobody", {})]),
    ],
)
def test_an_annotation_that_cannot_be_evaluated_stays_text_beside_the_others(
    kind: type,
    fields: list[Field],
) -> None:
    assert fields_of(kind) == fields


class Open(BaseModel):
    owner: Nobody  # type: ignore[name-defined]  # noqa: F821 - it is nowhere


@pydantic.dataclasses.dataclass
class OpenToo:
    owner: Nobody  # type: ignore[name-defined]  # noqa: F821 - it is nowhere


@pytest.mark.parametrize("kind", [Open, OpenToo])
def test_a_model_that_cannot_be_completed_has_fields_all_the_same(kind: type) -> None:
    (field,) = fields_of(kind) or []
    assert field.name == "owner"


def test_a_model_of_an_older_pydantic_has_its_fields() -> None:
    old = type("Old", (), {"model_fields": {"size": FieldInfo.from_annotation(int)}})
    assert fields_of(old) == [Field("size", int, {})]


class Grown(tuple[int, ...]):
    __slots__ = ()


@pytest.mark.parametrize(
    "kind",
    [Grown, type("Node", (), {"_fields": ("a",)}), type("Row", (), {"__required_keys__": ("a",)})],
)
def test_what_only_looks_like_it_has_no_fields(kind: type) -> None:
    assert fields_of(kind) is None
