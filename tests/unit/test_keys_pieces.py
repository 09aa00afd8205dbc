"""What was read, as pieces: how they are named, hashed and seen to be out of date."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmcache.keys.code.pieces import (
    MISSING,
    Piece,
    Reading,
    Remembered,
    content,
    framed_piece,
)


def test_a_piece_is_framed_by_its_lengths() -> None:
    assert framed_piece("ab", b"xyz") == b"2:ab3:xyz"
    assert framed_piece("é\ud800", b"") == b"5:\xc3\xa9\xed\xa0\x800:"


def test_two_pieces_of_one_name_are_numbered_unless_they_are_alike() -> None:
    reading = Reading()
    names = [reading.add("a", digest) for digest in (b"1", b"2", b"1", b"3", b"2")]
    assert names == ["a", "a (2)", "a", "a (3)", "a (2)"]
    assert reading.parts == {"a": b"1", "a (2)": b"2", "a (3)": b"3"}


def test_the_state_is_fed_with_the_parts_by_their_names() -> None:
    reading = Reading()
    reading.add("b", b"2")
    reading.add("a", b"1")
    expected = hashlib.sha256(b"start2[" + framed_piece("a", b"1") + framed_piece("b", b"2"))
    assert reading.state(b"start").digest() == expected.digest()
    assert reading.state().digest() != expected.digest()


def live(files: bool) -> Iterator[Piece]:  # noqa: FBT001 - as `Live`
    yield "now", b"with files" if files else b"without"
    yield "left out", "a reason"


def test_the_digest_is_that_of_the_parts_and_of_what_is_made_anew() -> None:
    reading = Reading()
    reading.add("a", b"1")
    fixed = reading.digest(files=True)
    assert fixed == reading.state().digest()
    reading.live.append(live)
    expected = reading.state()
    expected.update(framed_piece("now", b"with files"))
    assert reading.digest(files=True) == expected.digest()
    assert reading.digest(files=True) == expected.digest()
    assert len({fixed, reading.digest(files=True), reading.digest(files=False)}) == 3


def test_a_piece_that_is_added_changes_the_digest_at_once() -> None:
    reading = Reading()
    reading.add("a", b"1")
    before = reading.digest(files=True)
    reading.add("b", b"2")
    assert reading.digest(files=True) != before


def test_details_tell_what_a_part_is_made_of_in_its_place() -> None:
    reading = Reading(parts={"a": b"1", "b": b"2"}, live=[live])
    reading.finer["a"] = {"a: x": b"3", "a: y": b"4"}
    assert list(reading.details(files=False)) == [
        ("a: x", b"3"),
        ("a: y", b"4"),
        ("b", b"2"),
        ("now", b"without"),
        ("left out", "a reason"),
    ]


def made(default: int = 1, *, named: int = 2) -> tuple[int, int]:
    """What it says."""
    return default, named


def other(default: int = 1, *, named: int = 2) -> tuple[int, int]:
    return named, default


def with_cell() -> tuple[types.CellType, Callable[[Any], None]]:
    held: Any = "a"

    def read() -> Any:
        return held

    def write(value: Any) -> None:
        nonlocal held
        held = value

    assert read.__closure__ is not None
    return read.__closure__[0], write


def of_names() -> tuple[Reading, Callable[[], object]]:
    names: dict[str, Any] = {"a": "x"}
    reading = Reading(watched=[(names, "a", names["a"])])
    return reading, lambda: names.update(a=["x"])


def of_missing_names() -> tuple[Reading, Callable[[], object]]:
    names: dict[str, Any] = {}
    return Reading(watched=[(names, "a", MISSING)]), lambda: names.update(a=None)


def of_cells() -> tuple[Reading, Callable[[], object]]:
    cell, write = with_cell()
    return Reading(cells=[(cell, cell.cell_contents)]), lambda: write(["a"])


def of_function(name: str, value: object) -> Callable[[], tuple[Reading, Callable[[], object]]]:
    def begun() -> tuple[Reading, Callable[[], object]]:
        copied = types.FunctionType(made.__code__, globals(), "f", made.__defaults__)
        copied.__kwdefaults__ = dict(made.__kwdefaults__ or {})
        known = (copied, copied.__code__, copied.__defaults__, copied.__kwdefaults__)
        return Reading(functions=[known]), lambda: setattr(copied, name, value)

    return begun


def of_sizes() -> tuple[Reading, Callable[[], object]]:
    names = {"a": 1}
    return Reading(sized=[(names, 1)]), lambda: names.update(b=2)


def of_docstrings() -> tuple[Reading, Callable[[], object]]:
    copied = types.FunctionType(made.__code__, globals())
    copied.__doc__ = made.__doc__
    reading = Reading(documented=[(copied, copied.__doc__)])
    return reading, lambda: setattr(copied, "__doc__", "Another.")


@pytest.mark.parametrize(
    "begun",
    [
        *(of_names, of_missing_names, of_cells, of_sizes, of_docstrings),
        of_function("__code__", other.__code__),
        of_function("__defaults__", (2,)),
        of_function("__kwdefaults__", {"named": 3}),
    ],
    ids=["names", "missing", "cells", "sizes", "docstrings", "code", "defaults", "keywords"],
)
def test_a_reading_is_out_of_date_once_something_leads_elsewhere(
    begun: Callable[[], tuple[Reading, Callable[[], object]]],
) -> None:
    reading, change = begun()
    assert reading.current()
    change()
    assert not reading.current()


def test_a_cell_may_be_empty() -> None:
    assert content(types.CellType()) is MISSING
    assert content(types.CellType(1)) == 1


class Same:
    """All of them are equal."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def test_things_are_remembered_by_identity_and_the_older_half_is_let_go_of() -> None:
    remembered: Remembered[int] = Remembered(4)
    subjects = [Same() for _ in range(6)]
    for number, subject in enumerate(subjects[:4]):
        remembered.put(subject, number)
    assert [remembered.get(subject) for subject in subjects] == [0, 1, 2, 3, None, None]
    remembered.put(subjects[4], 4)
    assert [remembered.get(subject) for subject in subjects] == [None, None, 2, 3, 4, None]
    remembered.put(subjects[4], 5)
    assert remembered.get(subjects[4]) == 5
    remembered.clear()
    assert remembered.get(subjects[4]) is None
