"""How each kind of argument counts in a key."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime as dt
import enum
import functools
import gc
import io
import pathlib
import sys
import threading
import types
import typing
import weakref
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pydantic
import pydantic_core
import pytest
import wrapt

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.identities import Identity
from llmcache.keys.project import Project, script_names
from llmcache.keys.values.canonical import digest, encode
from llmcache.keys.values.registry import ValueStream

PLAIN = Fingerprints(Project("tests"))


def key(value: object) -> str:
    return digest(value, path="value", references=PLAIN).hex()


Item = typing.TypeVar("Item")


# Exact types


@pytest.mark.parametrize(
    "alternatives",
    [
        [1, 1.0, True, "1", b"1", bytearray(b"1"), complex(1), memoryview(b"1")],
        [0, False, 0.0, -0.0, "", b"", None, (), [], {}, set(), frozenset()],
        [[1], (1,), {1}, frozenset({1}), {1: None}, collections.deque([1])],
        [{"a": 1}, [("a", 1)], SimpleNamespace(a=1), argparse.Namespace(a=1)],
        [
            {"a": 1},
            collections.OrderedDict(a=1),
            collections.Counter(a=1),
            collections.UserDict(a=1),
        ],
        ["\u00e9", "e\u0301", "\u00c9", "\ud800", "\udc00"],
        [dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), "2024-01-01"],  # noqa: DTZ001 - a kind of value
        [int, "int", "builtins:int", list[int], list, len],
    ],
)
def test_values_of_different_types_never_share_a_key(alternatives: list[Any]) -> None:
    assert len({key(value) for value in alternatives}) == len(alternatives)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (["a", "sb"], ["as", "b"]),
        ([b"a", b"bb"], [b"ab", b"b"]),
        ([1, 105], [1 << 8 | 105]),
        ([[1], [2]], [[1, 2], []]),
        ([[], []], [[[]]]),
        (("a", ("b",)), (("a",), "b")),
        ({"a": {"b": 1}}, {"a": "b", "c": 1}),
        ({"a": "b", "c": "d"}, {"a": "d", "c": "b"}),
        (["s\0\0\0\0\0\0\0\x01a"], ["a"]),
        ([b"i\0\0\0\0\0\0\0\x01\x01"], [1]),
        (("x y", "z"), ("x", "y z")),
        ({frozenset({1}), frozenset({2})}, {frozenset({1, 2}), frozenset()}),
    ],
)
def test_no_rearrangement_passes_for_another_value(one: object, other: object) -> None:
    """Lengths and counts frame every part, so nothing in the content can shift a border."""
    assert key(one) != key(other)


def test_content_that_imitates_an_encoding_is_only_content() -> None:
    """A text made of the very bytes of another value is still a text."""
    forged = encode([1, "a"], path="value", references=PLAIN)
    assert key(forged) != key([1, "a"])
    assert key(forged.decode("latin-1")) != key([1, "a"])
    assert key([forged]) != key([[1, "a"]])


# Order


def test_the_order_of_dicts_and_sets_does_not_count() -> None:
    assert key({"a": 1, "b": {"c": 2, "d": 3}}) == key({"b": {"d": 3, "c": 2}, "a": 1})
    assert key({8, 0, 16}) == key({16, 8, 0})
    assert key({1: "a", "1": "b", None: "c"}) == key({None: "c", "1": "b", 1: "a"})


def test_the_order_of_an_ordered_dict_counts() -> None:
    """It is what the class is for, and two of other order are not equal."""
    ordered = collections.OrderedDict
    assert key(ordered(a=1, b=2)) != key(ordered(b=2, a=1))


def test_a_mapping_with_text_keys_and_one_with_any_keys_sort_alike() -> None:
    """A non-text key takes another way through the encoder, which must not reorder the others."""
    mixed = encode({"b": 1, "a": 2, 0: 3}, path="value", references=PLAIN)
    turned = encode({0: 3, "a": 2, "b": 1}, path="value", references=PLAIN)
    assert mixed == turned


# Moments


def test_a_moment_counts_with_fold_and_zone() -> None:
    zone = ZoneInfo("Europe/Berlin")
    moment = dt.datetime(2024, 10, 27, 2, 30, tzinfo=zone)
    same_offset = moment.astimezone(dt.timezone(dt.timedelta(hours=2)))
    variants = [moment, moment.replace(fold=1), moment.replace(tzinfo=None), same_offset]
    assert len({key(variant) for variant in variants}) == 4


class OwnZone(dt.tzinfo):
    def __init__(self, hours: int) -> None:
        self.hours = hours

    def utcoffset(self, _moment: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=self.hours)

    def dst(self, _moment: dt.datetime | None) -> None:
        return None

    def tzname(self, _moment: dt.datetime | None) -> str:
        return "own"


def test_a_zone_without_a_key_counts_by_what_it_says() -> None:
    one, again, other = (dt.datetime(2024, 1, 1, tzinfo=OwnZone(hours)) for hours in (1, 1, 2))
    assert key(one) == key(again) != key(other)


class NamedZone(OwnZone):
    """One that says its key as those of pytz do."""

    zone = "Europe/Berlin"


def test_a_zone_of_pytz_counts_by_its_key() -> None:
    one, other = (dt.datetime(2024, 1, 1, tzinfo=zone) for zone in (NamedZone(1), NamedZone(2)))
    assert key(one) == key(other)
    assert key(one) == key(dt.datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")))


# Classes of the user's


class Tone(enum.Enum):
    DRY = 1
    WARM = 2


class OtherTone(enum.Enum):
    DRY = 1


class Word(enum.StrEnum):
    YES = "yes"


class Marker(enum.Enum):
    FIRST = object()
    SECOND = object()  # noqa: PIE796 - told apart by name alone


def test_an_enum_member_counts_by_class_name_and_value() -> None:
    members = [Tone.DRY, Tone.WARM, OtherTone.DRY, Word.YES, "yes", 1, *Marker]
    assert len({key(member) for member in members}) == len(members)


@dataclasses.dataclass
class Doc:
    text: str
    tags: list[str] = dataclasses.field(default_factory=list)

    @functools.cached_property
    def words(self) -> int:
        return len(self.text.split())


def test_a_computed_property_leaves_the_key_alone() -> None:
    used, unused = Doc("a b"), Doc("a b")
    assert used.words == 2
    assert key(used) == key(unused)


def test_an_attribute_beside_the_fields_counts() -> None:
    marked = Doc("a")
    marked.language = "de"  # type: ignore[attr-defined]
    assert key(marked) != key(Doc("a"))


@attrs.define
class Slotted:
    left: int
    _right: int = 2


@dataclasses.dataclass(slots=True)
class SlottedBase:
    base: int


@dataclasses.dataclass(slots=True)
class SlottedChild(SlottedBase):
    own: int


def test_slots_count_also_those_of_bases() -> None:
    values = [Slotted(1), Slotted(2), Slotted(1, 3)]
    values += [SlottedChild(1, 2), SlottedChild(1, 3), SlottedChild(2, 2)]  # type: ignore[list-item]
    assert len({key(value) for value in values}) == 6


class PlainBase:
    """A class with a slot."""

    __slots__ = ("base",)


@dataclasses.dataclass(slots=True)
class OfPlainBase(PlainBase):
    own: int


@attrs.define
class OfPlainBaseToo(PlainBase):
    own: int

    @functools.cached_property
    def computed(self) -> int:
        return self.own


@pytest.mark.parametrize("kind", [OfPlainBase, OfPlainBaseToo])
def test_slots_of_plain_bases_count_beside_declared_fields(kind: Any) -> None:
    one, other = kind(1), kind(1)
    one.base, other.base = 1, 2
    before = key(one)
    assert before != key(other)
    assert getattr(one, "computed", 1) == 1
    assert key(one) == before


@dataclasses.dataclass
class Shelf(typing.Generic[Item]):
    items: list[Item]
    lock: typing.ClassVar[object] = threading.Lock()
    start: dataclasses.InitVar[int] = 0


def test_only_fields_of_a_dataclass_count() -> None:
    """Class variables and arguments of `__init__` alone are no part of the instance."""
    assert key(Shelf([1], 5)) == key(Shelf([1])) == key(Shelf[int]([1]))


class Folder(type(pathlib.Path())):  # type: ignore[misc]
    """A subclass of a class that keeps what it computed in slots."""


def test_what_a_base_keeps_for_itself_does_not_count() -> None:
    used, unused = Folder("a/b"), Folder("a/b")
    assert used.parts == ("a", "b")
    assert hash(used) == hash(used)
    assert str(used) == "a/b"
    assert key(used) == key(unused) != key(Folder("a/c"))


class Point(typing.NamedTuple):
    x: int
    y: int


Turned = collections.namedtuple("Point", ["y", "x"])  # noqa: PYI024 - the untyped one is a kind too


def test_a_named_tuple_is_neither_a_tuple_nor_one_with_other_names() -> None:
    assert len({key((1, 2)), key(Point(1, 2)), key(Turned(1, 2)), key(Point(2, 1))}) == 4


class Name(str):  # noqa: SLOT000 - with attributes
    """A text with attributes."""


def tagged(text: str) -> Name:
    name = Name(text)
    name.source = "file"  # type: ignore[attr-defined]
    return name


def test_a_subclass_of_a_builtin_counts_with_its_attributes() -> None:
    assert len({key("a"), key(Name("a")), key(tagged("a"))}) == 3
    assert key(Name("a")) == key(Name("a"))


class Unruly(dict[str, Any]):
    """A dict whose methods must not be run."""

    def refuse(self, *_args: object) -> Any:
        raise AssertionError("a method of the value was run")

    __iter__ = __len__ = __eq__ = __contains__ = __getitem__ = __bool__ = refuse
    keys = items = values = get = copy = __hash__ = __repr__ = refuse  # type: ignore[assignment]


class UnrulyField:
    """A field whose comparison must not be run."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the value was compared")

    __hash__ = None  # type: ignore[assignment]

    def __cache_key__(self) -> str:
        return "unruly"


