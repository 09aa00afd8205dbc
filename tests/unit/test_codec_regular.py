"""Regular models are stored as plain JSON and restored by a reader that runs no code of theirs."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import json
import uuid
import zoneinfo
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    RootModel,
    computed_field,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from llmcache.codecs import ResultCodec, Unreadable, register_codec
from llmcache.codecs import regular as regular_module
from llmcache.codecs.outcomes import full_name

ANSWER = TypeVar("ANSWER")
ran: list[str] = []


def noting(name: str) -> Any:
    """A validator that leaves a trace."""
    return lambda value: ran.append(name) or value


class Color(enum.Enum):
    """Text and numbers."""

    RED = "r"
    BLUE = 2
    AZURE = 2  # noqa: PIE796 - another name for the same member


class Grade(str, enum.Enum):  # noqa: UP042 - as many write it
    """Text by birth."""

    A = "a"


class Level(enum.IntEnum):
    """A number by birth."""

    LOW = 1


class Line(BaseModel):
    """Optional fields, set or not."""

    sku: str
    price: float | None = None
    color: Color | None = Color.BLUE
    tags: list[str] = []
    facts: dict[str, int] = Field(default_factory=dict)


class Tree(BaseModel):
    """Leads to itself."""

    name: str
    children: list[Tree] = []


class Box(BaseModel, Generic[ANSWER]):
    """Generic."""

    content: ANSWER


class Watched(BaseModel):
    """With every hook that there is."""

    model_config = ConfigDict(extra="allow", validate_default=True, validate_assignment=True)
    made: ClassVar[int] = 0
    name: Annotated[str, AfterValidator(noting("after")), BeforeValidator(noting("before"))]
    total: Annotated[float, PlainSerializer(noting("serializer"))] = Field(alias="grandTotal")
    note: str = Field(default="none", exclude=True, min_length=3)
    items: list[str] = Field(default_factory=list)

    def __init__(self, **values: Any) -> None:
        ran.append("init")
        super().__init__(**values)

    def __setattr__(self, name: str, value: Any) -> None:
        ran.append("setattr")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        ran.append("eq")
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # not asked for either

    def model_post_init(self, context: Any) -> None:
        ran.append("post init")

    @field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        ran.append("field validator")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def check_all(cls, value: Any, handler: Any) -> Any:
        ran.append("model validator")
        return handler(value)

    @field_serializer("note")
    def shown(self, value: str) -> str:
        ran.append("field serializer")
        return value

    @model_serializer(mode="wrap")
    def dumped(self, handler: Any) -> Any:
        ran.append("model serializer")
        return handler(self)

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's own pages have it
    @property
    def double(self) -> float:
        ran.append("computed field")
        return self.total * 2


class Everything(BaseModel):
    """One field for each layout."""

    plain: Any
    lines: list[Line]
    more: Sequence[Line]
    by_name: dict[str, Line]
    pair: tuple[int, Line]
    row: tuple[Color, ...]
    maybe: Line | None
    color: Color
    grade: Grade
    level: Level
    only: Literal[Color.RED]
    word: Literal["a", "b", 1] | None
    colors: set[Color]
    numbers: frozenset[int]
    moment: dt.datetime
    day: dt.date
    hour: dt.time
    price: decimal.Decimal
    label: uuid.UUID
    tree: Tree
    box: Box[Line]
    watched: Annotated[Watched | None, "nothing to us"] = None


EVERYTHING = Everything.model_validate(
    {
        "plain": [1, 1.0, True, None, "ü", {"a": [-0.0, 10**30, {}]}],
        "lines": [{"sku": "a"}, {"sku": "b", "price": 1, "tags": [], "facts": {"a": 1}}],
        "more": [{"sku": "m"}],
        "by_name": {"ö": {"sku": "c"}},
        "pair": (1, {"sku": "d"}),
        "row": ("r", 2),
        "maybe": None,
        "color": 2,
        "grade": "a",
        "level": 1,
        "only": Color.RED,
        "word": 1,
        "colors": {"r", 2},
        "numbers": {3, 4},
        "moment": "2024-02-29T12:00:00.000001-03:30",
        "day": "2024-02-29",
        "hour": "12:00:00.5",
        "price": "1.50",
        "label": "00000000-0000-0000-0000-000000000007",
        "tree": {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]},
        "box": {"content": {"sku": "e"}},
        "watched": {"name": "n", "grandTotal": 2},
    }
)


def is_plain(data: bytes) -> bool:
    """Whether a value was stored as plain JSON."""
    return json.loads(data.partition(b"\n")[0])[:1][0][0] in {"p", "P"}


REGULAR: list[Any] = [
    EVERYTHING,
    EVERYTHING.watched,
    Line(sku="a"),
    [Line(sku="a"), Line(sku="b", price=None)],
    Line.model_construct(sku="a", price=None, color=Color.BLUE, tags=[], facts={}),
    Box[Line](content=Line(sku="a")),
    Box[Color](content=Color.RED),
    Box[int | str](content="1"),
    Box[dict[str, list[int]]](content={"a": [1]}),
]


@pytest.mark.parametrize("value", REGULAR, ids=lambda value: type(value).__name__)
def test_regular_models_are_plain_json_and_come_back_the_same_in_a_new_process(value: Any) -> None:
    dumped = ResultCodec(type(value), (Line,)).dump(value)
    restored = ResultCodec(type(value), (Line,)).load(dumped.data)  # knows of the class only
    assert is_plain(dumped.data)
    assert full_account(restored) == full_account(dumped.value) == full_account(value)


def full_account(value: Any) -> Any:
    """Types, values and which fields were set, all the way down."""
    if isinstance(value, BaseModel):
        state = {name: full_account(part) for name, part in vars(value).items()}
        return full_name(type(value)), state, value.model_fields_set, value.__pydantic_extra__
    if isinstance(value, list | tuple):
        return type(value), [full_account(part) for part in value]
    if isinstance(value, dict):
        return {name: full_account(part) for name, part in value.items()}
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, value))
    return type(value), repr(value)


def test_no_code_of_the_class_runs_nor_of_the_classes_in_it() -> None:
    codec = ResultCodec(Any, (Everything, Watched))
    data = [codec.dump(value).data for value in (EVERYTHING, EVERYTHING.watched)]
    assert ran
    ran.clear()
    fresh = ResultCodec(Any, (Everything, Watched))
    first, second = [fresh.load(each) for each in data]
    assert ran == []
    assert (first.watched.name, second.total, second.note) == ("n", 2.0, "none")


class Base(BaseModel):
    """Declared; other classes may be given."""

    a: int


class Derived(Base):
    """More than was declared."""

    b: int


class Holder(BaseModel):
    """A place for either."""

    model_config = ConfigDict(extra="allow")
    base: Base
    other: Base | Line | None = None
    default: float = 1.0


class Hidden(BaseModel):
    """With private attributes."""

    a: int
    _b: int = PrivateAttr(default=1)


class Made(BaseModel):
    """Made by code of its own."""

    a: int

    def __new__(cls, *_: Any, **__: Any) -> Self:
        ran.append("new")
        return super().__new__(cls)


class Cached(BaseModel):
    """Keeps what it computed beside its fields."""

    a: int

    @functools.cached_property
    def double(self) -> int:
        return self.a * 2


def changed(value: BaseModel, **state: Any) -> Any:
    """The same instance with some of its attributes replaced, past all checks."""
    vars(value).update(state)
    return value


def turned(value: BaseModel) -> Any:
    """The same instance with its attributes the other way round."""
    state = vars(value)
    backwards = dict(reversed(list(state.items())))
    state.clear()
    state.update(backwards)
    return value


def kept(value: Cached) -> Cached:
    """With something that was computed."""
    assert value.double
    return value


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
DEPARTING: list[tuple[str, Any]] = [
    ("a subclass", Holder(base=Derived(a=1, b=2))),
    ("one of several models", Holder(base=Base(a=1), other=Line(sku="a"))),
    ("extras", Holder.model_validate({"base": {"a": 1}, "more": 1})),
    ("an unset field with another value", changed(Holder(base=Base(a=1)), default=2.0)),
    ("an unset field of another type", changed(Holder(base=Base(a=1)), default=True)),
    ("an unset member that is another", changed(Line(sku="a"), color=Color.RED)),
    ("an unset list with something in it", changed(Line(sku="a"), tags=["x"])),
    ("private attributes", Hidden(a=1)),
    ("private attributes inside", Box[Hidden](content=Hidden(a=1))),
    ("a class made by its own code", Made(a=1)),
    ("a root model", Box[RootModel[int]](content=RootModel[int](1))),
    ("something computed", kept(Cached(a=2))),
    ("fields in another order", turned(Line(sku="a"))),
    ("a field missing", Box[int].model_construct()),
    ("a tuple where anything goes", Box[Any](content=(1,))),
    ("a number as a key", Box[Any](content={1: 2})),
    ("not a number", Box[float](content=float("nan"))),
    ("half a character", Box[Any](content="\ud800")),
    ("a named zone", Box[dt.datetime](content=dt.datetime(2024, 1, 1, tzinfo=BERLIN))),
    ("the second of two hours", Box[dt.datetime](content=dt.datetime(2024, 1, 1, fold=1))),  # noqa: DTZ001 - naive is the case
    ("text of another type", changed(Line(sku="a"), sku=Grade.A)),
    ("a list of many classes", [Line(sku="a"), Base(a=1)]),
]  # fmt: skip


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in DEPARTING])
def test_what_departs_from_its_layout_comes_back_all_the_same(value: Any) -> None:
    codec = ResultCodec(Any, (Holder, Derived, Line, Base, Hidden, Made, Cached, type(value)))
    dumped = codec.dump(value)
    assert not is_plain(dumped.data)
    assert full_account(codec.load(dumped.data)) == full_account(value)


def made_again(name: str, **fields: Any) -> Any:
    """A class of this module and name, with other fields."""
    annotations = dict.fromkeys(fields, Any) | fields
    return type(name, (BaseModel,), {"__annotations__": annotations, "__module__": __name__})


def test_a_change_deep_inside_the_layout_is_noticed() -> None:
    inner = made_again("Inner", a=int)
    before = made_again("Outer", inner=inner)
    data = ResultCodec(before).dump(before(inner=inner(a=1))).data
    assert is_plain(data)
    after = made_again("Outer", inner=made_again("Inner", a=int, b=int))
    with pytest.raises(Unreadable, match="other fields"):
        ResultCodec(after).load(data)


def test_a_class_that_is_no_longer_regular_is_unreadable() -> None:
    before = made_again("Plain", a=int)
    data = ResultCodec(before).dump(before(a=1)).data
    after = made_again("Plain", a=int)
    after.__new__ = Made.__new__
    with pytest.raises(Unreadable, match="no longer a regular model"):
        ResultCodec(after).load(data)


def test_a_registered_class_is_stored_as_its_user_says() -> None:
    inner = made_again("Registered", a=int)
    outer = made_again("WithRegistered", inner=inner)
    value = outer(inner=inner(a=1))
    assert is_plain(ResultCodec(outer).dump(value).data)
    register_codec(inner, lambda one: one.a, lambda a: inner(a=a))
    dumped = ResultCodec(outer).dump(value)
    assert not is_plain(dumped.data)
    assert dumped.value == value


@pytest.mark.parametrize("value", REGULAR, ids=lambda value: type(value).__name__)
def test_a_pydantic_that_would_put_its_own_validators_in_is_given_no_models(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ResultCodec(type(value), (Line,)).dump(value).data
    ran.clear()
    monkeypatch.setattr(regular_module, "OPTIONS", {})
    assert full_account(ResultCodec(type(value), (Line,)).load(data)) == full_account(value)
    assert ran == []
