"""Values of every kind that can be part of a key, as strategies; and a process that keys them.

Loaded by the tests beside it under its own name, and by the processes that they start, so that a
value that is sent from one to the other finds its class.
"""

from __future__ import annotations

import argparse
import array
import collections
import contextlib
import copyreg
import dataclasses
import datetime as dt
import enum
import functools
import importlib
import io
import ipaddress
import math
import operator
import pathlib
import pickle
import re
import string
import sys
import types
import typing
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import openai
import pandas as pd
import pydantic
from hypothesis import strategies as st
from instructor.processing.multimodal import PDF, Audio, Image
from PIL import Image as Pictures

from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.project import Project
from llmcache.keys.values.canonical import digest, register_key_type

REFERENCES = Fingerprints(Project("value_kinds"))
T = TypeVar("T")


class Tone(enum.Enum):
    DRY = 1
    WARM = "warm"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Name(str):
    __slots__ = ()


class Rows(list[Any]):
    """A list that may hold attributes."""


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any


@dataclasses.dataclass
class Couple:
    left: Any
    right: Any


@dataclasses.dataclass(slots=True)
class Slotted:
    only: Any


@attrs.define
class Defined:
    only: Any


class Point(typing.NamedTuple):
    x: Any
    y: Any


class Row(typing.TypedDict, total=False):
    x: Any


class Loose(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    item: Any = None
    _hidden: Any = pydantic.PrivateAttr(None)


class Strict(pydantic.BaseModel):
    item: Any = None


class Page(pydantic.BaseModel, Generic[T]):
    item: T


ANY_PAGE = Page[Any]


class Root(pydantic.RootModel[Any]):
    pass


@pydantic.dataclasses.dataclass
class Checked:
    item: Any


class Told:
    """Says itself what counts of it."""

    def __init__(self, counting: Any) -> None:
        self.counting = counting

    def __cache_key__(self) -> Any:
        return self.counting


class Registered(Told):
    __cache_key__ = None  # type: ignore[assignment]


register_key_type(Registered, lambda value: value.counting)


def one(value: Any) -> Any:
    return value


def two(value: Any) -> Any:
    return [value]


@functools.lru_cache
def remembered(value: Any) -> Any:
    return value


def loose(item: Any, more: Any, hidden: Any) -> Loose:
    made = Loose(item=item, more=more)
    made._hidden = hidden
    return made


def bound(function: Any, held: Any) -> Any:
    return types.MethodType(function, held)


def proxied(held: dict[Any, Any]) -> Any:
    return types.MappingProxyType(held)


def rows(items: list[Any], note: Any) -> Rows:
    made = Rows(items)
    made.note = note  # type: ignore[attr-defined]
    return made


def around(item: Any) -> list[Any]:
    """A list that holds itself."""
    made = [item]
    made.append(made)
    return made


TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=4)
ZONES = [None, dt.UTC, ZoneInfo("Europe/Berlin"), dt.timezone(dt.timedelta(hours=1))]
FLOATS = st.sampled_from([0.0, -0.0, math.nan, -math.nan, 1.0, 1.5, math.inf])
FILES = ["keys.txt", "more.txt", "none.txt", ".", "\x00"]
CLOSED = ["left", "both"]
DTYPES = st.sampled_from(["i4", "i8", "f4", "f8", "?", "U2", "M8[s]", "O"])


def picture(mode: str, size: tuple[int, int], shade: int) -> Any:
    return Pictures.new(mode, size, shade)