class UnrulyMeta(type):
    """A class of classes that must not be compared or hashed."""

    def __eq__(cls, other: object) -> bool:
        raise AssertionError("a class was compared")

    def __hash__(cls) -> int:
        raise AssertionError("a class was hashed")


def test_no_method_of_a_value_is_run() -> None:
    assert key(Unruly(a=1)) == key(Unruly(a=1))
    assert key(Doc(UnrulyField(), [UnrulyField()])) == key(  # type: ignore[arg-type, list-item]
        Doc(UnrulyField(), [UnrulyField()])  # type: ignore[arg-type, list-item]
    )


def test_no_method_of_a_metaclass_is_run() -> None:
    unruly = UnrulyMeta("unruly", (str,), {})
    assert key(unruly("a")) != key("a")


def test_a_class_can_be_collected_after_its_values_were_keyed() -> None:
    @dataclasses.dataclass
    class Passing:
        text: str

    digest(Passing("a"), path="value", references=Fingerprints(Project("tests")))
    gone, address = weakref.ref(Passing), id(Passing)
    assert address in ValueStream.writers
    del Passing
    gc.collect()
    assert gone() is None
    assert address not in ValueStream.writers
    assert address not in ValueStream.watched


# Pydantic


class User(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    name: str
    age: int = 0
    _note: str = pydantic.PrivateAttr("")

    @pydantic.computed_field
    @functools.cached_property
    def initials(self) -> str:
        return self.name[:1]


class Box(pydantic.BaseModel, typing.Generic[Item]):
    items: list[Item]


class Apple(pydantic.BaseModel):
    pass


def test_an_exception_counts_with_what_it_keeps_beside_its_arguments() -> None:
    errors = [OSError(2, "gone", name) for name in ("a", "b")]
    noted = OSError(2, "gone", "a")
    noted.add_note("seen")
    assert len({key(error) for error in [*errors, noted, OSError(2, "gone")]}) == 4


def test_a_model_counts_by_fields_extra_and_private_not_by_which_were_set() -> None:
    noted, computed, answered = User(name="Ada"), User(name="Ada"), User(name="Ada")
    noted._note = "x"
    assert computed.initials == "A"
    object.__setattr__(answered, "_raw_response", object())
    plain = key(User(name="Ada"))
    assert plain == key(User(name="Ada", age=0)) == key(computed) == key(answered)
    assert len({plain, key(noted), key(User(name="Ada", born=1815))}) == 3  # type: ignore[call-arg]


class Pear(pydantic.BaseModel):
    pass


def test_models_of_two_classes_differ_even_when_empty() -> None:
    assert key(Apple()) == key(Apple()) != key(Pear())


def test_a_generic_model_counts_with_its_type_arguments() -> None:
    class Apple(pydantic.BaseModel):
        """Of the same name as the other one, but of another place."""

    empty = [Box(items=[]), Box[int](items=[]), Box[Apple](items=[])]
    outer = globals()["Apple"]
    assert len({key(box) for box in [*empty, Box[outer](items=[])]}) == 4


def test_a_secret_counts_by_its_value() -> None:
    one, again, other = (pydantic.SecretStr(text) for text in ("a", "a", "b"))
    assert key(one) == key(again) != key(other)
    assert b"hunter2" not in digest(pydantic.SecretStr("hunter2"), path="value", references=PLAIN)


# Values that stand for something else


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (pydantic.AnyUrl, "https://a.example", "https://b.example"),
        (pydantic.HttpUrl, "https://a.example", "https://b.example"),
        (pydantic_core.Url, "https://a.example", "https://b.example"),
        (pydantic_core.MultiHostUrl, "postgres://a.example/x", "postgres://b.example/x"),
    ],
)
def test_a_url_counts_by_its_text(kind: typing.Any, one: str, other: str) -> None:
    read = pydantic.TypeAdapter(kind).validate_python
    assert key(read(one)) == key(read(one)) != key(read(other))


