"""Functions and result types whose keys are pinned. An edit here changes pinned digests."""

# ruff: noqa: ANN002, ANN003, ANN202, ANN204, ANN206, D205, PLW0603, PTH123, SIM201, UP007, UP045

import asyncio
import dataclasses
import enum
import functools
import logging
import os
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypedDict, TypeVar, Union

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

T = TypeVar("T")
PROMPT = "Extract the total of “Ärger & Söhne”."
MODELS = {"fast": "small", "good": ["large", 1.5, None]}
LIMIT = 10_000_000_000_000_000_000_000
API_KEY = "sk-never-in-a-key"
logger = logging.getLogger(__name__)


class Kind(enum.Enum):
    """What it is."""

    BILL = "bill"
    NOTE = "note"


class Item(BaseModel):
    """One line."""

    name: str = Field(description="As printed", examples=["Nails"], max_length=80)
    price: Annotated[float, Field(gt=0, le=1e6)]
    parts: list["Item"] = Field(default_factory=list)


def tidy(value: str) -> str:
    return value.strip() or PROMPT


class Invoice(BaseModel):
    """An invoice,
    as a customer gets it.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    number: Annotated[str, AfterValidator(tidy)] = Field(alias="invoiceNumber")
    kind: Kind = Kind.BILL
    items: list[Item] = []
    total: Decimal | None = None
    extra: dict[str, Any] = Field(default_factory=dict, json_schema_extra={"x": 1})
    tag: Literal["a", "b", 3] = "a"

    @field_validator("items", mode="before")
    @classmethod
    def listed(cls, value):
        return value if isinstance(value, list) else [value][:LIMIT]

    @model_validator(mode="after")
    def added_up(self):
        return self


class Page(BaseModel, Generic[T]):
    rows: list[T]
    more: bool


class Row(TypedDict, total=False):
    name: str
    price: float


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclasses.dataclass
class Span:
    start: int
    end: int = 5
    words: list[str] = dataclasses.field(default_factory=list)


class Options:
    def __init__(self):
        self.model = "small"
        self.api_key = "sk-never-in-a-key"


options = Options()


def clean(text, limit=100, *, lower=False):
    return deep(text[:limit]) if not lower else text.lower()


def deep(text):
    return text.replace("\n", MODELS["fast"])


def ask(*args, **kwargs):
    return args


def plain(text: str) -> str:
    """Its docstring does not count."""
    return ask(text)


def with_prompt(text: str) -> Invoice:
    logger.info("asked")
    return ask(PROMPT, f"{text!r:>10} of {LIMIT:,}", response_model=Invoice)


def with_helpers(text, model="small", *rest, temperature=0.5, **more) -> list[Item]:
    return ask(clean(text), model, rest, temperature, more)


async def in_async(text: str) -> Invoice | None:
    async with asyncio.Semaphore(1):
        return await asyncio.gather(*[ask(part) async for part in text])


def in_generator(text: str) -> Iterator[Item]:
    yield from ask(text)


async def in_async_generator(text: str) -> AsyncIterator[Item]:
    async for item in ask(text):
        yield item


def generic(messages: list, response_model: type[T], model=MODELS["fast"], **kw) -> T:
    return ask(messages, response_model, model, kw)


def with_environment(prompt):
    return ask(
        os.environ["HOME_OF_VECTORS"],
        os.getenv("VECTOR_MODEL", "none"),
        api_key=os.environ["VECTOR_CODE"],
    )


def with_options(text):
    return ask(options.model, options.api_key, API_KEY, Kind.NOTE, text)


def with_inner(text):
    @functools.cache
    def inner(part, n=3):
        """Inner."""
        return part[:n]

    class Answer(BaseModel):
        """Inner too."""

        words: list[str] = Field(description=PROMPT)

    return ask([inner(word) for word in text.split() if word not in MODELS], Answer, lambda x: -x)


def with_everything(text):
    global COUNT
    COUNT = 1
    match text:
        case {"a": [1, *rest], **more} if rest:
            ask(rest, more)
        case str() | None:
            pass
    try:
        with open(text) as file, file:
            del file
    except (OSError, ValueError) as error:
        raise RuntimeError from error
    finally:
        assert text, "text"
    while ((n := len(text)) > 1_000 and not n == 1e3) or n is None:
        text = text[1:-1:2]
        continue
    x: int = 1
    return ask(
        *[1, 1.0, True, -0.0, 2j, b"\x00\xff", "\ud800", ...],
        a={1, 2},
        b={**more},
        x=x,
    )


def see(path: Path, question: str = PROMPT) -> Invoice | Item:
    return ask(path, question)


def made_by(model, clean=clean):
    def extract(text) -> Span | None:
        return ask(model, clean(text), text)

    return extract


closed = made_by("small")


def polite(function):
    @functools.wraps(function)
    def please(text):
        return function("Please: " + text)

    return please


@polite
def decorated(text) -> Row:
    return ask(text)


filled = functools.partial(generic, [{"role": "user", "content": PROMPT}], Item)


class Extractor:
    model = "small"
    limit = 3

    def __init__(self, temperature=0.5):
        self.temperature = temperature
        self.calls = 0
        self.api_key = "sk-never-in-a-key"

    @property
    def prompt(self):
        return PROMPT[: self.limit]

    def run(self, text) -> Page[Item]:
        self.calls += 1
        return ask(self.api_key, self.prompt, self.model, text)

    @classmethod
    def of_class(cls, text) -> Point:
        return ask(cls.model, text)

    @staticmethod
    def static(text) -> dict[str, Row]:
        return ask(text)

    def __call__(self, text):
        return ask(self.temperature, text)


os.environ.update(HOME_OF_VECTORS="h", VECTOR_MODEL="m", VECTOR_CODE="sk-never-in-a-key")
extractor = Extractor()
FUNCTIONS = {
    "plain": (plain, ("x",), {}, {}),
    "prompt": (with_prompt, ("x",), {}, {}),
    "helpers": (with_helpers, ("x", "y", 1, None), {"temperature": 1, "z": (1,)}, {}),
    "async": (in_async, ("x",), {}, {}),
    "generator": (in_generator, ("x",), {}, {}),
    "async generator": (in_async_generator, ("x",), {}, {}),
    "generic": (generic, ([], Invoice), {"b": 1, "a": 2}, {}),
    "environment": (with_environment, ("x",), {}, {}),
    "options": (with_options, ("x",), {}, {}),
    "inner": (with_inner, ("x",), {}, {}),
    "everything": (with_everything, ("x",), {}, {}),
    "see": (see, ("no such file",), {}, {}),
    "closure": (closed, ("x",), {}, {}),
    "decorated": (decorated, ("x",), {}, {}),
    "partial": (filled, (), {"model": "large"}, {}),
    "method": (Extractor.run, (extractor, "x"), {}, {}),
    "classmethod": (Extractor.of_class.__func__, (Extractor, "x"), {}, {}),
    "staticmethod": (Extractor.static, ("x",), {}, {}),
    "callable": (extractor, ("x",), {}, {}),
    "pinned": (with_prompt, ("x",), {}, {"version": 3}),
    "named": (plain, ("x",), {}, {"name": "p", "depends_on": [PROMPT, lambda: MODELS, Item]}),
    "key": (plain, ("x",), {}, {"key": lambda text: (text, 1)}),
    "response model": (plain, ("x",), {}, {"response_model": Invoice}),
    "ignored": (with_helpers, ("x",), {}, {"ignore": ["text"]}),
}
TYPES = {
    "model": Invoice,
    "recursive model": Item,
    "generic model": Page[Item],
    "enum": Kind,
    "typed dict": Row,
    "named tuple": Point,
    "dataclass": Span,
    "list": list[Item],
    "optional": Optional[Item],
    "union": Union[Item, Span, None],
    "literal": Literal["a", 1, Kind.BILL],
    "annotated": Annotated[int, Field(ge=1, description="n")],
    "int": int,
    "any": Any,
    "variable": T,
    "dict": dict[str, tuple[int, ...]],
    "path": Path,
}
