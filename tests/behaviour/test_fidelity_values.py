"""Every kind of result comes back as it was: type, value, fields set, private attributes."""


# ruff: noqa: UP007, UP045 - users write both spellings of a union

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import ipaddress
import math
import pathlib
import pickle
import re
import uuid
import zoneinfo
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from llmcache.codecs import ResultCodec, Unstorable

T = TypeVar("T")
ran: list[str] = []
IMMUTABLE = (str, int, enum.Enum, type(None))


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mark(enum.StrEnum):
    GOOD = "good"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Plain(BaseModel):
    name: str
    age: int = 3
    score: float = 0.5
    active: bool = True


class Aliased(BaseModel):
    full_name: str = Field(alias="fullName")
    other: int = Field(1, validation_alias="in", serialization_alias="out")


class Hidden(BaseModel):
    shown: str
    hidden: str = Field("x", exclude=True)


class Keeper(BaseModel):
    password: pydantic.SecretStr
    token: pydantic.SecretBytes
    number: pydantic.Secret[int]


class Lossy(BaseModel):
    price: decimal.Decimal

    @pydantic.field_serializer("price")
    def rounded(self, value: decimal.Decimal) -> str:
        ran.append("serializer")
        return str(round(value))


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    side: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        ran.append("computed")
        return self.side * self.side


class Numbers(BaseModel):
    values: list[float]
    one: float
    big: int = 10**40


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int


class Private(BaseModel):
    shown: int
    _count: int = pydantic.PrivateAttr(default=0)
    _unset: int = pydantic.PrivateAttr()


class Raw(BaseModel):
    data: bytes


class Shape(BaseModel):
    label: str


class Circle(Shape):
    radius: float


class Drawing(BaseModel):
    shapes: list[Shape]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    a: int


class Box(BaseModel, Generic[T]):
    content: T


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Tags(pydantic.RootModel[list[str]]):
    pass


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: set[str]


class Owner(BaseModel):
    pet: Annotated[Union[Cat, Dog], Field(discriminator="kind")]


class Point(NamedTuple):
    x: int
    y: float


@dataclasses.dataclass
class Part:
    code: str
    sizes: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    code: str
    place: Point


@pydantic.dataclasses.dataclass
class Checked:
    amount: int


class Movie(TypedDict, total=False):
    title: str
    year: int


class Holder(BaseModel):
    point: Point
    part: Part
    slotted: Slotted
    checked: Checked
    movie: Movie


def counted(value: Any) -> Any:
    ran.append("validator")
    return value


class Watched(BaseModel):
    """Every hook that pydantic knows, each with a counter."""

    amount: Annotated[int, pydantic.AfterValidator(counted)]
    made: list[int] = Field(default_factory=lambda: counted([7]))
    _cache: int = pydantic.PrivateAttr(default_factory=lambda: counted(9))

    def __init__(self, **values: Any) -> None:
        ran.append("init")
        super().__init__(**values)

    @pydantic.field_validator("amount")
    @classmethod
    def checked(cls, value: int) -> int:
        return counted(value)

    @pydantic.model_validator(mode="after")
    def whole(self) -> Watched:
        return counted(self)

    @pydantic.model_serializer(mode="wrap")
    def written(self, handler: Any) -> Any:
        ran.append("model serializer")
        return handler(self)

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        ran.append("post init")

    def __setattr__(self, name: str, value: Any) -> None:
        ran.append("setattr")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        ran.append("eq")
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]


class Lazy(BaseModel):
    side: int

    @functools.cached_property
    def area(self) -> int:
        return self.side**2


class Anything(BaseModel):
    value: Any


class Moments(BaseModel):
    utc: dt.datetime
    offset: dt.datetime
    naive: dt.datetime
    day: dt.date
    at: dt.time
    span: dt.timedelta


class Values(BaseModel):
    identity: uuid.UUID
    path: pathlib.Path
    amount: decimal.Decimal
    address: ipaddress.IPv4Address
    link: pydantic.HttpUrl
    dsn: pydantic.PostgresDsn
    size: pydantic.ByteSize
    pattern: re.Pattern[str]


class Email(str):
    __slots__ = ("checked",)


class Names(list[str]):
    pass


def touched() -> Private:
    model = Private(shown=1)
    model._count = 5
    return model


def lazy() -> Lazy:
    model = Lazy(side=4)
    assert model.area == 16
    return model


def names() -> Names:
    made = Names(["a", "b"])
    made.origin = "list"  # type: ignore[attr-defined]
    return made


