"""What a result type is made of, piece by piece."""

from __future__ import annotations

import dataclasses
import enum
import gc
import types
import weakref
from typing import Annotated, Any, Generic, List, Literal, NewType, Optional, TypeVar  # noqa: UP035 - a spelling that is tested

import pytest
import typing_extensions
from openai.types.chat import ChatCompletion
from pydantic import AnyUrl, BaseModel, Field, SecretStr, create_model
from pydantic.dataclasses import dataclass as pydantic_dataclass

from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.project import Project
from llmcache.keys.schema import docstring_of

T = TypeVar("T")


def pieces(kind: Any) -> dict[str, bytes]:
    """All pieces of a type, read afresh."""
    return Fingerprints(Project("tests")).type_reading(kind).parts


def changed(one: Any, other: Any) -> set[str]:
    """The names of the pieces in which two types differ."""
    before, after = pieces(one), pieces(other)
    return {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}


def model(*args: Any, annotation: Any = float, **kwargs: Any) -> type[BaseModel]:
    return create_model("Invoice", total=(annotation, Field(*args, **kwargs)))


ASPECTS: list[tuple[dict[str, Any], set[str]]] = [
    ({"description": "x"}, {"description"}),
    ({"default": 1.0}, {"default"}),
    ({"default": None}, {"default"}),
    ({"default_factory": float}, {"default_factory"}),
    ({"gt": 0}, {"constraints"}),
    ({"alias": "t"}, {"alias"}),
    ({"validation_alias": "t"}, {"validation_alias"}),
    ({"examples": [1.0]}, {"examples"}),
    ({"title": "T"}, {"title"}),
    ({"json_schema_extra": {"a": 1}}, {"json_schema_extra"}),
    ({"annotation": int}, {"type"}),
]


@pytest.mark.parametrize(
    ("one", "other", "aspects"),
    [
        (AnyUrl("https://a.example"), AnyUrl("https://b.example"), {"default"}),
        (SecretStr("sk-1"), SecretStr("sk-2"), set()),
    ],
)
def test_a_default_counts_by_what_it_says_unless_that_is_a_secret(
    one: object,
    other: object,
    aspects: set[str],
) -> None:
    found = changed(model(default=one), model(default=other))
    assert found == {f"response model Invoice: field total, {aspect}" for aspect in aspects}


def test_what_a_model_without_fields_says_counts() -> None:
    one, other = (create_model("Ping", __doc__=said) for said in ("Is it there?", "Where is it?"))
    assert changed(one, other) == {"response model Ping"}


@pytest.mark.parametrize(("options", "aspects"), ASPECTS, ids=str)
def test_an_explanation_can_name_the_aspect_of_a_field(
    options: dict[str, Any],
    aspects: set[str],
) -> None:
    found = changed(model(), model(**options))
    assert found == {f"response model Invoice: field total, {aspect}" for aspect in aspects}


@pytest.mark.parametrize("unseen", [{"repr": False}, {"exclude": True}, {"frozen": True}], ids=str)
def test_what_neither_a_provider_sees_nor_parsing_needs_does_not_count(
    unseen: dict[str, Any],
) -> None:
    assert changed(model(), model(**unseen)) == set()


class AtMost:
    """A marker in an annotation that keeps what it holds in one slot."""

    __slots__ = "limit"  # noqa: PLC0205 - one text is one slot

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __reduce__(self) -> str:
        return "no stable form"


def test_what_a_marker_holds_in_its_slot_counts() -> None:
    assert changed(Annotated[int, AtMost(1)], Annotated[int, AtMost(2)]) == {"response type"}


class Noting:
    """A marker that keeps something for itself."""

    def __init__(self, note: int) -> None:
        self._note = note

    def __reduce__(self) -> str:
        return "no stable form"


def test_what_a_marker_keeps_for_itself_does_not_count() -> None:
    assert changed(Annotated[int, Noting(1)], Annotated[int, Noting(2)]) == set()


def json_of(leaf: type) -> Any:
    """`type Json = dict[str, Json] | leaf`, which Python 3.11 has no statement for."""
    alias = types.SimpleNamespace(__name__="Json", __type_params__=())
    vars(alias)["__value__"] = dict[str, alias] | leaf  # type: ignore[valid-type]
    return alias


Rows = typing_extensions.TypeAliasType("Rows", list[T], type_params=(T,))


def test_an_alias_counts_by_what_it_stands_for_even_within_itself() -> None:
    assert pieces(json_of(str)) == pieces(json_of(str))
    assert changed(json_of(str), json_of(int)) == {"response type"}


def test_the_arguments_of_a_generic_alias_count() -> None:
    assert changed(Rows[model()], Rows[model(gt=0)]) == {
        "response model Invoice: field total, constraints"
    }
    assert changed(Rows[int], Rows[str]) == {"response type"}


def test_a_generic_alias_counts_by_what_it_stands_for() -> None:
    other = typing_extensions.TypeAliasType("Rows", set[T], type_params=(T,))
    assert changed(Rows[int], other[int]) == {"response type"}


