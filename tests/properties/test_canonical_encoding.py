"""Two values have one digest if and only if they are strictly alike.

`strictly_alike` is an oracle of its own: it compares two values side by side and knows nothing of
bytes.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import hashlib
import math
import os
import pathlib
import re
import struct
import subprocess
import sys
import types
import typing
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pydantic
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from llmcache.keys.canonical import PlainReferences, digest, encode, feed

PLAIN = PlainReferences()


class Tone(enum.Enum):
    DRY = 1
    WARM = "warm"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Name(str):
    __slots__ = ()


class Rows(list[Any]):
    pass


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


class Point(typing.NamedTuple):
    x: Any
    y: Any


class Loose(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    item: Any = None
    _hidden: Any = pydantic.PrivateAttr(None)


class Strict(pydantic.BaseModel):
    item: Any = None


def loose(item: Any, more: Any, hidden: Any) -> Loose:
    made = Loose(item=item, more=more)
    made._hidden = hidden
    return made


ZONES = st.sampled_from(
    [None, dt.UTC, ZoneInfo("Europe/Berlin"), dt.timezone(dt.timedelta(hours=1))]
)
TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=4)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.sampled_from([0.0, -0.0, math.nan, -math.nan, 1.0]),
    TEXT,
    TEXT.map(Name),
    st.binary(max_size=4),
    st.binary(max_size=4).map(bytearray),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.uuids(),
    st.sampled_from([*Tone, *Level, ..., NotImplemented, int, str, list, dict[str, int]]),
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.times(timezones=st.sampled_from([None, dt.UTC])),
    st.timedeltas(),
    st.sampled_from(
        [pathlib.PurePosixPath("a/b"), re.compile("a"), re.compile("a", re.IGNORECASE)]
    ),
    st.builds(range, st.integers(0, 3), st.integers(0, 3)),
)
HASHABLE = st.recursive(
    SCALARS.filter(lambda value: value.__hash__ is not None and hashable(value)),
    lambda child: st.one_of(
        st.lists(child, max_size=2).map(tuple), st.frozensets(child, max_size=3)
    ),
    max_leaves=4,
)


def hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:  # a signalling NaN of decimal
        return False
    return True


def nested(child: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    items = st.lists(child, max_size=3)
    return st.one_of(
        items,
        items.map(tuple),
        items.map(Rows),
        items.map(collections.deque),
        st.sets(HASHABLE, max_size=3),
        st.frozensets(HASHABLE, max_size=3),
        st.dictionaries(TEXT, child, max_size=3),
        st.dictionaries(HASHABLE, child, max_size=3),
        st.dictionaries(TEXT, child, max_size=3).map(collections.OrderedDict),
        st.builds(functools.partial, st.just(print), child, end=child),
        st.builds(lambda a: types.SimpleNamespace(a=a), child),
        st.builds(Pair, child, child),
        st.builds(Couple, child, child),
        st.builds(Slotted, child),
        st.builds(Point, child, child),
        st.builds(loose, child, child, child),
        st.builds(lambda item: Strict(item=item), child),
        st.builds(ValueError, child),
        st.builds(slice, child, child),
    )


VALUES = st.recursive(SCALARS, nested, max_leaves=8)
FEW = st.sampled_from([0, False, 0.0, -0.0, "", b"", None, (), math.nan, Tone.DRY, Name("")])
LIKELY_ALIKE = st.recursive(FEW, nested, max_leaves=3)
"""Few scalars and small shapes: pairs of these are often alike or nearly so."""


def strictly_alike(a: Any, b: Any) -> bool:
    """Exact types and equal content; NaN alike; -0.0 apart; order of dicts and sets aside."""
    if type(a) is not type(b):
        return False
    if isinstance(a, enum.Enum):
        return a is b
    for kinds, compare in COMPARISONS:
        if isinstance(a, kinds):
            return compare(a, b)
    assert isinstance(a, type | types.GenericAlias | types.EllipsisType | type(NotImplemented))
    return bool(a == b)


def floats_alike(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or struct.pack("d", a) == struct.pack("d", b)


def sequences_alike(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(map(strictly_alike, a, b))


def bags_alike(a: Any, b: Any) -> bool:
    """One-to-one: each of `a` finds a partner in `b`."""
    left = list(b)
    for one in a:
        partner = next((i for i, other in enumerate(left) if strictly_alike(one, other)), None)
        if partner is None:
            return False
        left.pop(partner)
    return not left


def state_of(model: pydantic.BaseModel) -> tuple[Any, ...]:
    return (model.__dict__, model.__pydantic_extra__, model.__pydantic_private__)


def by(*read: Any) -> Any:
    """Compare by what these functions read."""
    return lambda a, b: all(strictly_alike(one(a), one(b)) for one in read)


COMPARISONS: list[tuple[Any, Any]] = [
    (bool | None, lambda a, b: a is b),
    (int | bytes | bytearray | uuid.UUID | fractions.Fraction, lambda a, b: a == b),
    (str, lambda a, b: list(map(ord, a)) == list(map(ord, b))),
    (float, floats_alike),
    (complex, by(lambda v: v.real, lambda v: v.imag)),
    (decimal.Decimal, by(lambda v: v.as_tuple())),
    (
        dt.datetime | dt.time,
        by(lambda v: v.isoformat(), lambda v: v.fold, lambda v: str(v.tzinfo)),
    ),
    (dt.date | dt.timedelta | pathlib.PurePath, lambda a, b: a == b),
    (re.Pattern, by(lambda v: v.pattern, lambda v: v.flags)),
    (range | slice, by(lambda v: v.start, lambda v: v.stop, lambda v: v.step)),
    (set | frozenset, bags_alike),
    (collections.OrderedDict, lambda a, b: sequences_alike(list(a.items()), list(b.items()))),
    (dict, lambda a, b: bags_alike(a.items(), b.items())),
    (list | tuple | collections.deque, sequences_alike),
    (functools.partial, by(lambda v: v.args, lambda v: v.keywords)),
    (types.SimpleNamespace | Pair | Couple, by(vars)),
    (Slotted, by(lambda v: v.only)),
    (pydantic.BaseModel, by(state_of)),
    (BaseException, by(lambda v: v.args)),
]


def digest_of(value: object) -> str:
    return digest(value, path="value", references=PLAIN).hex()


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES)
@example(0.0, -0.0)
@example(1, True)  # noqa: FBT003 - the two values of the test
@example(math.nan, struct.unpack(">d", b"\xff\xf8\x00\x00\x00\x00\x00\x01")[0])
@example({math.nan: 1, float("nan"): 2}, {float("nan"): 2, math.nan: 1})
@example(("ab", "c"), ("a", "bc"))
@example([[1], [2]], [[1, 2], []])
def test_one_digest_if_and_only_if_strictly_alike(a: Any, b: Any) -> None:
    assert (digest_of(a) == digest_of(b)) == strictly_alike(a, b)


@settings(max_examples=200, deadline=None)
@given(LIKELY_ALIKE, LIKELY_ALIKE)
def test_one_digest_if_and_only_if_strictly_alike_among_near_values(a: Any, b: Any) -> None:
    assert (digest_of(a) == digest_of(b)) == strictly_alike(a, b)


def rebuilt(value: Any) -> Any:
    """An alike value that shares no container with the first, with dicts and sets turned round."""
    if type(value) in (list, tuple, collections.deque):
        return type(value)(rebuilt(item) for item in value)
    if type(value) is dict:
        return {rebuilt(key): rebuilt(item) for key, item in reversed(list(value.items()))}
    if type(value) in (set, frozenset):
        return type(value)(reversed(list(value)))
    if type(value) is str:
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    return value


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_a_rebuilt_value_keeps_its_digest(value: Any) -> None:
    again = rebuilt(value)
    assert strictly_alike(value, again)
    assert digest_of(value) == digest_of(again)


@settings(max_examples=150, deadline=None)
@given(VALUES, VALUES)
@example("a", "ab")
@example(b"a", b"ab")
@example([1], [1, 2])
@example({1}, {1, 2})
@example({"a": 1}, {"a": 1, "b": 2})
def test_no_encoding_is_the_beginning_of_another(a: Any, b: Any) -> None:
    """So values can stand side by side without delimiters."""
    one = encode(a, path="a", references=PLAIN)
    other = encode(b, path="b", references=PLAIN)
    assume(one != other)
    assert not one.startswith(other)
    assert not other.startswith(one)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_feed_encode_and_digest_agree(value: Any) -> None:
    hasher = hashlib.sha256()
    feed(hasher.update, value, path="value", references=PLAIN)
    content = encode(value, path="value", references=PLAIN)
    assert (
        hasher.digest()
        == hashlib.sha256(content).digest()
        == digest(value, path="value", references=PLAIN)
    )


HASH_SEED_PROGRAM = """
import enum
from llmcache.keys.canonical import PlainReferences, digest
class Tone(enum.Enum):
    DRY = "dry"
    WARM = "warm"
value = {
    "words": {"pear", "fig", "plum", "apple", "quince"},
    "mixed": frozenset({1, "1", 1.5, None, (2, "b"), Tone.DRY, Tone.WARM, int, b"x"}),
    ("a", 1): {frozenset({"x", "y", "z"}): [{"k", "l", "m"}]},
    Tone.WARM: {"deep": {"p": {"q", "r", "s"}}},
}
print(digest(value, path="value", references=PlainReferences()).hex())
"""


def test_three_hash_seeds_give_one_digest() -> None:
    outputs = {
        subprocess.run(  # noqa: S603 - the program above
            [sys.executable, "-c", HASH_SEED_PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().strip()) == 64