MOMENTS = Moments.model_validate(
    {
        "utc": "2024-01-01T00:00:00Z",
        "offset": "2024-01-01T00:00:00.000001+05:30",
        "naive": "2024-10-27T02:30:00",
        "day": "2024-02-29",
        "at": "10:00:00.5",
        "span": "P3DT4H0.000001S",
    }
)
VALUES = Values.model_validate(
    {
        "identity": "12345678123456781234567812345678",
        "path": "a/b",
        "amount": "1.2300",
        "address": "10.0.0.1",
        "link": "http://example.com/a?b=c",
        "dsn": "postgres://user:pass@localhost:5432/db",
        "size": "1GiB",
        "pattern": "a+b",
    }
)

MATRIX: list[tuple[str, Any, Any]] = [
    ("model", Plain, Plain(name="Ann", age=9)),
    ("unset fields", Plain, Plain(name="Ann")),
    ("alias", Aliased, Aliased.model_validate({"fullName": "A", "in": 4})),
    ("excluded field", Hidden, Hidden(shown="a", hidden="b")),
    ("secrets", Keeper, Keeper.model_validate({"password": "p", "token": b"\xff", "number": 4})),
    ("lossy serializer", Lossy, Lossy(price=decimal.Decimal("1.2345"))),
    ("computed field, extra forbidden", Computed, Computed(side=3)),
    (
        "NaN, infinities, minus zero",
        Numbers,
        Numbers(values=[math.nan, math.inf, -math.inf, -0.0, 0.0, 1e-320], one=math.nan),
    ),
    ("extras", Open, Open.model_validate({"known": 1, "more": [1, {"a": None}], "_odd": 2})),
    ("no extras, extras allowed", Open, Open(known=1)),
    ("private attributes", Private, touched()),
    ("bytes that are no text", Raw, Raw(data=b"\xff\x00\xfe")),
    ("subclass in a base-typed field", Drawing, Drawing(shapes=[Circle(label="c", radius=1.5)])),
    (
        "several classes in one list",
        Drawing,
        Drawing(shapes=[Shape(label="s"), Circle(label="c", radius=1.5)]),
    ),
    ("frozen", Frozen, Frozen(a=1)),
    ("generic", Box[int], Box[int](content=3)),
    ("generic of a model", Box[Plain], Box[Plain](content=Plain(name="b"))),
    ("recursive", Node, Node(value=1, children=[Node(value=2, children=[Node(value=3)])])),
    ("root model", Tags, Tags(["a", "b"])),
    ("discriminated union", Owner, Owner(pet=Dog(kind="dog", tricks={"sit", "roll"}))),
    (
        "named tuple, dataclasses, typed dict in fields",
        Holder,
        Holder(
            point=Point(1, 2.0),
            part=Part("p", [1]),
            slotted=Slotted("s", Point(3, 4.0)),
            checked=Checked(5),
            movie={"title": "Up"},
        ),
    ),
    ("hooks of every kind", Watched, Watched(amount=3)),
    ("constructed without validation", Plain, Plain.model_construct(name=5, age="x")),
    ("constructed, fields missing", Plain, Plain.model_construct(_fields_set=set(), age=1)),
    ("filled cached property", Lazy, lazy()),
    ("Any: dict of everything", Anything, Anything(value={"a": [1, (2, {3}), b"4", None]})),
    ("Any: another model", Anything, Anything(value=Plain(name="x"))),
    ("dates and zones", Moments, MOMENTS),
    (
        "zones by name and by offset",
        list[dt.datetime],
        [
            dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
            dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1), "X")),
            dt.datetime(2024, 1, 1, 1, fold=1),  # noqa: DTZ001 - naive moments are results too
        ],
    ),
    ("values of the standard library", Values, VALUES),
    ("str", str, "text with \U0001f600 and \x00"),
    ("str with a lone surrogate", str, "\ud800"),
    ("int", int, -5),
    ("float that is whole", float, 1.0),
    ("bool", bool, False),
    ("None", Optional[Plain], None),
    ("empty list", list[Plain], []),
    ("Literal", Literal["a", "b"], "a"),
    ("Enum", Color, Color.BLUE),
    ("IntEnum", Level, Level.HIGH),
    ("StrEnum", Mark, Mark.GOOD),
    ("Flag, combined", Rights, Rights.READ | Rights.WRITE),
    ("list of models", list[Plain], [Plain(name="a"), Plain(name="b", age=1)]),
    ("tuple", tuple[Plain, int], (Plain(name="a"), 3)),
    ("set", set[int], {3, 1, 2}),
    ("frozenset of models", frozenset[Frozen], frozenset({Frozen(a=1), Frozen(a=2)})),
    ("dict by name", dict[str, Plain], {"a": Plain(name="b"), "@": Plain(name="c")}),
    ("dict by number", dict[int, str], {2: "b", 1: "a", True + 2: "c"}),
    ("dict by tuple", dict[tuple[int, str], list[int]], {(1, "a"): [1, 2]}),
    ("typed dict", Movie, {"title": "Up", "year": 2009}),
    ("dataclass", Part, Part("p", [1, 2])),
    ("frozen dataclass with slots", Slotted, Slotted("s", Point(3, 4.0))),
    ("pydantic dataclass", Checked, Checked(4)),
    ("named tuple", Point, Point(1, 2.5)),
    ("union of models", Union[Cat, Dog], Cat(kind="cat", lives=9)),
    ("complex", complex, complex(-0.0, math.inf)),
    ("fraction", fractions.Fraction, fractions.Fraction(1, 3)),
    ("Decimal NaN", decimal.Decimal, decimal.Decimal("sNaN")),
    ("deque", Any, collections.deque([1, 2], maxlen=3)),
    ("ordered dict", Any, collections.OrderedDict([("b", 1), ("a", 2)])),
    ("default dict", Any, collections.defaultdict(list, {"a": [1]})),
    ("counter", Any, collections.Counter("hello")),
    ("subclass of str with an attribute", Email, Email("a@b")),
    ("subclass of list with attributes", Names, names()),
    ("deeply nested lists", Any, functools.reduce(lambda inner, _: [inner], range(90), 1)),
]


