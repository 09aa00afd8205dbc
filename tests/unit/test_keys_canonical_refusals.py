"""What cannot be keyed is an error that names the place, the type and the ways out."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import functools
import io
import pickle
import socket
import struct
import sys
import threading
import types
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pydantic
import pytest
import wrapt

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.key import FunctionKeys
from llmcache.keys.project import Project
from llmcache.keys.values.canonical import digest, feed
from llmcache.keys.values.stream import DEPTH_LIMIT

PLAIN = Fingerprints(Project("tests"))


class Unknown:
    pass


@dataclasses.dataclass
class Doc:
    client: object


class Point(NamedTuple):
    x: object


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", arbitrary_types_allowed=True)
    item: Any = None
    _hidden: Any = pydantic.PrivateAttr(None)

    def _with_hidden(self, hidden: object) -> Model:
        self._hidden = hidden
        return self


class Caller(Unknown):
    def __call__(self) -> None: ...


def in_lists(levels: int) -> object:
    value: object = Unknown()
    for _ in range(levels):
        value = [value]
    return value


def refusal(value: object) -> UncacheableArgumentError:
    with pytest.raises(UncacheableArgumentError) as caught:
        digest(value, path="docs", references=PLAIN)
    return caught.value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Unknown(), "docs"),
        ([1, 2, 3, Doc(Unknown())], "docs[3].client"),
        ((1, (Unknown(),)), "docs[1][0]"),
        ({"a": {"b": [Unknown()]}}, "docs['a']['b'][0]"),
        ({3: Unknown()}, "docs[3]"),
        ({"sk-not for eyes": Unknown()}, "docs[...]"),
        (Point(Unknown()), "docs.x"),
        (Model(item=Unknown()), "docs.item"),
        (Model(more=[Unknown()]), "docs.more[0]"),  # type: ignore[call-arg]
        (collections.defaultdict(list, a=[Unknown()]), "docs['a'][0]"),
        (ValueError(Unknown()), "docs.args[0]"),
        (functools.partial(print, Unknown()), "docs.args[0]"),
        (functools.partial(print, end=Unknown()), "docs.keywords['end']"),
        (functools.partial(Caller()), "docs.func"),
        (types.MethodType(print, Unknown()), "docs.__self__"),
        (types.MethodType(Caller(), 1), "docs.__func__"),
        (wrapt.ObjectProxy([Unknown()]), "docs.__wrapped__[0]"),
        (Model.model_construct()._with_hidden(Unknown()), "docs._hidden"),
        (in_lists(12), "docs" + 12 * "[0]"),
        (in_lists(13), f"docs{6 * '[0]'}...{6 * '[0]'}"),
        (in_lists(20), f"docs{6 * '[0]'}...{6 * '[0]'}"),
        ({1.5: Unknown()}, "docs[...]"),
        ({"a" * 40: Unknown()}, f"docs['{'a' * 40}']"),
        ({"a" * 41: Unknown()}, "docs[...]"),
        ({"a1" * 8: Unknown()}, "docs[...]"),
        ({"a1" * 7 + "b": Unknown()}, f"docs['{'a1' * 7}b']"),
    ],
)
def test_the_error_names_the_way_to_the_value(value: object, path: str) -> None:
    error = refusal(value)
    assert (error.parameter, error.path) == ("docs", path)
    assert error.type_name.endswith((".Unknown", ".Caller"))
    assert str(error).startswith(f"{path} (a {error.type_name})")


def test_the_error_names_the_ways_out() -> None:
    text = str(refusal([Unknown()]))
    assert all(way in text for way in ("ignore=['docs']", "__cache_key__", "register_key_type"))


def test_of_what_can_be_read_only_once_it_says_so() -> None:
    assert "as list(...)" in str(refusal(iter([1])))


@pytest.mark.parametrize(
    ("options", "way"),
    [
        ({"key": lambda *_: Unknown()}, "Let key= give"),
        ({"depends_on": [Unknown()]}, "Let depends_on= give"),
    ],
)
def test_what_an_option_gave_is_not_taken_for_a_parameter(
    options: dict[str, Any], way: str
) -> None:
    def ask(text: str) -> str:
        return text

    with pytest.raises(UncacheableArgumentError, match=way) as caught:
        FunctionKeys(ask, **options).digest(("a",), {})
    assert "ignore=" not in str(caught.value)
    assert caught.value.parameter == next(iter(options))


def test_the_error_pickles_with_its_facts() -> None:
    error = refusal([Unknown()])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize(
    "make",
    [
        object,
        threading.Lock,
        threading.local,
        lambda: (item for item in ()),
        lambda: iter([1]),
        lambda: map(str, [1]),
        lambda: zip([1], strict=True),
    ],
)
def test_what_has_no_content_of_its_own_is_refused(make: Any) -> None:
    assert refusal([make()]).path == "docs[0]"


def test_open_files_and_sockets_are_refused(tmp_path: Any) -> None:
    with (tmp_path / "a").open("w") as file, socket.socket() as plug:
        assert refusal(file).type_name == "_io.TextIOWrapper"
        assert refusal(plug).type_name == "socket.socket"


def test_a_zone_without_a_name_is_refused_and_a_moment_in_it_is_not() -> None:
    form = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    zone = ZoneInfo.from_file(io.BytesIO(form + struct.pack(">lbb", 3600, 0, 0) + b"CET\0"))
    assert "no zone key" in str(refusal(zone))
    moments = [dt.datetime(2026, 7, 1, tzinfo=each) for each in (zone, zone, dt.UTC, None)]
    assert len({digest(moment, path="", references=PLAIN) for moment in moments}) == 3


def test_a_closed_buffer_is_refused_with_the_reason() -> None:
    buffer = io.BytesIO(b"a")
    buffer.close()
    assert "it is closed" in str(refusal(buffer))


def nested(levels: int, shell: Any) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = shell(value)
    return value


SHELLS = {
    "list": lambda value: [value],
    "tuple": lambda value: (value,),
    "dict": lambda value: {"a": value},
    "dict of any keys": lambda value: {1: value},
    "frozenset": lambda value: frozenset([value]),
    "dataclass": Doc,
    "model": lambda value: Model.model_construct(item=value),
    "deque": lambda value: collections.deque([value]),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_deepest_allowed_nesting_has_a_key(shell: str) -> None:
    levels = DEPTH_LIMIT // 2 if shell == "deque" else DEPTH_LIMIT  # its items are a level too
    assert len(digest(nested(levels, SHELLS[shell]), path="docs", references=PLAIN)) == 32


@pytest.mark.parametrize("shell", SHELLS)
def test_deeper_nesting_is_refused_with_the_reason(shell: str) -> None:
    error = refusal(nested(DEPTH_LIMIT + 1, SHELLS[shell]))
    assert f"nested more than {DEPTH_LIMIT} levels deep" in str(error)
    assert len(error.path) < 200


def test_a_caller_near_pythons_own_limit_gets_the_same_key() -> None:
    """The frames below the call do not decide whether there is a key."""
    value = nested(DEPTH_LIMIT, SHELLS["list"])
    expected = digest(value, path="docs", references=PLAIN)

    def from_below(frames: int) -> bytes:
        if frames:
            return from_below(frames - 1)
        return digest(value, path="docs", references=PLAIN)

    room = sys.getrecursionlimit() - depth_here() - 100
    assert from_below(room) == expected


def test_the_thread_that_has_a_stack_of_its_own_has_a_name() -> None:
    class Noting:
        def __cache_key__(self) -> object:
            names.append(threading.current_thread().name)
            return 1

    names: list[str] = []
    value = nested(DEPTH_LIMIT - 1, SHELLS["list"])

    def from_below(frames: int) -> bytes:
        if frames:
            return from_below(frames - 1)
        return digest([value, Noting()], path="docs", references=PLAIN)

    from_below(sys.getrecursionlimit() - depth_here() - 100)
    assert names == ["llmcache-key"]


def depth_here() -> int:
    frame, depth = sys._getframe(), 0
    while frame := frame.f_back:  # type: ignore[assignment]
        depth += 1
    return depth


def test_an_endless_value_is_refused_not_a_recursion_error() -> None:
    class Endless:
        def __cache_key__(self) -> object:
            return [Endless()]

    assert "nested more than" in str(refusal(Endless()))


def test_an_endless_recursion_of_the_users_is_refused_with_the_reason() -> None:
    class Endless:
        def __cache_key__(self) -> object:
            return self.__cache_key__()

    assert "deeper than Python can follow" in str(refusal([Endless()]))


def test_nothing_of_a_refused_value_is_written() -> None:
    """A hash that was fed half a value would be the hash of another one."""
    written: list[bytes] = []
    with pytest.raises(UncacheableArgumentError):
        feed(written.append, ["a", Unknown()], path="docs", references=PLAIN)
    assert written == []


def test_a_container_that_changes_meanwhile_is_refused_with_the_reason() -> None:
    class Shrinking(collections.deque[Any]):
        pass

    class Meddling:
        def __cache_key__(self) -> object:
            raise RuntimeError("deque mutated during iteration")

    error = refusal([Shrinking([Meddling()])])
    assert isinstance(error.__cause__, RuntimeError)
