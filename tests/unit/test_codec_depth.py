"""A bound on how deep values are nested, whichever way they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from llmcache.codecs import Unstorable
from llmcache.codecs.encode import MAX_DEPTH
from llmcache.codecs.result import ResultCodec


class Box(BaseModel):
    inner: Any


class Open(BaseModel, extra="allow"):
    pass


@dataclass
class Crate:
    inner: Any


@dataclass(eq=False)
class Shelf:
    """It can be the key of a dict, whatever it holds."""

    inner: Any


WAYS: dict[str, Callable[[Any], Any]] = {
    "lists": lambda value: [value],
    "lists of two": lambda value: [value, 1],
    "tuples": lambda value: (value,),
    "dicts": lambda value: {"key": value},
    "dicts with other keys than text": lambda value: {1: value},
    "keys of dicts": lambda value: Shelf({value: 1}),
    "frozensets": lambda value: frozenset({value}),
    "deques": lambda value: deque([value]),
    "models": lambda value: Box(inner=value),
    "extra fields": lambda value: Open(inner=value),
    "dataclasses": lambda value: Crate(inner=value),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_is_nested_beyond_the_bound_is_refused(way: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH + 2):
        value = way(value)
    with pytest.raises(Unstorable, match="nested too deep"):
        ResultCodec(Any).dump(value)


@pytest.mark.parametrize("way", ["lists", "tuples", "dicts"])
def test_what_is_nested_up_to_the_bound_comes_back(way: str) -> None:
    codec = ResultCodec(Any)
    value: Any = 1
    for _ in range(MAX_DEPTH - 1):
        value = WAYS[way](value)
    assert codec.load(codec.dump(value).data) == value