@pytest.mark.parametrize(("declared", "value"), [pytest.param(t, v, id=n) for n, t, v in MATRIX])
class TestEveryKindOfResult:
    def test_comes_back_as_it_was(self, declared: Any, value: Any) -> None:
        """By an account of its state that is made here, without the codec's own comparison."""
        dumped = ResultCodec(declared, (Plain,)).dump(value)
        restored = ResultCodec(declared, (Plain,)).load(dumped.data)
        assert account(restored) == account(value)
        assert account(dumped.value) == account(value)
        assert restored is not value or isinstance(value, IMMUTABLE)

    def test_comes_back_without_running_its_code(self, declared: Any, value: Any) -> None:
        data = ResultCodec(declared, (Plain,)).dump(value).data
        ran.clear()
        codec = ResultCodec(declared, (Plain,))
        codec.load(data)
        codec.load(data)
        assert ran == []

    def test_storing_runs_none_of_its_code_either(self, declared: Any, value: Any) -> None:
        ran.clear()
        ResultCodec(declared, (Plain,)).dump(value)
        assert ran == []

    def test_without_an_annotation_too(self, declared: Any, value: Any) -> None:
        codec = ResultCodec(Any)
        assert account(codec.load(codec.dump(value).data)) == account(value)

    def test_pickles_and_copies(self, declared: Any, value: Any) -> None:
        restored = ResultCodec(declared, (Plain,)).dump(value).value
        if "[" not in type(restored).__qualname__:
            assert account(pickle.loads(pickle.dumps(restored))) == account(value)
        assert account(copy.deepcopy(restored)) == account(value)


def account(value: Any) -> Any:  # noqa: PLR0911 - one return per kind of value
    """All that there is to a value, as types and text."""
    kind = type(value)
    if isinstance(value, BaseModel):
        slots = [
            account(getattr(value, name, "unfilled"))
            for name in ("__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__")
        ]
        return kind, {name: account(part) for name, part in vars(value).items()}, slots
    if isinstance(value, dict):
        return kind, [(account(key), account(part)) for key, part in value.items()], own(value)
    if isinstance(value, set | frozenset):
        return kind, sorted(repr(account(part)) for part in value), own(value)
    if isinstance(value, list | tuple | collections.deque):
        return kind, [account(part) for part in value], own(value)
    if dataclasses.is_dataclass(kind):
        return kind, [
            (of.name, account(getattr(value, of.name))) for of in dataclasses.fields(kind)
        ]
    if isinstance(value, dt.datetime | dt.time):
        return kind, repr(value), type(value.tzinfo), own(value)
    if isinstance(value, pydantic.SecretStr | pydantic.SecretBytes | pydantic.Secret):
        return kind, account(value.get_secret_value()), ()
    return kind, repr(value), own(value)


def own(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return id(value)
    return {name: account(part) for name, part in getattr(value, "__dict__", {}).items()}


def test_the_matrix_is_as_large_as_promised() -> None:
    assert len({name for name, _, _ in MATRIX}) == len(MATRIX) >= 45


class Locked(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    rows: list[Anything]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Locked(rows=[Anything(value=1), Anything(value=object())]), "rows[1].value"),
        (Anything(value={"k": iter(())}), "value[0]"),
        (Anything(value=lambda: 1), "value"),
        (iter(()), ""),
        (Anything(value=Plain), "value"),
        ([Anything(value=collections.defaultdict(lambda: 1))], "[0].value"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused_by_the_name_of_the_field(value: Any, path: str) -> None:
    with pytest.raises(Unstorable) as caught:
        ResultCodec(Any).dump(value)
    assert caught.value.path == path
    assert caught.value.type_name


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(Unstorable, match="nested too deep"):
        ResultCodec(Any).dump(value)