LEAVES: list[st.SearchStrategy[Any]] = [
    st.none() | st.booleans() | st.sampled_from([..., NotImplemented]),
    st.integers(-3, 3) | st.integers(),
    st.floats() | FLOATS,
    st.complex_numbers() | st.builds(complex, FLOATS, FLOATS),
    TEXT | TEXT.map(Name) | TEXT.map(collections.UserString) | TEXT.map(string.Template),
    *(st.binary(max_size=4).map(kind) for kind in (bytes, bytearray, memoryview)),
    st.builds(io.BytesIO, st.binary(max_size=3)) | st.builds(io.StringIO, st.text(max_size=3)),
    st.decimals() | st.fractions() | st.uuids(),
    st.sampled_from([*Tone, *Level, *Rights, Rights.READ | Rights.WRITE]),
    st.datetimes(timezones=st.sampled_from(ZONES)) | st.dates() | st.timedeltas(),
    st.times(timezones=st.sampled_from([None, dt.UTC])),
    st.sampled_from(ZONES),
    st.ip_addresses(),
    st.sampled_from(["10.0.0.0/8", "10.0.0.1/32", "::1/128"]).flatmap(
        lambda text: st.sampled_from([ipaddress.ip_network(text), ipaddress.ip_interface(text)])
    ),
    st.builds(re.compile, st.sampled_from(["a", "b"]), st.sampled_from([0, re.IGNORECASE])),
    st.builds(array.array, st.sampled_from("bhi"), st.lists(st.integers(0, 3), max_size=2)),
    st.builds(range, st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from(["a/b", "a"]).flatmap(
        lambda text: st.sampled_from(
            [pathlib.PurePosixPath(text), pathlib.PureWindowsPath(text)]
        )
    ),
    st.sampled_from(FILES).map(pathlib.Path),
    st.sampled_from([math, string]),
    st.sampled_from([int, str, list, Pair, Couple, Loose, Tone, Row, Page[int], Page[str]]),
    st.sampled_from([list[int], dict[str, int], int | str, str | None, typing.Literal[1, "1"]]),
    st.sampled_from([typing.Annotated[int, pydantic.Field(gt=1)], typing.Any, TypeVar]),
    st.sampled_from([one, two, remembered, len, print, str.lower, "a".join, "b".join, math.floor]),
    st.sampled_from([operator.itemgetter(1), operator.itemgetter(2), operator.attrgetter("a")]),
    st.just(operator.methodcaller("strip", "a")),
    st.sampled_from([openai.NOT_GIVEN, openai.omit, dataclasses.MISSING]),
    TEXT.map(pydantic.SecretStr),
    st.sampled_from(["http://a.example/", "http://b.example/"]).map(pydantic.AnyUrl),
    st.builds(np.array, st.lists(st.integers(0, 1), max_size=3), dtype=DTYPES),
    st.builds(lambda items: np.array([items, items]), st.lists(FLOATS, max_size=3)),
    st.builds(lambda kind, item: kind(item), st.sampled_from([np.int8, np.int64, np.float64]),
              st.integers(0, 2)),
    FLOATS.map(np.float32) | DTYPES.map(np.dtype) | st.sampled_from([np.add, np.sin]),
    st.builds(pd.Timestamp, st.integers(0, 10**18), tz=st.sampled_from(ZONES)),
    st.timedeltas(min_value=dt.timedelta(0), max_value=dt.timedelta(9)).map(pd.Timedelta),
    st.sampled_from([pd.NaT, pd.NA, pd.Period("2024-01", "M"), pd.Period("2024-01", "D")]),
    st.builds(pd.Categorical, st.lists(st.sampled_from(["a", "b"]), max_size=3)),
    st.builds(picture, st.sampled_from(["L", "I"]), st.sampled_from([(1, 2), (2, 1)]),
              st.integers(0, 2)),
    st.builds(lambda kind, source, data: kind(source=source, media_type="a/b", data=data),
              st.sampled_from([Image, PDF, Audio]),
              st.sampled_from(["http://a.example", "keys.txt", "more.txt"]),
              st.sampled_from([None, "YQ==", "Yg=="])),
]  # fmt: skip


def hashable(value: object) -> bool:
    try:
        hash(value)
    except (TypeError, ValueError):  # a signalling NaN of decimal, a buffer that can be written
        return False
    return not isinstance(value, Told | Image | PDF | Audio)


def told_apart(items: list[Any]) -> list[Any]:
    """Those that can be in one set or dict: a number of numpy or pandas may compare to an array."""
    found: set[Any] = set()
    kept = []
    for item in items:
        with contextlib.suppress(TypeError, ValueError):
            if item not in found:
                found.add(item)
                kept.append(item)
    return kept


def holders(child: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Any]]:
    """Every kind that holds others."""
    items, named = st.lists(child, max_size=3), st.dictionaries(TEXT, child, max_size=3)
    of_items = (tuple, collections.deque, collections.UserList, Rows, around)
    of_names = (
        collections.OrderedDict, collections.UserDict, collections.ChainMap,
        types.MappingProxyType, functools.partial(collections.defaultdict, list),
    )  # fmt: skip
    of_one = (
        Slotted, Defined, Told, Registered, Root, Checked, ValueError,
        functools.partial(functools.partial, one), lambda item: bound(one, [item]),
    )  # fmt: skip
    keywords = st.from_regex(r"[a-c]{1,2}", fullmatch=True)
    spaces = st.dictionaries(keywords, child, max_size=2)
    return [
        items,
        named,
        *(items.map(kind) for kind in of_items),
        *(named.map(kind) for kind in of_names),
        *(child.map(kind) for kind in of_one),
        st.builds(rows, items, child),
        SEVERAL.map(set) | SEVERAL.map(frozenset) | SEVERAL.map(collections.Counter),
        st.builds(lambda keys, held: dict(zip(keys, held, strict=False)), SEVERAL, items),
        spaces.map(lambda held: types.SimpleNamespace(**held)),
        spaces.map(lambda held: argparse.Namespace(**held)),
        *(st.builds(kind, child, child) for kind in (Pair, Couple, Point, slice)),
        st.builds(loose, child, child, child),
        st.builds(lambda kind, item: kind(item=item), st.sampled_from([Strict, ANY_PAGE]), child),
        st.builds(lambda name, held: pd.Series(held, name=name, dtype=object), TEXT, items),
        st.builds(lambda held: pd.DataFrame({"a": held}, dtype=object), items),
        st.lists(FLOATS, max_size=3).map(pd.Series) | st.lists(FLOATS, max_size=3).map(pd.Index),
        st.builds(pd.Interval, st.integers(0, 1), st.integers(2, 3), st.sampled_from(CLOSED)),
    ]  # fmt: skip


