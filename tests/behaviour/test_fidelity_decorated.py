"""Fifty kinds of result through real clients and the decorator: a hit equals its miss."""

# ruff: noqa: UP007, UP045 - users write both spellings of a union

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import ipaddress
import math
import pathlib
import uuid
from collections.abc import Iterable
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union

import instructor
import pydantic
import pytest
from instructor.v2.dsl.response_list import ListResponse
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from llmcache import cached_structured
from llmcache.backends.lru import LRUBackend
from llmcache.testing.provider import LoopbackProvider

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*deprecated.*:DeprecationWarning",  # Instructor's older names are tried too
    "ignore:Anthropic client does not support:UserWarning",
    "ignore:Pydantic serializer warnings:UserWarning",
)

T = TypeVar("T")
ran: list[str] = []
IMMUTABLE = (str, int, float, enum.Enum, type(None))


class Watched(BaseModel):
    """Counts its hooks."""

    @pydantic.model_validator(mode="after")
    def whole(self) -> Any:
        ran.append("model validator")
        return self

    @pydantic.field_validator("*")
    @classmethod
    def each(cls, value: Any) -> Any:
        ran.append("field validator")
        return value

    @pydantic.model_serializer(mode="wrap")
    def written(self, handler: Any) -> Any:
        ran.append("serializer")
        return handler(self)

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        ran.append("post init")


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Grade(enum.IntEnum):
    ONE = 1
    TWO = 2


class User(Watched):
    """By far the most results."""

    name: str
    age: Optional[int] = None


class City(Watched):
    city: str
    people: list[User] = Field(default_factory=list)


class Aliased(Watched):
    full_name: str = Field(alias="fullName")


class DefaultAliased(Watched):
    full_name: str = Field("none", alias="fullName")


class SplitAliased(Watched):
    model_config = ConfigDict(populate_by_name=True)
    name: str = Field(validation_alias="name_in", serialization_alias="name_out")


class Excluded(Watched):
    name: str = Field(exclude=True)


class Secret(Watched):
    password: pydantic.SecretStr


class Lossy(Watched):
    price: decimal.Decimal

    @pydantic.field_serializer("price")
    def rounded(self, value: decimal.Decimal) -> str:
        ran.append("field serializer")
        return str(round(value))


class Computed(Watched):
    model_config = ConfigDict(extra="forbid")
    side: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        ran.append("computed field")
        return self.side**2


class Numbers(Watched):
    one: float
    more: list[float] = Field(default_factory=lambda: [math.inf, -math.inf, -0.0])

    @pydantic.field_validator("one", mode="after")
    @classmethod
    def spoiled(cls, _: float) -> float:
        return math.nan


class Open(Watched):
    model_config = ConfigDict(extra="allow")
    name: str


class Private(Watched):
    name: str
    _words: list[str] = pydantic.PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        self._words = self.name.split()


class Raw(Watched):
    data: Annotated[bytes, pydantic.AfterValidator(lambda _: b"\xff\xfe")]


class Shape(Watched):
    name: str


class Circle(Shape):
    radius: float = 1.0


class Drawing(Watched):
    shape: Annotated[Shape, pydantic.AfterValidator(lambda shape: Circle(name=shape.name))]


class Frozen(Watched):
    model_config = ConfigDict(frozen=True)
    name: str


class Box(BaseModel, Generic[T]):
    content: T


class Node(Watched):
    name: str
    children: list[Node] = []


class Tags(pydantic.RootModel[list[str]]):
    pass


class Cat(Watched):
    kind: Literal["cat"]
    lives: int


class Dog(Watched):
    kind: Literal["dog"]
    tricks: set[str]


class Owner(Watched):
    pet: Annotated[Union[Cat, Dog], Field(discriminator="kind")]


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Part:
    code: str


class Film(TypedDict):
    title: str


class Holder(Watched):
    part: Part
    film: Film


class Pointed(Watched):
    at: Annotated[Any, pydantic.AfterValidator(lambda _: Point(1, 2))]


class Doubled(Watched):
    amount: Annotated[int, pydantic.AfterValidator(lambda amount: amount * 2)]


