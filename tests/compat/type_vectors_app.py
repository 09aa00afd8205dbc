"""More result types whose keys are pinned: every form of annotation, default and class.

An edit here changes pinned digests.
"""

# ruff: noqa: ANN002, ANN003, ANN204, ANN206

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import (
    Annotated,
    Any,
    Concatenate,
    ForwardRef,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    ParamSpec,
    Required,
    TypedDict,
    TypeVar,
)

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
)
from pydantic.dataclasses import dataclass as checked

T = TypeVar("T")
Bound = TypeVar("Bound", bound=int)
Either = TypeVar("Either", int, str)
P = ParamSpec("P")
Number = NewType("Number", int)
PROMPT = "p"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Tone(enum.Enum):
    """How it sounds."""

    DRY = 1
    ARID = 1  # noqa: PIE796 - an alias
    WARM = ("w", None)

    @classmethod
    def _missing_(cls, value):
        return cls.DRY if value else None


def doubled(value):
    return value * 2


def halved(value):
    return value / 2


def made():
    return ["made", PROMPT]


class Leaf(BaseModel):
    size: int


class Defaults(BaseModel):
    """Every kind of default."""

    member: Tone = Tone.WARM
    number: Level = Level.LOW
    text: str = "t"
    listed: list[int] = [1, 2]
    pair: tuple[int, str] = (1, "a")
    mapped: dict[str, Any] = {"b": [None], "a": Tone.DRY}
    kind: type = Leaf
    nothing: int | None = None
    leaf: Leaf = Leaf(size=1)
    factory: list[str] = Field(default_factory=made)
    builtin: list[str] = Field(default_factory=list)


class Said(BaseModel):
    """Every thing that can be said of a field."""

    model_config = ConfigDict(title="S", frozen=True, alias_generator=str.upper)

    alias: int = Field(alias="a")
    validation: int = Field(validation_alias="v")
    titled: int = Field(title="T")
    described: int = Field(description="d")
    examples: int = Field(examples=[1, "two", {"three": 3}])
    extra: int = Field(json_schema_extra={"x": [1]})
    old: int = Field(deprecated="gone")
    checked: int = Field(1, validate_default=True)
    bounded: int = Field(gt=0, ge=1, lt=9, le=8, multiple_of=2)
    text: Annotated[str, StringConstraints(min_length=1, pattern="^a")]
    after: Annotated[int, AfterValidator(doubled), BeforeValidator(halved)]


class Hooked(BaseModel):
    size: int

    def __init__(self, **data):
        super().__init__(**data)

    def model_post_init(self, context):
        self.size = doubled(self.size)

    @classmethod
    def model_json_schema(cls, *args, **kwargs):
        return super().model_json_schema(*args, **kwargs)


class Base(TypedDict):
    name: str


class Row(Base, total=False):
    """A row."""

    must: Required[int]
    may: NotRequired[int]
    size: int


class Point(NamedTuple):
    """A point."""

    x: int
    y: Tone = Tone.DRY


@dataclasses.dataclass
class Crate:
    """A crate."""

    label: str
    weight: float = 1.5
    parts: list[str] = dataclasses.field(default_factory=made)
    size: int = dataclasses.field(default=3, metadata={"unit": "cm"})
    sealed: bool = dataclasses.field(default=False, init=False)

    def __post_init__(self):
        self.size = halved(self.size)


@dataclasses.dataclass
class Bare:
    label: str


@checked(config=ConfigDict(str_strip_whitespace=True))
class Checked:
    start: Annotated[int, Field(gt=0)] = 1


class Tree(BaseModel):
    left: "Tree | None" = None
    right: "Tree | None" = None


class Box(Generic[T]):
    def __init__(self, item: T):
        self.item = item


class Page(BaseModel, Generic[T]):
    rows: list[T]


class Plain:
    def validate(self, value):
        return value


class Alias:
    """What a `type` statement makes: it holds what it stands for."""

    def __init__(self, name):
        self.__name__ = name


recursive = Alias("Json")
vars(recursive)["__value__"] = dict[str, recursive] | int

TYPES = {
    "defaults": Defaults,
    "said of fields": Said,
    "hooks": Hooked,
    "typed dict of two": Row,
    "named tuple with default": Point,
    "dataclass of everything": Crate,
    "dataclass without docstring": Bare,
    "checked dataclass": Checked,
    "enum with aliases": Tone,
    "enum of ints": Level,
    "tree": Tree,
    "two of one name": create_model(
        "Outer",
        x=(create_model("Inner", a=(int, 1)), ...),
        y=(create_model("Inner", b=(int, 1)), ...),
    ),
    "plain class": Plain,
    "generic plain class": Box[int],
    "generic model of union": Page[int | Leaf],
    "new type": Number,
    "bound variable": Bound,
    "constrained variable": Either,
    "parameters": P,
    "function": Callable[[int, Leaf], str],
    "function of one more": Callable[Concatenate[int, P], str],
    "function of anything": Callable[..., None],
    "text": "Leaf",
    "forward": list[ForwardRef("Leaf")],  # type: ignore[valid-type]
    "none": None,
    "union of three": int | Leaf | None,
    "union the other way": Leaf | int | None,
    "literal of members": Literal[Level.LOW, "a", True, b"b"],
    "annotated twice": Annotated[Annotated[int, "a"], {"b": 1}, doubled, Leaf],
    "mapping": Mapping[str, list[Leaf]],
    "tuple": tuple[int, ...],
    "tuple of none": tuple[()],
    "type of": type[Leaf],
    "recursive alias": recursive,
    "recursive alias twice": tuple[recursive, list[recursive]],  # type: ignore[valid-type]
    "value in a type": list[3],  # type: ignore[valid-type]
}
