"""Which classes may come back, and under which circumstances."""

from __future__ import annotations

import enum
import gc
import subprocess
import sys
import threading
from typing import Any, NewType

import pytest
from pydantic import BaseModel, create_model

from llmcache.codecs import ResultCodec, SeenTypes, Unreadable, result_codec


class Base(BaseModel):
    """Declared."""

    a: int


class Derived(Base):
    """Not declared, but derived from what is."""

    b: int


class Stranger(BaseModel):
    """Neither declared nor derived."""

    a: int


def test_of_more_classes_than_are_kept_the_latest_come_back() -> None:
    seen = SeenTypes()
    codec = ResultCodec(Any, seen=seen)
    kinds = [create_model(f"Made{number}", a=(int, ...)) for number in range(200)]
    stored = [codec.dump(kind(a=1)).data for kind in kinds]
    assert type(codec.load(stored[-1])) is kinds[-1]
    with pytest.raises(Unreadable):
        codec.load(stored[0])


def test_subclasses_of_declared_classes_come_back_without_being_seen() -> None:
    data = ResultCodec(Base).dump(Derived(a=1, b=2)).data
    assert type(ResultCodec(Base).load(data)) is Derived


def test_strangers_come_back_only_where_they_were_seen_or_are_candidates() -> None:
    seen = SeenTypes()
    data = ResultCodec(Any, (), seen).dump(Stranger(a=1)).data
    assert type(ResultCodec(Any, (), seen).load(data)) is Stranger
    assert type(ResultCodec(Any, (Stranger,)).load(data)) is Stranger
    for declared in (Any, None, Base, BaseModel, list[Base]):
        with pytest.raises(Unreadable, match="Stranger"):
            ResultCodec(declared).load(data)


def test_of_classes_with_one_name_the_last_seen_comes_back() -> None:
    codec = ResultCodec(Any)
    first, second = (create_model("Local", a=(int, ...)) for _ in range(2))
    data = codec.dump(first(a=1)).data
    assert type(codec.load(data)) is first
    codec.dump(second(a=2))
    assert type(codec.load(data)) is second


def test_a_class_with_other_fields_is_another_class() -> None:
    codec = ResultCodec(Any)
    first = create_model("Local", a=(int, ...))
    second = create_model("Local", a=(str, ...))
    data = codec.dump(first(a=1)).data
    codec.dump(second(a="x"))
    assert type(codec.load(data)) is first


def test_a_class_that_moved_to_another_module_still_reads_its_entries() -> None:
    """So a function with a pinned name may move together with its classes."""
    here = create_model("Moved", __module__="app.old", a=(int, ...))
    there = create_model("Moved", __module__="app.new", a=(int, ...))
    data = ResultCodec(here).dump(here(a=1)).data
    assert type(ResultCodec(there).load(data)) is there


def test_seen_classes_are_bounded() -> None:
    seen = SeenTypes()
    for number in range(1_000):
        seen.remember(create_model(f"Local{number}", a=(int, ...)))
    assert len(seen.classes) == 128
    assert seen.find(f"{__name__}:Local0", "") is None


def test_classes_nested_in_declared_ones_are_declared() -> None:
    class Color(enum.Enum):
        RED = 1

    class Inner(BaseModel):
        color: Color

    class Outer(BaseModel):
        inner: dict[str, list[tuple[Inner, ...]]]

    value = Outer(inner={"a": [(Inner(color=Color.RED),)]})
    data = ResultCodec(Outer).dump(value).data
    restored = ResultCodec(Outer, (), SeenTypes()).load(data)
    assert restored.inner["a"][0][0].color is Color.RED


def test_what_a_new_type_names_is_declared() -> None:
    codec = ResultCodec(list[NewType("Known", Base)])
    data = codec.dump([Base(a=1)]).data
    assert ResultCodec(list[NewType("Known", Base)]).load(data) == [Base(a=1)]


def test_equal_arguments_give_one_codec_and_unhashable_ones_work_too() -> None:
    seen = SeenTypes()
    assert result_codec(list[Base], (Base,), seen) is result_codec(list[Base], (Base,), seen)
    assert result_codec(Base, (), seen) is not result_codec(Base, (), SeenTypes())
    unhashable: Any = [Base]
    assert result_codec(unhashable).dump(Base(a=1)).value == Base(a=1)


def test_codecs_work_from_many_threads_at_once() -> None:
    codec = ResultCodec(Any)
    failures: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for turn in range(50):
                kind = create_model(f"T{number % 3}", a=(int, ...))
                assert codec.load(codec.dump(kind(a=turn)).data).a == turn
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            failures.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(6)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that each comes between another's remembering and restoring
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failures == []


def test_no_codec_keeps_the_values_alive() -> None:
    codec = ResultCodec(Any)
    codec.dump([Base(a=number) for number in range(10)])
    gc.collect()
    assert not [value for value in gc.get_objects() if type(value) is Base]


def test_importing_the_codecs_imports_no_sdk() -> None:
    text = (
        "import sys, llmcache.codecs;"
        "sys.exit(any(n.partition('.')[0] in {'openai','anthropic','instructor','cryptography'}"
        " for n in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", text], check=True)  # noqa: S603 - this interpreter, this text