def test_the_order_of_fields_counts() -> None:
    one = create_model("M", a=(int, 1), b=(int, 1))
    other = create_model("M", b=(int, 1), a=(int, 1))
    assert changed(one, other) == {"response model M"}


class Node(BaseModel):
    name: str
    children: list[Node] = []


class Page(BaseModel, Generic[T]):
    rows: list[T]


class Mood(enum.Enum):
    GOOD = "good"


@dataclasses.dataclass
class Span:
    start: int = 0


@pydantic_dataclass
class Checked:
    start: Annotated[int, Field(gt=0)] = 1


class Extended(typing_extensions.TypedDict):
    name: typing_extensions.NotRequired[str]


Number = NewType("Number", int)
KINDS = [
    Node, Page[Node], Page[Mood], Page, Mood, Span, Checked, Extended, Number, int, str, Any,
    list[Node], tuple[Node, ...], dict[str, Node], Node | Span, Literal["a"],
    Literal["a", "b"], Literal[1], Literal[True], Annotated[int, Field(gt=0)], T,
]  # fmt: skip


@pydantic_dataclass
class Basket:
    item: Fruit


@pydantic_dataclass
class Fruit:
    name: str


def test_a_dataclass_that_names_a_later_one_is_completed_as_a_model_is() -> None:
    assert "response model Fruit: field name, type" in pieces(Basket)


@pytest.mark.parametrize("base", [dict, object])
def test_a_configuration_counts_of_what_is_no_model_too(base: type) -> None:
    def made(**config: Any) -> Any:
        if base is dict:

            class Row(typing_extensions.TypedDict):
                label: str

            Row.__pydantic_config__ = config  # type: ignore[attr-defined]
            return Row
        return pydantic_dataclass(config=config or None)(type("Row", (), {}))

    assert changed(made(), made()) == set()
    assert changed(made(), made(str_strip_whitespace=True))


def test_kinds_of_types_are_apart() -> None:
    found = {Fingerprints(Project("tests")).of_type(kind) for kind in KINDS}
    assert len(found) == len(KINDS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Optional[Node], Node | None),  # noqa: UP045 - one of the two spellings
        (List[Node], list[Node]),  # noqa: UP006 - as above
    ],
    ids=str,
)
def test_spellings_of_one_type_are_alike(one: Any, other: Any) -> None:
    assert changed(one, other) == set()


def test_fields_of_an_sdk_do_not_count_so_that_keys_survive_its_releases() -> None:
    assert list(pieces(ChatCompletion)) == ["name openai.ChatCompletion"]


def test_fields_of_what_a_library_brings_count_unless_it_is_an_sdk() -> None:
    project = Project("app", ("instructor",))
    assert project.fields_count("vendor.models")
    assert project.fields_count("instructor.dsl")
    for sdk in ("openai.types", "anthropic.types", "pydantic", "pydantic_core.core_schema"):
        assert not project.fields_count(sdk)
    assert not Project("app").fields_count("instructor.dsl")


def test_two_classes_of_one_name_are_told_apart() -> None:
    one, other = create_model("Inner", a=(int, 1)), create_model("Inner", b=(int, 1))
    both = create_model("Outer", x=(one, ...), y=(other, ...))
    swapped = create_model("Outer", x=(other, ...), y=(one, ...))
    assert changed(both, swapped)
    assert {"response model Inner", "response model Inner (2)"} < set(pieces(both))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Mood, ["name", "docstring", "members", "validators"]),
        (Span, ["name", "docstring", "order of the fields", "config", "validators"]),
    ],
)
def test_an_explanation_tells_what_a_class_as_a_whole_is_made_of(
    kind: type,
    told: list[str],
) -> None:
    label = f"response model {kind.__name__}"
    found = Fingerprints(Project("tests")).type_reading(kind).finer
    assert list(found) == [label]
    assert list(found[label]) == [f"{label}: {what}" for what in told]


def test_a_docstring_that_is_no_text_breaks_no_key() -> None:
    made = create_model("Ping")
    made.__doc__ = "\ud800"
    assert docstring_of(made) == b"\xed\xa0\x80"
    assert pieces(made)


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_a_dataclass_that_tells_no_signature_has_no_docstring_of_its_own(
    error: type[Exception],
) -> None:
    class Silent(type):
        @property
        def __signature__(cls) -> str:
            raise error

    made = dataclasses.dataclass(Silent("Odd", (), {"__doc__": "Odd"}))
    assert docstring_of(made) == b""
    made.__doc__ = "Written by hand."
    assert docstring_of(made) == b"Written by hand."


def test_a_type_is_described_once() -> None:
    fingerprints = Fingerprints(Project("tests"))
    assert fingerprints.type_reading(Node) is fingerprints.type_reading(Node)
    assert fingerprints.same_alias(list[Node]) is fingerprints.same_alias(list[Node])


def test_classes_made_at_run_time_are_let_go_of() -> None:
    fingerprints = Fingerprints(Project("tests"))
    made = []
    for number in range(400):
        kind = create_model(f"M{number}", a=(int, 1))
        fingerprints.of_type(kind)
        made.append(weakref.ref(kind))
        del kind
    gc.collect()
    assert sum(reference() is not None for reference in made) <= fingerprints.of_types.most