def test_a_partial_counts_by_function_and_arguments() -> None:
    partials = [
        functools.partial(len, 1),
        functools.partial(len, 2),
        functools.partial(abs, 1),
        functools.partial(len, x=1),
    ]
    assert len({key(partial) for partial in partials}) == 4


def test_a_bound_method_counts_with_its_object() -> None:
    assert key(Doc("a").__repr__) == key(Doc("a").__repr__) != key(Doc("b").__repr__)


def test_a_transparent_proxy_counts_as_what_it_stands_for() -> None:
    assert key(wrapt.ObjectProxy([1])) == key([1])


class Threads(Fingerprints):
    """Takes threads for clients."""

    def of_client(self, value: object) -> Identity | None:
        return Identity.of(()) if isinstance(value, threading.Thread) else None


def test_a_client_counts_by_what_the_references_say() -> None:
    threads = Threads(Project("tests"))
    one = digest([threading.Thread()], path="value", references=threads)
    assert one == digest([threading.Thread()], path="value", references=threads)
    alone = encode(threading.Thread(), path="value", references=threads)
    assert alone == b"x" + (32).to_bytes(8) + Identity.of(())
    with pytest.raises(UncacheableArgumentError):
        digest([threading.Lock()], path="value", references=threads)


def test_a_script_counts_with_its_place_even_if_that_is_no_text(tmp_path: pathlib.Path) -> None:
    places = [tmp_path / name / "app.py" for name in ("a", "b", "\udcff")]
    names = [script_names(str(place)) for place in places]
    assert [shown for shown, _ in names] == ["app"] * 3
    assert len({identity for _, identity in names}) == 3


