"""The digests of fixed values never change: not with Python, the platform or a release.

A changed digest loses every answer that users have stored. `key_vectors.json` holds the digests by
section; a section named like a library holds where that library can be imported. Run this file as
a program to add the digests of new values; it never changes one that is there.
"""

from __future__ import annotations

import argparse
import array
import collections
import dataclasses
import datetime as dt
import enum
import functools
import importlib.util
import io
import ipaddress
import json
import math
import operator
import re
import string
import typing
import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pydantic
import pydantic_core
import pytest

from llmcache.keys.values.attributes import class_name
from llmcache.keys.values.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Callable

PINNED = Path(__file__).with_name("key_vectors.json")
BERLIN = ZoneInfo("Europe/Berlin")


class Tone(enum.Enum):
    DRY = 1
    WARM = "warm"


class Word(enum.StrEnum):
    YES = "yes"


class Level(enum.IntEnum):
    LOW = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Name(str):
    __slots__ = ()


class Rows(list[Any]):
    pass


class Table(dict[str, Any]):
    pass


class Count(int):
    pass


class Price(float):
    pass


class Point(typing.NamedTuple):
    x: int
    y: int


class Movie(typing.TypedDict):
    title: str


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    only: Any


class User(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    name: str
    age: int | None = None
    _note: str = pydantic.PrivateAttr("")


class Numbers(pydantic.RootModel[list[int]]):
    pass


Item = typing.TypeVar("Item")


class Box(pydantic.BaseModel, typing.Generic[Item]):
    item: Item


class Keyed:
    def __cache_key__(self) -> object:
        return {"id": 7}

    def method(self) -> None:
        """Bound in a vector."""


class RefusedError(ValueError):
    pass


class Marker(enum.Enum):
    NOTHING = object()


class OwnZone(dt.tzinfo):
    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=1 if moment else 0)

    def tzname(self, moment: dt.datetime | None) -> str:
        return "OWN" if moment else "?"


class Hidden:
    __slots__ = ("__code",)

    def __init__(self) -> None:
        self.__code = 1


@dataclasses.dataclass
class Kept(Hidden):
    left: int = 1

    def __post_init__(self) -> None:
        super().__init__()

    @functools.cached_property
    def heavy(self) -> int:
        return self.left


for kind in (
    *(Tone, Word, Level, Access, Name, Rows, Table, Count, Price, Point),
    *(Pair, Slotted, User, Numbers, Box, Keyed, RefusedError, Marker, OwnZone, Hidden, Kept),
):
    kind.__module__ = "vectors"
Keyed.method.__module__ = "vectors"


def noted(value: Any, note: str) -> Any:
    value._note = note
    return value


def looked_at(kept: Kept) -> Kept:
    assert kept.heavy == 1
    return kept


def read_once(buffer: io.BytesIO) -> io.BytesIO:
    buffer.read(1)
    return buffer


