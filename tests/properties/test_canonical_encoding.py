"""Two values have one digest if and only if they are strictly alike, in every process.

`strictly_alike` is an oracle of its own: it compares two values side by side and knows nothing of
bytes.
"""

from __future__ import annotations

import argparse
import array
import collections
import decimal
import enum
import functools
import hashlib
import importlib.util
import io
import math
import os
import pathlib
import pickle
import re
import string
import struct
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image as Pictures

from llmcache.keys.values.arrays import WRITERS
from llmcache.keys.values.canonical import digest, encode, feed
from llmcache.keys.values.media import PATH_KINDS
from llmcache.keys.values.natives import BUILTINS
from llmcache.keys.values.stdlib import STDLIB


def loaded(name: str) -> Any:
    """A module that lies beside this one, under the name that other processes give it."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


kinds = loaded("value_kinds")
PLAIN, VALUES, LIKELY_ALIKE = kinds.REFERENCES, kinds.VALUES, kinds.LIKELY_ALIKE
digest_of: Callable[[object], str] = kinds.digest_of


@pytest.fixture(scope="module", autouse=True)
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the files lie that paths among the values lead to."""
    made = tmp_path_factory.mktemp("values")
    (made / "keys.txt").write_bytes(b"a")
    (made / "more.txt").write_bytes(b"b")
    before = Path.cwd()
    os.chdir(made)
    yield made
    os.chdir(before)


def strictly_alike(a: Any, b: Any, depth: int = 0) -> bool:
    """Exact types and equal content; NaN alike; -0.0 apart; order of dicts and sets aside."""
    if type(a) is not type(b):
        return False
    if isinstance(a, enum.Enum):
        return a is b
    if depth > DEEPEST:  # a list that holds itself
        return True
    for known, compare in COMPARISONS:
        if isinstance(a, known):
            return bool(compare(a, b, depth + 1))
    return a is b or repr(a) == repr(b)


DEEPEST = 12


def floats_alike(a: float, b: float, _: int = 0) -> bool:
    return (math.isnan(a) and math.isnan(b)) or struct.pack("d", a) == struct.pack("d", b)


def sequences_alike(a: Any, b: Any, depth: int) -> bool:
    return len(a) == len(b) and all(
        strictly_alike(one, other, depth) for one, other in zip(a, b, strict=True)
    )


def bags_alike(a: Any, b: Any, depth: int) -> bool:
    """One-to-one: each of `a` finds a partner in `b`."""
    left = list(b)
    for one in a:
        found = (i for i, other in enumerate(left) if strictly_alike(one, other, depth))
        partner = next(found, None)
        if partner is None:
            return False
        left.pop(partner)
    return not left


def by(*read: Any) -> Any:
    """Compare by what these functions read."""
    return lambda a, b, depth: all(strictly_alike(one(a), one(b), depth) for one in read)


def named(*names: str) -> Any:
    """Compare by attributes."""
    return by(*(lambda value, name=name: getattr(value, name) for name in names))


def equal(a: Any, b: Any, _: int) -> bool:
    return bool(a == b)


def shown(a: Any, b: Any, _: int) -> bool:
    return repr(a) == repr(b)


def cells(values: Any) -> list[Any]:
    return list(values.to_numpy(dtype=object)) if len(values) else []


def medium(value: Any) -> Any:
    """What a picture, a PDF or a recording says: its data, its file or its address."""
    if value.data is not None:
        return value.data
    file = "://" not in str(value.source)
    return Path(value.source).read_bytes() if file else value.source


def content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (OSError, ValueError):
        return None