def test_main_counts_as_the_name_by_which_it_can_be_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`python -m app` and `import app` agree."""
    imported = type("Doc", (str,), {"__module__": "app"})
    run = type("Doc", (str,), {"__module__": "__main__"})
    script = type("Doc", (str,), {"__module__": "__main__"})
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    assert key(script("a")) != key(imported("a"))
    sys.modules["__main__"].__spec__ = SimpleNamespace(name="app")  # type: ignore[assignment]
    assert key(run("a")) == key(imported("a"))


# Shape


def test_a_cycle_has_a_key() -> None:
    def ring(text: str) -> list[Any]:
        ring: list[Any] = [text, {}]
        ring[1]["back"] = (ring,)
        return ring

    assert key(ring("a")) == key(ring("a")) != key(ring("b"))


def test_a_cycle_to_another_level_is_another_value() -> None:
    to_outer: list[Any] = [[]]
    to_outer[0].append(to_outer)
    to_inner: list[Any] = [[]]
    to_inner[0].append(to_inner[0])
    assert key(to_outer) != key(to_inner)


@pytest.mark.parametrize(
    "made",
    [
        *(lambda: [1], lambda: (1, [2]), lambda: {1}, lambda: frozenset([(1,)]), lambda: {"a": 1}),
        *(lambda: {1: 2}, lambda: collections.deque([1]), lambda: Tone(1), lambda: slice(1)),
        lambda: collections.UserDict(a=1),
        lambda: wrapt.ObjectProxy([1]),
        lambda: Point(1, 2),
        lambda: User(name="Jo"),
        lambda: Doc("a"),
        lambda: SlottedChild(1, 2),
        lambda: tagged("a"),
        lambda: io.BytesIO(b"a"),
        lambda: ValueError("a"),
    ],
)
def test_sharing_is_not_a_cycle(made: Any) -> None:
    shared = made()
    assert key([shared, shared]) == key([made(), made()])


def test_a_buffer_counts_by_content_and_position() -> None:
    read = io.BytesIO(b"abc")
    read.read(1)
    assert (
        len({key(io.BytesIO(b"abc")), key(read), key(io.BytesIO(b"abd")), key(io.StringIO("abc"))})
        == 4
    )