def looped() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def looped_through_dict() -> dict[str, Any]:
    value: dict[str, Any] = {"deep": [{}]}
    value["deep"][0]["up"] = value
    return value


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "int 0": lambda: 0,
    "int 1": lambda: 1,
    "int -1": lambda: -1,
    "int 127": lambda: 127,
    "int 128": lambda: 128,
    "int -128": lambda: -128,
    "int -129": lambda: -129,
    "int 2**64": lambda: 2**64,
    "int -(10**5000)": lambda: -(10**5000),
    "float 0.0": lambda: 0.0,
    "float -0.0": lambda: -0.0,
    "float 1.0": lambda: 1.0,
    "float 0.1": lambda: 0.1,
    "float smallest": lambda: 5e-324,
    "float nan": lambda: math.nan,
    "float negative nan": lambda: -math.nan,
    "float inf": lambda: math.inf,
    "float -inf": lambda: -math.inf,
    "complex": lambda: complex(1.5, -0.0),
    "str empty": lambda: "",
    "str 1": lambda: "1",
    "str composed": lambda: "\u00e9",
    "str decomposed": lambda: "e\u0301",
    "str emoji": lambda: "\U0001f600",
    "str lone surrogate": lambda: "\ud800",
    "str null": lambda: "a\0b",
    "str long": lambda: "prompt " * 20_000,
    "bytes empty": lambda: b"",
    "bytes 1": lambda: b"1",
    "bytearray": lambda: bytearray(b"1"),
    "memoryview": lambda: memoryview(b"1"),
    "memoryview 2d": lambda: memoryview(bytes(6)).cast("B", (2, 3)),
    "list empty": list,
    "list": lambda: [1, "a", None],
    "list nested": lambda: [[1], [2, [3]]],
    "list nested the other way": lambda: [[1, 2], [[3]]],
    "list 199 deep": lambda: nested(199),
    "list in itself": looped,
    "tuple empty": tuple,
    "tuple": lambda: (1, "a", None),
    "tuple ab c": lambda: ("ab", "c"),
    "tuple a bc": lambda: ("a", "bc"),
    "set empty": set,
    "set": lambda: {1, "a", None, 2.5, (1, 2)},
    "frozenset": lambda: frozenset({1, "a", None, 2.5, (1, 2)}),
    "frozenset of frozensets": lambda: frozenset({frozenset({1}), frozenset()}),
    "dict empty": dict,
    "dict": lambda: {"b": 1, "a": [2], "": None},
    "dict of any keys": lambda: {1: "a", (1, 2): "b", None: "c", "1": "d", Tone.DRY: "e"},
    "dict of two nan": lambda: {float("nan"): 1, float("nan"): 2},
    "dict in itself": looped_through_dict,
    "TypedDict": lambda: Movie(title="Heat"),
    "range": lambda: range(1, 10, 3),
    "slice": lambda: slice(1, None, "a"),
    "Enum": lambda: Tone.DRY,
    "Enum of str": lambda: Tone.WARM,
    "StrEnum": lambda: Word.YES,
    "IntEnum": lambda: Level.LOW,
    "Flag": lambda: Access.READ | Access.WRITE,
    "str subclass": lambda: Name("a"),
    "list subclass": lambda: Rows([1]),
    "dict subclass": lambda: Table(a=1),
    "int subclass": lambda: Count(1),
    "float subclass": lambda: Price(1.0),
    "date": lambda: dt.date(2024, 2, 29),
    "datetime naive": lambda: dt.datetime(2024, 2, 29, 12, 30, 1, 5),  # noqa: DTZ001 - a kind of value
    "datetime utc": lambda: dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC),
    "datetime offset": lambda: dt.datetime(
        2024, 2, 29, tzinfo=dt.timezone(dt.timedelta(hours=-3), "BRT")
    ),
    "datetime zone": lambda: dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
    "datetime fold": lambda: dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    "time": lambda: dt.time(1, 2, 3, 4),
    "time utc": lambda: dt.time(1, tzinfo=dt.UTC),
    "timedelta": lambda: dt.timedelta(days=-1, microseconds=1),
    "timezone": lambda: dt.timezone(dt.timedelta(hours=1), "CET"),
    "ZoneInfo": lambda: BERLIN,
    "Decimal 1.0": lambda: Decimal("1.0"),
    "Decimal 1.00": lambda: Decimal("1.00"),
    "Decimal NaN": lambda: Decimal("NaN"),
    "Decimal -0": lambda: Decimal(-0),
    "Fraction": lambda: Fraction(-1, 3),
    "UUID": lambda: uuid.UUID(int=5),
    "PurePosixPath": lambda: PurePosixPath("a/b"),
    "PureWindowsPath": lambda: PureWindowsPath("a/b"),
    "Path without a file": lambda: Path("no-such-folder/no-such-file"),
    "Pattern": lambda: re.compile("a+", re.IGNORECASE),
    "Pattern of bytes": lambda: re.compile(b"a+"),
    "IPv4Address": lambda: ipaddress.ip_address("10.0.0.1"),
    "IPv6Address": lambda: ipaddress.ip_address("fe80::1%eth0"),
    "IPv4Network": lambda: ipaddress.ip_network("10.0.0.0/8"),
    "IPv6Network": lambda: ipaddress.ip_network("2001:db8::/32"),
    "IPv4Interface": lambda: ipaddress.ip_interface("10.0.0.1/8"),
    "array": lambda: array.array("h", [1, -2]),
    "BytesIO": lambda: io.BytesIO(b"abc"),
    "StringIO": lambda: io.StringIO("abc"),
    "Template": lambda: string.Template("$a"),
    "deque": lambda: collections.deque([1, 2], maxlen=3),
    "OrderedDict": lambda: collections.OrderedDict(b=1, a=2),
    "defaultdict": lambda: collections.defaultdict(list, a=[1]),
    "Counter": lambda: collections.Counter("aab"),
    "ChainMap": lambda: collections.ChainMap({"a": 1}, {"b": 2}),
    "UserDict": lambda: collections.UserDict(a=1),
    "UserList": lambda: collections.UserList([1]),
    "UserString": lambda: collections.UserString("a"),
    "MappingProxyType": lambda: MappingProxyType({"a": 1}),
    "SimpleNamespace": lambda: SimpleNamespace(b=1, a=2),
    "partial": lambda: functools.partial(len, 1, key="a"),
    "itemgetter": lambda: operator.itemgetter(1, "a"),
    "attrgetter": lambda: operator.attrgetter("a.b"),
    "methodcaller": lambda: operator.methodcaller("join", 1, sep=""),
    "builtin": lambda: len,
    "builtin bound": lambda: [1].append,
    "method of a builtin type": lambda: str.upper,
    "bound method": lambda: Keyed().method,
    "module": lambda: math,
    "type int": lambda: int,
    "type own": lambda: Pair,
    "generic alias": lambda: list[int],
    "exception": lambda: ValueError("bad", 1),
    "exception own": lambda: RefusedError("bad"),
    "NamedTuple": lambda: Point(1, 2),
    "dataclass": lambda: Pair(1, [2]),
    "dataclass slots": lambda: Slotted("a"),
    "pydantic": lambda: User(name="Ada"),
    "pydantic set": lambda: User(name="Ada", age=36),
    "pydantic extra": lambda: User(name="Ada", born=1815),  # type: ignore[call-arg]
    "pydantic private": lambda: noted(User(name="Ada"), "x"),
    "pydantic root": lambda: Numbers([1, 2]),
    "pydantic generic": lambda: Box[int](item=1),
    "pydantic generic bare": lambda: Box(item=1),
    "SecretStr": lambda: pydantic.SecretStr("s"),
    "SecretBytes": lambda: pydantic.SecretBytes(b"s"),
    "AnyUrl": lambda: pydantic.AnyUrl("https://example.org/a"),
    "__cache_key__": Keyed,
    "IPv6Interface": lambda: ipaddress.ip_interface("2001:db8::1/64"),
    "Enum of nothing": lambda: Marker.NOTHING,
    "memoryview of shorts": lambda: memoryview(b"abcd").cast("H"),
    "BytesIO read": lambda: read_once(io.BytesIO(b"abc")),
    "datetime own zone": lambda: dt.datetime(2024, 2, 29, tzinfo=OwnZone()),
    "dict of lone surrogate": lambda: {"\ud800": 1},
    "method of a builtin type, special": lambda: str.__add__,
    "method of a builtin, special": lambda: "a".__add__,
    "exception of a file": lambda: OSError(2, "gone", "file"),
    "exception of an import": lambda: ImportError("gone", name="n", path="p"),
    "argparse": lambda: argparse.Namespace(b=1, a=2),
    "dataclass with slots below": Kept,
    "pydantic with everything": lambda: noted(User(name="Ada", born=1815), "x"),  # type: ignore[call-arg]
    "MISSING": lambda: dataclasses.MISSING,
    "PydanticUndefined": lambda: pydantic_core.PydanticUndefined,
    "type alias": lambda: int | None,
    "type variable": lambda: Item,
}