def nested(child: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(holders(child))


SCALARS = st.one_of(LEAVES)
HASHABLE = st.recursive(
    SCALARS.filter(hashable),
    lambda child: (
        st.lists(child, max_size=2).map(tuple)
        | st.lists(child, max_size=3).map(told_apart).map(frozenset)
    ),
    max_leaves=4,
)
SEVERAL = st.lists(HASHABLE, max_size=3).map(told_apart)
VALUES = st.recursive(SCALARS, nested, max_leaves=8)
FEW = st.sampled_from([0, False, 0.0, -0.0, "", b"", None, (), math.nan, Tone.DRY, Name("")])
LIKELY_ALIKE = st.recursive(FEW, nested, max_leaves=3)
"""Few scalars and small shapes: pairs of these are often alike or nearly so."""


def digest_of(value: object) -> str:
    return digest(value, path="value", references=REFERENCES).hex()


# What pickle does not know by itself.
copyreg.pickle(types.MappingProxyType, lambda value: (proxied, (dict(value),)))
copyreg.pickle(types.ModuleType, lambda value: (importlib.import_module, (value.__name__,)))
copyreg.pickle(types.MethodType, lambda value: (bound, (value.__func__, value.__self__)))
copyreg.pickle(memoryview, lambda value: (memoryview, (value.tobytes(),)))  # type: ignore[arg-type]


def serve() -> None:
    """Answer each value on the standard input by its digest."""
    while True:
        try:
            value = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        sys.stdout.write(f"{digest_of(value)}\n")
        sys.stdout.flush()