class Made(Watched):
    name: str
    identity: uuid.UUID = Field(default_factory=uuid.uuid4)
    at: dt.datetime = Field(default_factory=lambda: dt.datetime.now(dt.UTC))


class Loose(Watched):
    anything: Any


class Moments(Watched):
    at: dt.datetime
    day: dt.date
    span: dt.timedelta


class Values(Watched):
    path: pathlib.Path
    address: ipaddress.IPv4Address
    link: pydantic.HttpUrl


class Collections(Watched):
    by_number: dict[int, str]
    some: frozenset[int]
    pair: tuple[int, str]


MaybeUser = instructor.Maybe(User)


async def awaited(value: Any) -> Any:
    if inspect.isawaitable(value):
        value = await value
    if inspect.isasyncgen(value):
        return [item async for item in value]
    return list(value) if inspect.isgenerator(value) else value


ASKED: dict[str, Any] = {"model": "some-model", "max_tokens": 100}


@dataclasses.dataclass(frozen=True)
class Kind:
    """One way to ask: the response model, the annotation, what the model says, the method."""

    model: Any
    answer: Any = None
    declared: Any = Ellipsis
    method: str = "create"


USER = {"name": "Jo"}
KINDS: dict[str, Kind] = {
    "model, a field unset": Kind(User, USER),
    "model": Kind(User),
    "nested models": Kind(City),
    "alias": Kind(Aliased, {"fullName": "Jo"}),
    "alias with default": Kind(DefaultAliased, {"fullName": "Jo"}),
    "split alias": Kind(SplitAliased, {"name_in": "Jo"}),
    "excluded field": Kind(Excluded, USER),
    "secret": Kind(Secret, {"password": "p"}),
    "lossy serializer": Kind(Lossy, {"price": "1.55"}),
    "computed field, extra forbidden": Kind(Computed, {"side": 3}),
    "NaN, infinities, minus zero": Kind(Numbers, {"one": 1.0}),
    "extras": Kind(Open, {"name": "Jo", "more": {"a": [1, None]}}),
    "private attributes": Kind(Private, {"name": "Jo Doe"}),
    "bytes that are no text": Kind(Raw, {"data": "x"}),
    "subclass in a base-typed field": Kind(Drawing, {"shape": {"name": "round"}}),
    "frozen": Kind(Frozen, USER),
    "generic": Kind(Box[int], {"content": 4}),
    "generic of a model": Kind(Box[User], {"content": USER}),
    "recursive": Kind(Node, {"name": "a", "children": [{"name": "b", "children": []}]}),
    "discriminated union": Kind(Owner, {"pet": {"kind": "dog", "tricks": ["sit", "roll"]}}),
    "named tuple field": Kind(Pointed, {"at": 1}),
    "dataclass and typed dict fields": Kind(
        Holder, {"part": {"code": "p"}, "film": {"title": "t"}}
    ),
    "validator that changes": Kind(Doubled, {"amount": 4}),
    "default factories": Kind(Made, USER),
    "Any field": Kind(Loose, {"anything": [1, {"a": None}, "x"]}),
    "moments": Kind(
        Moments, {"at": "2024-01-01T00:00:00+02:00", "day": "2024-02-29", "span": "P1DT1S"}
    ),
    "paths, addresses, links": Kind(
        Values, {"path": "a/b", "address": "10.0.0.1", "link": "http://example.com"}
    ),
    "sets, tuples, keys that are numbers": Kind(
        Collections, {"by_number": {"1": "a"}, "some": [1, 2], "pair": [1, "b"]}
    ),
    "list of models": Kind(list[User]),
    "Iterable of models": Kind(Iterable[User]),
    "list of unions": Kind(list[Union[User, City]]),
    "union": Kind(Union[User, City]),
    "Optional": Kind(Optional[User]),
    "Maybe": Kind(MaybeUser),
    "Maybe made in the body": Kind(MaybeUser, declared=None),
    "int": Kind(int),
    "float": Kind(float),
    "bool": Kind(bool),
    "str": Kind(str),
    "Literal": Kind(Literal["a", "b"]),
    "Enum": Kind(Mood),
    "IntEnum": Kind(Grade),
    "list of int": Kind(list[int]),
    "list of str": Kind(list[str]),
    "typed dict": Kind(Film),
    "list of typed dicts": Kind(list[Film]),
    "with completion": Kind(User, USER, tuple[User, Any], "create_with_completion"),
    "list with completion": Kind(
        list[User], None, tuple[list[User], Any], "create_with_completion"
    ),
    "no annotation": Kind(User, USER, None),
    "annotated as BaseModel": Kind(User, USER, BaseModel),
    "annotated as Any": Kind(User, USER, Any),
    "annotated as a type variable": Kind(User, USER, T),
    "annotated wrongly": Kind(User, USER, str),
    "partials": Kind(User, USER, Iterable[User], "create_partial"),
    "models as a stream": Kind(User, None, Iterable[User], "create_iterable"),
}