def numpy_values() -> dict[str, Any]:
    import numpy as np

    return {
        "int64": np.arange(6, dtype="<i8").reshape(2, 3),
        "int64 transposed": np.arange(6, dtype="<i8").reshape(2, 3).T,
        "float32": np.array([0.0, -0.0, np.nan], dtype="<f4"),
        "bool": np.array([True, False]),
        "empty": np.empty((0, 3)),
        "0-d": np.array(1.5),
        "scalar": np.float64(1.5),
        "text": np.array(["a", "bcd"]),
        "object": np.array([1, "a", None], dtype=object),
        "datetime64": np.array(["2024-01-01", "NaT"], dtype="M8[s]"),
        "structured": np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f8")]),
        "dtype": np.dtype("<f8"),
        "complex": np.array([1 + 2j, complex(0, np.nan)]),
        "masked": np.ma.MaskedArray([1, 2], mask=[False, True], dtype="<i4"),
        "structured within": np.array([(1, [2, 3])], dtype=[("a", "<i4"), ("b", "<i2", (2,))]),
        "structured dtype": np.dtype([("a", "<i4"), ("b", "<i2", (2,))]),
        "ufunc": np.add,
    }


def pandas_values() -> dict[str, Any]:
    """Values whose type is the same in pandas 2 and 3: those of text are not."""
    import pandas as pd

    return {
        "Series": pd.Series([1.0, None], name="s"),
        "Series of object": pd.Series(["a", None], dtype=object),
        "Series nullable": pd.Series([1, None], dtype="Int64"),
        "Series categorical": pd.Series(pd.Categorical([2, 1, 2])),
        "DataFrame": pd.DataFrame({1: [1, 2], 2: [0.5, 1.5]}),
        "DataFrame indexed": pd.DataFrame({1: [1, 2]}, index=[5, 6]),
        "Index": pd.Index([1, 2]),
        "MultiIndex": pd.MultiIndex.from_product([[1, 2], [3, 4]]),
        "Timestamp": pd.Timestamp("2024-01-01T12:00", tz="Europe/Berlin"),
        "NaT": pd.NaT,
        "NA": pd.NA,
        "Timedelta": pd.Timedelta("1 day 2 ns"),
        "Period": pd.Period("2024-01", freq="M"),
        "Interval": pd.Interval(0, 1, closed="left"),
        "Categorical": pd.Categorical([2, 1, 2], ordered=True),
        "Index named": pd.Index([1, 2], name="n"),
    }


