"""What an instance holds, by which names."""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
from collections import UserDict
from fractions import Fraction
from typing import Any

import attrs
import pytest

from llmcache.keys.values.attributes import (
    attributes,
    class_name,
    computed_names,
    declared_names,
    derives,
    mangled,
    module_name,
    said_by,
)


@pytest.mark.parametrize(
    ("owner", "name", "looked_up"),
    [
        ("Shop", "__rate", "_Shop__rate"),
        ("_Shop", "__rate", "_Shop__rate"),
        ("__", "__rate", "__rate"),
        ("Shop", "_rate", "_rate"),
        ("Shop", "rate", "rate"),
        ("Shop", "__rate__", "__rate__"),
    ],
)
def test_a_name_is_looked_up_as_python_does(owner: str, name: str, looked_up: str) -> None:
    assert mangled(owner, name) == looked_up


class Base:
    __slots__ = ("__code", "__weakref__", "name")


class Single(Base):
    __slots__ = "only"  # noqa: PLC0205 - one text is one slot


class Open(Single):
    """One with a dict beside the slots."""


@dataclasses.dataclass
class Crate:
    label: str
    sealed: bool = dataclasses.field(default=False, init=False)


@dataclasses.dataclass(slots=True)
class Slotted(Base):
    label: str


@attrs.define
class Parcel:
    label: str

    @functools.cached_property
    def heavy(self) -> str:
        return self.label


class Ratio(Fraction):
    """A subclass of the standard library's, which has slots."""


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Base, ("_Base__code", "name")),
        (Single, ("_Base__code", "name", "only")),
        (Open, ("_Base__code", "name", "only")),
        (Crate, ("label", "sealed")),
        (Slotted, ("label", "_Base__code", "name")),
        (Parcel, ("label",)),
        (Ratio, ()),
        (UserDict, ()),
    ],
)
def test_fields_and_slots_are_declared(kind: type, names: tuple[str, ...]) -> None:
    assert declared_names(kind) == names


class Heavy(Open):
    @functools.cached_property
    def heavy(self) -> int:
        return 1


class Heavier(Heavy):
    @property
    def light(self) -> int:
        return 1


def test_what_is_computed_is_no_state() -> None:
    nothing = {"__dict__", "__weakref__", "__orig_class__"}
    assert computed_names(Open) == nothing
    assert computed_names(Heavier) == nothing | {"heavy"}


def test_attributes_are_those_that_are_set() -> None:
    value = Heavier()
    value.only = 1
    value.other = 2  # type: ignore[attr-defined]
    assert value.heavy == 1
    held = attributes(value, declared_names(Heavier), computed_names(Heavier))
    assert held == {"only": 1, "other": 2}


def test_names_of_a_class_are_asked_of_no_metaclass() -> None:
    class Answering(type):
        def __getattr__(cls, name: str) -> Any:
            return name

        def __eq__(cls, other: object) -> bool:
            return True

        __hash__ = type.__hash__

    kind = Answering("Kind", (), {"own": 1})
    assert (said_by(kind, "own"), said_by(kind, "other")) == (1, None)
    assert derives(kind, kind)
    assert not derives(kind, int)


@pytest.mark.parametrize(
    ("module", "spec", "name"),
    [
        ("shop", "app", "shop"),
        ("__main__", "app", "app"),
        ("__mp_main__", "app", "app"),
        ("__main__", None, "__main__"),
        ("__mp_main__", None, "__main__"),
    ],
)
def test_a_class_is_named_as_it_can_be_imported(
    module: str, spec: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = types.ModuleType("__main__")
    main.__spec__ = None if spec is None else types.SimpleNamespace(name=spec)  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.delitem(sys.modules, "__mp_main__", raising=False)
    assert module_name(module) == name
    kind = type("Kind", (), {"__module__": module, "__qualname__": "Outer.Kind"})
    assert class_name(kind) == f"{name}:Outer.Kind"