COMPARISONS: list[tuple[Any, Any]] = [
    (bool | None, lambda a, b, _: a is b),
    ((int, bytes, bytearray, memoryview, array.array), equal),
    (str, lambda a, b, _: list(map(ord, a)) == list(map(ord, b))),
    ((np.float64, np.float32), lambda a, b, _: floats_alike(float(a), float(b))),
    (float, floats_alike),
    (complex, named("real", "imag")),
    (decimal.Decimal, by(lambda v: v.as_tuple())),
    (pd.Timestamp, by(lambda v: v.isoformat(), lambda v: v.fold, lambda v: str(v.tzinfo))),
    (re.Pattern, named("pattern", "flags")),
    ((range, slice), named("start", "stop", "step")),
    ((io.BytesIO, io.StringIO), by(lambda v: v.getvalue(), lambda v: v.tell())),
    (string.Template, named("template")),
    (pathlib.Path, by(str, content)),
    ((set, frozenset), bags_alike),
    (collections.OrderedDict, by(lambda v: list(v.items()))),
    (collections.defaultdict, by(lambda v: v.default_factory, dict)),
    (dict, lambda a, b, depth: bags_alike(a.items(), b.items(), depth)),
    (types.MappingProxyType, by(dict)),
    (collections.ChainMap, named("maps")),
    ((collections.UserDict, collections.UserList, collections.UserString), named("data")),
    (kinds.Rows, by(list, vars)),
    ((list, tuple, collections.deque), sequences_alike),
    (functools.partial, named("func", "args", "keywords")),
    (types.MethodType, named("__func__", "__self__")),
    (
        (types.SimpleNamespace, argparse.Namespace, kinds.Pair, kinds.Couple, kinds.Checked),
        by(vars),
    ),
    ((kinds.Slotted, kinds.Defined), named("only")),
    ((kinds.Told, kinds.Registered), named("counting")),
    ((kinds.Image, kinds.PDF, kinds.Audio), by(type, medium)),
    (pydantic.SecretStr, by(lambda v: v.get_secret_value())),
    (
        pydantic.BaseModel,
        named("__dict__", "__pydantic_extra__", "__pydantic_private__"),
    ),
    (BaseException, named("args")),
    (np.ndarray, by(lambda v: str(v.dtype), lambda v: v.shape, lambda v: v.ravel().tolist())),
    (pd.DataFrame, by(lambda v: list(v.columns), lambda v: [v[name] for name in v.columns])),
    (pd.Series, by(lambda v: v.name, lambda v: str(v.dtype), cells, lambda v: cells(v.index))),
    (pd.Categorical, by(list, lambda v: list(v.categories))),
    (pd.Index, by(lambda v: str(v.dtype), cells)),
    (Pictures.Image, named("mode", "size", "tobytes")),
]


@settings(max_examples=120, deadline=None)
@given(VALUES, VALUES)
@example(0.0, -0.0)
@example(1, True)  # noqa: FBT003 - the two values of the test
@example(math.nan, struct.unpack(">d", b"\xff\xf8\x00\x00\x00\x00\x00\x01")[0])
@example({math.nan: 1, float("nan"): 2}, {float("nan"): 2, math.nan: 1})
@example(("ab", "c"), ("a", "bc"))
@example([[1], [2]], [[1, 2], []])
def test_one_digest_if_and_only_if_strictly_alike(a: Any, b: Any) -> None:
    assert (digest_of(a) == digest_of(b)) == strictly_alike(a, b)


@settings(max_examples=120, deadline=None)
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


@settings(max_examples=120, deadline=None)
@given(VALUES)
def test_a_rebuilt_value_keeps_its_digest(value: Any) -> None:
    again = rebuilt(value)
    assert strictly_alike(value, again)
    assert digest_of(value) == digest_of(again)


@settings(max_examples=80, deadline=None)
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


@pytest.fixture(scope="module")
def processes(directory: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Three that key what they are sent, each with a hash seed of its own."""
    program = "import sys; sys.path.insert(0, sys.argv[1]); import value_kinds; value_kinds.serve()"
    command = [sys.executable, "-c", program, str(Path(__file__).parent)]
    started = [
        subprocess.Popen(  # noqa: S603 - the program above
            command,
            cwd=directory,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for seed in ("0", "1", "4242")
    ]
    yield started
    for process in started:
        process.communicate()


@settings(max_examples=120, deadline=None)
@given(VALUES)
@example({"pear", "fig", "plum", "apple", "quince", 1, 1.5, None, (2, "b"), kinds.Tone.DRY, int})
def test_three_processes_with_different_hash_seeds_give_one_digest(
    processes: list[subprocess.Popen[bytes]], value: Any
) -> None:
    sent = pickle.dumps(value)
    told = {digest_of(pickle.loads(sent))}
    for process in processes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(sent)
        process.stdin.flush()
        told.add(process.stdout.readline().decode().strip())
    assert told == {digest_of(value)}


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=3), st.binary(max_size=3))
def test_a_path_and_a_picture_count_by_the_content_of_their_file(one: bytes, other: bytes) -> None:
    path, digests = Path("changing.txt"), []
    for content_now in (one, other):
        path.write_bytes(content_now)
        picture = kinds.Image(source=path, media_type="image/png")
        digests.append([digest_of(path), digest_of(picture), digest_of([{"see": path}])])
    assert [a == b for a, b in zip(*digests, strict=True)] == [one == other] * 3


def test_every_kind_that_is_known_is_among_the_values() -> None:
    """What the encoder has a writer for is drawn by the strategies above."""
    met: set[type] = set()

    # One by one: of a tuple of them all Hypothesis varies a few and keeps the others.
    for strategy in (*kinds.LEAVES, *kinds.holders(st.none())):

        @settings(max_examples=100, deadline=None, database=None)
        @given(strategy)
        def draw(value: object) -> None:
            met.add(type(value))

        draw()
    table = {
        getattr(sys.modules[module], name) for module, names in WRITERS.items() for name in names
    }
    known = {*BUILTINS, *STDLIB, *PATH_KINDS} | {one for one in table if isinstance(one, type)}
    assert {kind for kind in known if not any(issubclass(one, kind) for one in met)} == set()