def pil_values() -> dict[str, Any]:
    from PIL import Image

    palette = Image.new("P", (2, 1), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.info["transparency"] = 1
    return {
        "RGB": Image.new("RGB", (2, 3), (1, 2, 3)),
        "L": Image.new("L", (3, 2), 7),
        "1": Image.new("1", (9, 1), 1),
        "P": palette,
    }


def attrs_values() -> dict[str, Any]:
    import attrs

    made = attrs.make_class("Made", ["left", "_right"])
    made.__module__ = "vectors"
    return {"attrs": made(1, [2])}


def instructor_values() -> dict[str, Any]:
    from instructor.processing.multimodal import PDF, Audio, Image

    drawn = {"source": "iVBORw0KGgo=", "data": "iVBORw0KGgo="}
    return {
        "Image": Image(**drawn, media_type="image/png"),
        "Image by address": Image.from_url("https://example.org/a.png"),
        "Audio": Audio(**drawn, media_type="audio/wav"),
        "PDF": PDF(**drawn, media_type="application/pdf"),
        "Image without a file": Image(source=Path("no-such-folder/a.png"), media_type="image/png"),
        "PDF of bytes": PDF(source=b"%PDF", media_type="application/pdf"),
    }


LIBRARIES = {
    "numpy": numpy_values,
    "pandas": pandas_values,
    "PIL": pil_values,
    "attrs": attrs_values,
    "instructor": instructor_values,
}


class ByName:
    """Types and functions by name alone; no clients. Their own digests are pinned elsewhere."""

    withholds = False

    def met_secret(self, what: str) -> None:
        pass

    def of_type(self, kind: Any) -> bytes:
        return (class_name(kind) if isinstance(kind, type) else str(kind)).encode()

    def of_function(self, function: Any) -> bytes:
        return f"{function.__module__}:{function.__qualname__}".encode()

    def of_class(self, kind: type) -> bytes:
        return b""

    def met_module(self, module: ModuleType) -> None:
        pass

    def of_client(self, value: object) -> None:
        pass


def digest_of(value: object) -> str:
    return digest(value, path="value", references=ByName()).hex()


def pinned(section: str) -> dict[str, str]:
    content: dict[str, dict[str, str]] = json.loads(PINNED.read_text(encoding="utf-8"))
    return content.get(section, {})


def test_every_value_is_pinned() -> None:
    assert set(pinned("python")) == set(VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_the_digest_of_a_value_is_the_pinned_one(name: str) -> None:
    assert digest_of(VALUES[name]()) == pinned("python")[name]


def test_what_a_cached_property_came_to_does_not_count() -> None:
    assert digest_of(looked_at(Kept())) == pinned("python")["dataclass with slots below"]


def test_a_url_of_an_older_pydantic_is_that_of_a_newer_one() -> None:
    url = pydantic_core.Url("https://example.org/a")
    assert digest_of(url) == pinned("python")["AnyUrl"]


def test_different_values_have_different_digests() -> None:
    """But for the two NaN, which are alike."""
    digests = collections.Counter(pinned("python").values())
    doubles = {name for name, found in pinned("python").items() if digests[found] > 1}
    assert doubles == {"float nan", "float negative nan"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_digests_of_a_librarys_values_are_the_pinned_ones(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    found = {name: digest_of(value) for name, value in LIBRARIES[library]().items()}
    assert found == pinned(library)


def add_new_digests() -> None:
    """Write the digests of values that have none yet."""
    content = json.loads(PINNED.read_text(encoding="utf-8")) if PINNED.exists() else {}
    made = {"python": {name: make() for name, make in VALUES.items()}}
    made |= {library: values() for library, values in LIBRARIES.items()}
    for section, values in made.items():
        fresh = {name: digest_of(value) for name, value in values.items()}
        content[section] = fresh | content.get(section, {})
    PINNED.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    add_new_digests()
