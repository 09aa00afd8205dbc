"""Files, pictures, arrays and tables count by content."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pytest
from instructor.processing.multimodal import PDF, Audio, Image, ImageWithCacheControl
from PIL import Image as Picture

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.project import Project
from llmcache.keys.values.canonical import FileNeeded, digest

PNG = b"\x89PNG\r\n\x1a\n"


def key(value: object, *, files: bool = True) -> str:
    return digest(value, path="value", references=Fingerprints(Project("tests")), files=files).hex()


def distinct(values: list[Any]) -> bool:
    return len({key(value) for value in values}) == len(values)


# Paths


def test_a_path_counts_by_its_text_and_the_content_of_its_file(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    missing = key(path)
    path.write_bytes(b"one")
    other.write_bytes(b"one")
    one = key(path)
    assert one == key(tmp_path / "a")
    path.write_bytes(b"two")
    assert len({missing, one, key(path), key(other)}) == 4


def test_an_edit_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    times = path.stat()
    before = key(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert key(path) != before


def test_what_is_no_regular_file_counts_by_its_text(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "no" / "file", Path("a\0b")):
        assert key(path) == key(path)


def test_a_link_counts_by_the_content_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    before = key(tmp_path / "link")
    (tmp_path / "target").write_bytes(b"one")
    assert key(tmp_path / "link") != before


def test_a_pure_path_is_text() -> None:
    assert key(PurePosixPath("a"), files=False) != key(Path("a"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A link to itself cannot be followed, not even by root."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UncacheableArgumentError, match="its file cannot be read"):
        key(tmp_path / "loop")


def test_where_files_may_not_be_read_a_path_asks_for_it(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(FileNeeded):
            key([path], files=False)


# Instructor's media


def test_media_count_by_content_wherever_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG + b"one")
    data = base64.b64encode(PNG + b"one").decode()
    read = Image.from_path(path)
    path.rename(tmp_path / "b.png")
    again = Image.from_path(tmp_path / "b.png")
    given = Image.from_raw_base64(data)
    uri = Image.from_base64(f"data:image/png;base64,{data}")
    assert key(read) == key(again) == key(given) == key(uri)
    assert key(given, files=False) == key(given)
    other = Image.from_raw_base64(base64.b64encode(PNG + b"two").decode())
    cached = ImageWithCacheControl(source=data, media_type="image/png", data=data)
    jpeg = Image(source=data, media_type="image/jpeg", data=data)
    assert distinct(
        [given, other, cached, jpeg, PDF(source=data, media_type="image/png", data=data)]
    )


def test_remote_media_count_by_address() -> None:
    images = [Image.from_url(f"https://example.org/{name}.png") for name in ("a", "a", "b")]
    assert key(images[0], files=False) == key(images[1]) != key(images[2])


def test_a_local_source_without_data_counts_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    audio = Audio(source=str(path), media_type="audio/wav")  # type: ignore[call-arg]
    before = key(audio)
    with pytest.raises(FileNeeded):
        key(audio, files=False)
    path.write_bytes(b"two")
    assert key(audio) != before


# numpy


def test_arrays_count_by_type_shape_and_every_element() -> None:
    flat = np.arange(6)
    big, edited = np.zeros(100_000), np.zeros(100_000)
    edited[54_321] = 1e-300
    assert distinct(
        [
            flat,
            flat.reshape(2, 3),
            flat.reshape(3, 2),
            flat.astype("f8"),
            flat.astype(">i8"),
            flat.tolist(),
            big,
            edited,
            np.array(1),
            np.int64(1),
            1,
            np.array([0.0]),
            np.array([-0.0]),
            np.ma.array([0.0], mask=[True]),
        ]
    )


def test_the_layout_in_memory_does_not_count() -> None:
    table = np.arange(6).reshape(2, 3)
    assert key(table) == key(np.asfortranarray(table))
    assert key(table[:, ::2]) == key(np.array([[0, 2], [3, 5]]))


def test_all_nan_are_alike_in_arrays_too() -> None:
    """Which of its bit patterns a computation gives depends on the processor."""
    patterns = np.array([0x7FF8 << 48, 0xFFF8 << 48], dtype="u8").view("f8")
    assert key(patterns) == key(np.array([np.nan, np.nan]))
    assert key(np.float64(patterns[1])) == key(np.float64(np.nan))


def test_arrays_of_objects_count_by_their_objects() -> None:
    made = [np.array(["a" * 3, None, (1,)], dtype=object) for _ in range(2)]
    assert key(made[0]) == key(made[1]) != key(np.array(["aaa", None, (2,)], dtype=object))
    with pytest.raises(UncacheableArgumentError):
        key(np.array([object()], dtype=object))


class Tagged(np.ndarray[Any, Any]):
    unit: str


def test_a_subclass_of_the_users_counts_with_its_attributes() -> None:
    made = [np.zeros(1).view(Tagged) for _ in range(3)]
    for array, unit in zip(made, ("m", "m", "s"), strict=True):
        array.unit = unit
    assert key(made[0]) == key(made[1])
    assert distinct([made[0], made[2], np.zeros(1)])


def test_padding_does_not_count() -> None:
    layout = np.dtype([("a", "u1"), ("b", "<i8")], align=True)
    made = []
    for filling in (0, 255):
        raw = np.full(layout.itemsize, filling, "u1").view(layout)
        raw["a"], raw["b"] = 1, 2
        made.append(raw)
    assert key(made[0]) == key(made[1])
    wide = [np.array([1.5], dtype="g") for _ in range(2)]
    wide[1].view("u1")[10:] = 7
    assert key(wide[0]) == key(wide[1])


# pandas


def frame(**changes: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "number": [1, 2],
        "text": ["a", None],
        "kind": pd.Categorical(["u", "v"]),
        "moment": pd.to_datetime(["2024-01-01", None], utc=True),
        "maybe": pd.array([1, None], dtype="Int64"),
    }
    return pd.DataFrame(columns | changes)


def test_frames_count_by_columns_index_types_and_values() -> None:
    assert key(frame()) == key(frame())
    assert distinct(
        [
            frame(),
            frame(number=[1, 3]),
            frame(number=[1.0, 2.0]),
            frame(text=["a", "b"]),
            frame(kind=pd.Categorical(["u", "v"], ordered=True)),
            frame(kind=pd.Categorical(["u", "v"], categories=["v", "u"])),
            frame(moment=pd.to_datetime(["2024-01-02", None], utc=True)),
            frame(maybe=pd.array([1, 0], dtype="Int64")),
            frame().set_index("number"),
            frame().rename(columns={"number": "count"}),
            frame()[["text", "number", "kind", "moment", "maybe"]],
            frame().iloc[::-1],
        ]
    )


def test_series_and_indexes_count_by_name_type_and_values() -> None:
    assert distinct(
        [
            pd.Series([1, 2]),
            pd.Series([1, 2], name="a"),
            pd.Series([1, 2], index=[1, 0]),
            pd.Series([1, 2], dtype="Int64"),
            pd.Series([1, 2], dtype=object),
            pd.Index([1, 2]),
            pd.Index([1, 2], name="a"),
            pd.MultiIndex.from_product([[1, 2], ["a"]]),
            pd.MultiIndex.from_product([[1, 2], ["b"]]),
            [1, 2],
        ]
    )


def test_a_range_index_counts_as_its_numbers() -> None:
    """Which of the two a frame gets depends on the release of pandas."""
    assert key(pd.RangeIndex(1, 3)) == key(pd.Index([1, 2])) != key(pd.RangeIndex(1, 4))


def test_unused_levels_do_not_count() -> None:
    whole = pd.MultiIndex.from_product([[1, 2], ["a"]])
    assert key(whole[:1]) == key(pd.MultiIndex.from_product([[1], ["a"]]))


def test_single_values_of_pandas_have_a_key() -> None:
    assert distinct(
        [
            pd.Timestamp("2024-01-01"),
            pd.Timestamp("2024-01-01", tz="UTC"),
            pd.Timestamp("2024-01-01T00:00:00.000000001"),
            pd.Timedelta("1s"),
            pd.Period("2024-01", "M"),
            pd.Period("2024-01", "D"),
            pd.Interval(0, 1),
            pd.Interval(0, 1, closed="both"),
            pd.NaT,
            pd.NA,
            None,
        ]
    )


# PIL


def test_pictures_count_by_their_pixels(tmp_path: Path) -> None:
    red, blue = (Picture.new("RGB", (4, 3), color) for color in ("red", "blue"))
    red.save(tmp_path / "red.png")
    opened = Picture.open(tmp_path / "red.png")
    with pytest.raises(FileNeeded):
        key(opened, files=False)
    assert key(opened) == key(red)
    assert key(red, files=False) == key(red)
    assert distinct([red, blue, red.rotate(90, expand=True), red.convert("L"), red.convert("P")])


def test_a_palette_counts() -> None:
    one, other = Picture.new("P", (1, 1)), Picture.new("P", (1, 1))
    one.putpalette([1, 2, 3])
    other.putpalette([3, 2, 1])
    assert key(one) != key(other)


def test_every_frame_of_an_animation_counts(tmp_path: Path) -> None:
    frames = [Picture.new("L", (2, 2), shade) for shade in (0, 80, 160)]
    keys = set()
    for last in (1, 2):
        path = tmp_path / f"{last}.gif"
        frames[0].save(path, save_all=True, append_images=[frames[last]])
        with Picture.open(path) as animation:
            keys.add(key(animation))
            assert animation.tell() == 0
    assert len(keys) == 2


# No library is imported for its own sake


def test_keys_of_plain_values_load_no_library() -> None:
    program = (
        "import sys; from llmcache.keys.values.canonical import digest; "
        "from llmcache.keys.fingerprints import Fingerprints, Project; "
        "class_ = type('T', (), {'__cache_key__': lambda self: 1}); "
        "digest([1, 'a', {2: class_()}], path='v', references=Fingerprints(Project('t'))); "
        "print(sorted({'numpy', 'pandas', 'PIL', 'instructor', 'attrs'} & set(sys.modules)))"
    )
    run = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
