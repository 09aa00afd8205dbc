"""Arrays, tables and pictures: numpy, pandas, PIL. Whole, never sampled.

A library is looked for among the loaded ones: where it is not loaded, no value of it can be here.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any

from llmcache.keys.values.attributes import class_name, derives
from llmcache.keys.values.stdlib import zone
from llmcache.keys.values.stream import FileNeeded, Stream, Writer, native, native_leaf

__all__ = ["array_writer"]


def array_writer(kind: type) -> Writer | None:
    """The writer for a class of one of these libraries, or of a subclass of one."""
    for library, names in WRITERS.items():
        module = sys.modules.get(library)
        for name, writer in names.items():
            known = getattr(module, name, None)
            if known is not None and derives(
                kind, known if isinstance(known, type) else type(known)
            ):
                return writer
    return None


def content_digest(content: Any) -> bytes:
    return hashlib.sha256(content).digest()


def own_parts(value: Any, library: str) -> tuple[object, ...]:
    """The class, and the attributes where the class is not the library's own."""
    kind = type(value)
    if kind.__module__.partition(".")[0] == library:
        return (kind.__name__, {})
    names = getattr(kind, "_metadata", None)  # what a subclass of pandas' declares
    held = vars(value) if names is None else {name: getattr(value, name, None) for name in names}
    return (class_name(kind), held)


# numpy


def dtype_parts(dtype: Any) -> object:
    """The type's text; of a structured one, its fields with their places."""
    if dtype.names is None:
        return dtype.str if dtype.subdtype is None else (dtype_parts(dtype.base), dtype.shape)
    fields = [(name, dtype_parts(dtype[name]), dtype.fields[name][1]) for name in dtype.names]
    return (dtype.itemsize, *fields)


def array_parts(array: Any) -> tuple[object, ...]:
    numpy = sys.modules["numpy"]
    parts = (*own_parts(array, "numpy"), dtype_parts(array.dtype), array.shape)
    if derives(type(array), numpy.ma.MaskedArray):
        mask = numpy.ma.getmaskarray(array)
        return (*parts, array_content(array.filled()), array_content(mask))
    return (*parts, array_content(numpy.asarray(array)))


def array_content(array: Any) -> object:
    """Elements where bytes would be addresses, padding or several for one value; else a digest."""
    numpy = sys.modules["numpy"]
    if array.dtype.names is not None:
        return [array_content(array[name]) for name in array.dtype.names]
    if array.dtype.kind in {"O", "T"}:
        return array.ravel().tolist()
    if array.dtype.char in {"g", "G"}:
        return [
            numpy.format_float_scientific(part)
            for one in array.ravel()
            for part in (one.real, one.imag)
        ]
    if array.dtype.kind in {"f", "c"}:
        array = one_nan(numpy, array)
    if array.size == 0:
        return b""
    return content_digest(memoryview(numpy.ascontiguousarray(array).reshape(-1).view("u1")))


def one_nan(numpy: Any, array: Any) -> Any:
    """NaN has many bit patterns, and which one a computation gives depends on the processor."""
    missing = numpy.isnan(array)
    return (
        numpy.where(missing, array.dtype.type(numpy.nan), array).astype(array.dtype)
        if missing.any()
        else array
    )


def scalar_parts(value: Any) -> tuple[object, ...]:
    numpy = sys.modules["numpy"]
    return (dtype_parts(value.dtype), array_content(numpy.asarray(value)))


# pandas


def values_parts(values: Any) -> tuple[object, ...]:
    """The type's text, and the values: as an array, in parts, or one by one."""
    numpy = sys.modules["numpy"]
    dtype = values.dtype
    if isinstance(dtype, numpy.dtype):
        return (str(dtype), array_content(values.to_numpy()))
    if dtype.name == "category":
        return (
            dtype.ordered,
            dtype.categories,
            array_content(values.cat.codes.to_numpy() if hasattr(values, "cat") else values.codes),
        )
    return (str(dtype), list(values.astype(object)))


def index_parts(index: Any) -> tuple[object, ...]:
    """A range counts as its numbers: which of the two pandas makes depends on its release."""
    if index.nlevels > 1:
        levels = [values_parts(index.get_level_values(level)) for level in range(index.nlevels)]
        return (list(index.names), levels)
    name = type(index).__name__.replace("RangeIndex", "Index")
    return (name, list(index.names), values_parts(index))


def series_parts(series: Any) -> tuple[object, ...]:
    return (
        *own_parts(series, "pandas"),
        series.name,
        index_parts(series.index),
        values_parts(series),
        series.attrs,
    )


def frame_parts(frame: Any) -> tuple[object, ...]:
    columns = [values_parts(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return (
        *own_parts(frame, "pandas"),
        index_parts(frame.columns),
        index_parts(frame.index),
        columns,
        frame.attrs,
    )


def timestamp_parts(value: Any) -> tuple[object, ...]:
    return (
        value.tz_localize(None).isoformat(timespec="nanoseconds"),
        value.fold,
        zone(value.tzinfo, value),
    )


# PIL


def image_writer() -> Writer:
    write_parts = native("PIL.Image", image_parts)

    def write_image(out: Stream, value: Any) -> None:
        """An opened picture that is not loaded yet is a file still to be read."""
        if not out.files and getattr(value, "fp", None) is not None:
            raise FileNeeded
        write_parts(out, value)

    return write_image


def image_parts(image: Any) -> tuple[object, ...]:
    place = image.tell()
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        if number != image.tell():
            image.seek(number)
        palette = None if image.palette is None else tuple(image.palette.getdata())
        frames.append((image.mode, image.size, palette, content_digest(image.tobytes())))
    if image.tell() != place:
        image.seek(place)
    return (frames, place, image.info.get("transparency"))


WRITERS: dict[str, dict[str, Writer]] = {
    "numpy": {
        "ndarray": native("numpy.ndarray", array_parts),
        "generic": native("numpy.generic", scalar_parts),
        "dtype": native_leaf("numpy.dtype", lambda v: (dtype_parts(v),)),
        "ufunc": native_leaf("numpy.ufunc", lambda v: (v.__name__,)),
    },
    "pandas": {
        "DataFrame": native("pandas.DataFrame", frame_parts),
        "Series": native("pandas.Series", series_parts),
        "Index": native("pandas.Index", index_parts),
        "Timestamp": native_leaf("pandas.Timestamp", timestamp_parts),
        "Timedelta": native_leaf("pandas.Timedelta", lambda v: (v.isoformat(),)),
        "Period": native_leaf("pandas.Period", lambda v: (str(v), v.freqstr)),
        "Interval": native("pandas.Interval", lambda v: (v.left, v.right, v.closed)),
        "NaT": native_leaf("pandas.NaT", lambda _: ()),
        "NA": native_leaf("pandas.NA", lambda _: ()),
        "Categorical": native("pandas.Categorical", values_parts),
    },
    "PIL.Image": {"Image": image_writer()},
}