def decorated(client: Any, kind: Kind, mode: str) -> Any:
    """A function around one call of the client, as a user writes it."""
    request = getattr(client, kind.method)
    streams = kind.method in {"create_partial", "create_iterable"}

    def ask(text: str) -> Any:
        messages = [{"role": "user", "content": text}]
        return request(response_model=kind.model, messages=messages, **ASKED)

    async def ask_async(text: str) -> Any:
        messages = [{"role": "user", "content": text}]
        return await request(response_model=kind.model, messages=messages, **ASKED)

    function: Any = ask if mode == "sync" or streams else ask_async
    function.__annotations__["return"] = kind.model if kind.declared is Ellipsis else kind.declared
    return cached_structured(backend=LRUBackend())(function)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_hit_equals_its_miss_costs_no_request_and_runs_nothing(
    provider: LoopbackProvider, mode: str, name: Any, kind: str
) -> None:
    case = KINDS[kind]
    if case.answer is not None:
        provider.script(case.answer)
    client = provider.instructor(name, mode="TOOLS", asynchronous=mode == "async")
    ask = decorated(client, case, mode)
    ran.clear()  # its content is part of the key, as the validators read it
    miss = await awaited(ask("Jo, 33"))
    ran.clear()
    hit = await awaited(ask("Jo, 33"))
    assert ran == []
    assert provider.count == 1
    assert state(hit) == state(miss)
    assert hit is not miss or isinstance(miss, IMMUTABLE)
    for value in (miss, hit):
        assert_completion_is_the_sdks(value, name)


def assert_completion_is_the_sdks(value: Any, name: str) -> None:
    held = value[0] if isinstance(value, tuple) else value
    completion = getattr(held, "_raw_response", None)
    streamed = isinstance(held, ListResponse) and completion is None
    if hasattr(held, "_raw_response") and not streamed:
        assert type(completion).__module__.startswith(f"{name}.types.")
        assert completion.model_dump_json()
    if isinstance(value, tuple):
        assert value[1] is completion


def state(value: Any) -> Any:
    """All that there is to a value; an object of a class of the SDK also as it dumps itself."""
    kind = type(value)
    if isinstance(value, BaseModel):
        slots = [
            state(getattr(value, name, "unfilled"))
            for name in ("__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__")
        ]
        of_sdk = kind.__module__.startswith(("openai.", "anthropic."))
        return kind, state(vars(value)), slots, value.model_dump_json() if of_sdk else None
    if isinstance(value, dict):
        return kind, [(state(key), state(part)) for key, part in value.items()]
    if isinstance(value, set | frozenset):
        return kind, sorted(map(repr, value))
    if isinstance(value, list | tuple):
        held = getattr(value, "__dict__", {})
        return kind, [state(part) for part in value], state(dict(held))
    if isinstance(value, pydantic.SecretStr):
        return kind, value.get_secret_value()
    return kind, repr(value), getattr(value, "tzinfo", None).__class__


async def test_lists_keep_their_completion(provider: LoopbackProvider, mode: str) -> None:
    client = provider.instructor("openai", mode="TOOLS", asynchronous=mode == "async")
    ask = decorated(client, KINDS["list of models"], mode)
    values = [await awaited(ask("Jo, 33")) for _ in range(2)]
    assert [type(value._raw_response).__name__ for value in values] == ["ChatCompletion"] * 2


def test_there_are_as_many_kinds_as_promised() -> None:
    assert len(KINDS) >= 45
