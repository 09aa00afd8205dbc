"""Kinds of the standard library, each known by a fixed name and reduced to simpler values.

The names are written out because Python moves classes between modules from release to release.
"""

from __future__ import annotations

import functools
import io
import ipaddress
import operator
import re
import string
import sys
import types
import uuid
from array import array
from collections import (
    ChainMap,
    Counter,
    OrderedDict,
    UserDict,
    UserList,
    UserString,
    defaultdict,
    deque,
)
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo

from llmcache.keys.values.attributes import class_name, module_name
from llmcache.keys.values.stream import Stream, Unkeyable, Writer, native, native_leaf

__all__ = ["STDLIB", "zone"]


def zone(value: tzinfo | None, moment: datetime | time) -> object:
    """The zone's key; of a zone without one, what it says about the moment."""
    if value is None:
        return None
    if isinstance(value, ZoneInfo) and value.key is not None:
        return ("zone", value.key)
    if isinstance(value, timezone):
        return ("offset", *value.__getinitargs__())  # type: ignore[attr-defined]
    if isinstance(getattr(value, "zone", None), str):  # pytz
        return ("zone", value.zone)  # type: ignore[attr-defined]
    return (class_name(type(value)), moment.utcoffset(), moment.tzname())


def moment_parts(value: datetime) -> tuple[object, ...]:
    day = (value.year, value.month, value.day)
    clock = (value.hour, value.minute, value.second, value.microsecond)
    return (datetime(*day, *clock).isoformat(), value.fold, zone(value.tzinfo, value))  # noqa: DTZ001 - the zone is written apart


def time_parts(value: time) -> tuple[object, ...]:
    clock = (value.hour, value.minute, value.second, value.microsecond)
    return (time(*clock).isoformat(), value.fold, zone(value.tzinfo, value))


def zone_parts(value: ZoneInfo) -> tuple[object, ...]:
    if value.key is None:
        raise Unkeyable(value, "it was read from a file and has no zone key")
    return (value.key,)


def array_parts(value: array[Any]) -> tuple[object, ...]:
    content = value[:]
    if sys.byteorder == "big":
        content.byteswap()
    return (value.typecode, value.itemsize, content.tobytes())


def scope_and_bytes(value: ipaddress.IPv6Address) -> tuple[object, ...]:
    return (value.packed, value.scope_id)


def position_and_content(value: io.BytesIO | io.StringIO) -> tuple[object, ...]:
    """What can be read next counts, therefore the position does."""
    if value.closed:
        raise Unkeyable(value, "it is closed")
    return (value.getvalue(), value.tell())


def getter_parts(value: Any) -> tuple[object, ...]:
    _, arguments, *keywords = value.__reduce__()
    return (arguments, *keywords)


def write_module(out: Stream, value: types.ModuleType) -> None:
    out.references.met_module(value)
    write_module_name(out, module_name(value.__name__))


write_module_name: Writer = native_leaf("module", lambda name: (name,))

LEAVES: dict[type, tuple[str, Any]] = {
    Decimal: ("Decimal", lambda v: (Decimal.__str__(v),)),
    Fraction: ("Fraction", lambda v: (v.numerator, v.denominator)),
    uuid.UUID: ("UUID", lambda v: (v.bytes,)),
    date: ("date", lambda v: (date.isoformat(v),)),
    datetime: ("datetime", moment_parts),
    time: ("time", time_parts),
    timedelta: ("timedelta", lambda v: (v.days, v.seconds, v.microseconds)),
    timezone: ("timezone", lambda v: v.__getinitargs__()),
    ZoneInfo: ("ZoneInfo", zone_parts),
    ipaddress.IPv4Address: ("IPv4Address", lambda v: (v.packed,)),
    ipaddress.IPv6Address: ("IPv6Address", scope_and_bytes),
    ipaddress.IPv4Network: ("IPv4Network", lambda v: (v.network_address, v.prefixlen)),
    ipaddress.IPv6Network: ("IPv6Network", lambda v: (v.network_address, v.prefixlen)),
    ipaddress.IPv4Interface: ("IPv4Interface", lambda v: (v.ip, v.network)),
    ipaddress.IPv6Interface: ("IPv6Interface", lambda v: (v.ip, v.network)),
    re.Pattern: ("Pattern", lambda v: (v.pattern, v.flags)),
    array: ("array", array_parts),
    io.BytesIO: ("BytesIO", position_and_content),
    io.StringIO: ("StringIO", position_and_content),
    PurePosixPath: ("PurePosixPath", lambda v: (str(v),)),
    PureWindowsPath: ("PureWindowsPath", lambda v: (str(v),)),
    UserString: ("UserString", lambda v: (v.data,)),
    string.Template: ("Template", lambda v: (v.template,)),
}

COMPOUNDS: dict[type, tuple[str, Any]] = {
    deque: ("deque", lambda v: (v.maxlen, list(deque.__iter__(v)))),
    OrderedDict: ("OrderedDict", lambda v: tuple(OrderedDict.items(v))),
    defaultdict: ("defaultdict", lambda v: (v.default_factory, dict(dict.items(v)))),
    Counter: ("Counter", lambda v: (dict(dict.items(v)),)),
    ChainMap: ("ChainMap", lambda v: (v.maps,)),
    UserDict: ("UserDict", lambda v: (v.data,)),
    UserList: ("UserList", lambda v: (v.data,)),
    types.MappingProxyType: ("MappingProxyType", lambda v: (dict(v.items()),)),
    functools.partial: ("partial", lambda v: (v.func, v.args, v.keywords)),
    types.MethodType: ("method", lambda v: (v.__self__, v.__func__)),
    operator.itemgetter: ("itemgetter", getter_parts),
    operator.attrgetter: ("attrgetter", getter_parts),
    operator.methodcaller: ("methodcaller", getter_parts),
}

STDLIB: dict[type, Writer] = {
    **{kind: native_leaf(name, reduce) for kind, (name, reduce) in LEAVES.items()},
    **{kind: native(name, reduce) for kind, (name, reduce) in COMPOUNDS.items()},
    types.ModuleType: write_module,
}
