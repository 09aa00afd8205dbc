"""Values of the standard library and of pydantic that are rebuilt from a few parts.

One literal table: nothing outside it is ever built, whatever the bytes say. The tags are part of
the stored format and never change their meaning.
"""

from __future__ import annotations

import base64
import collections
import datetime as dt
import decimal
import fractions
import functools
import ipaddress
import pathlib
import re
import uuid
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydantic
import pydantic_core
from pydantic import networks

from llmcache.codecs.outcomes import Unstorable, full_name

__all__ = ["LEAVES", "TAGS", "Leaf"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One type: what it is taken apart into, and how it is put together again.

    Attributes:
        kind: The exact type.
        parts: The value's parts, complete; each is encoded in its turn.
        build: The way back, from the parts in order.
        holds: Whether parts may be of the user's types; False spares looking into them.
    """

    kind: type
    parts: Callable[[Any], tuple[Any, ...]]
    build: Callable[..., Any]
    holds: bool = False


FACTORIES: dict[str, Any] = {
    kind.__name__: kind for kind in (bool, bytes, dict, float, int, list, set, str, tuple)
}
URLS = (
    "AmqpDsn", "AnyHttpUrl", "AnyUrl", "AnyWebsocketUrl", "ClickHouseDsn", "CockroachDsn",
    "FileUrl", "FtpUrl", "HttpUrl", "KafkaDsn", "MariaDBDsn", "MongoDsn", "MySQLDsn", "NatsDsn",
    "PostgresDsn", "RedisDsn", "SnowflakeDsn", "WebsocketUrl",
)  # fmt: skip


LOUD = re.DEBUG | 1
"""Flags of patterns under which making one prints, or warns (`re.TEMPLATE`, gone in 3.13)."""


def as_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def as_bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


@functools.lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The zones this machine knows; asked once, as it walks directories."""
    return frozenset(zoneinfo.available_timezones())


def zone_parts(zone: dt.tzinfo | None) -> Any:
    """A time zone as plain JSON: by kind, so that the same class comes back."""
    kind = type(zone)
    if zone is None:
        return None
    if kind is pydantic_core.TzInfo:
        return offset_seconds(zone)
    if kind is dt.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return ["fixed", offset.days, offset.seconds, offset.microseconds, *name]
    if isinstance(zone, zoneinfo.ZoneInfo) and kind is zoneinfo.ZoneInfo and zone.key in zones():
        return ["zone", zone.key]
    raise Unstorable("this kind of time zone has no stored form", type_name=full_name(kind))


def offset_seconds(zone: dt.tzinfo) -> float:
    offset = zone.utcoffset(None)
    return offset.total_seconds() if offset else 0


def zone_built(parts: Any) -> dt.tzinfo | None:
    """The way back; a zone by name only if this machine knows it, so no path is ever opened."""
    if parts is None:
        return None
    if not isinstance(parts, list):
        return pydantic_core.TzInfo(parts)
    if parts[0] == "zone" and parts[1] in zones():
        return zoneinfo.ZoneInfo(parts[1])
    if parts[0] != "fixed":
        raise ValueError("unknown time zone")
    return dt.timezone(dt.timedelta(*parts[1:4]), *parts[4:])


def datetime_parts(moment: dt.datetime) -> tuple[Any, ...]:
    return (moment.replace(tzinfo=None, fold=0).isoformat(), zone_parts(moment.tzinfo), moment.fold)


def datetime_built(text: str, zone: Any, fold: int) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if zone is None and not fold:
        return moment
    return moment.replace(tzinfo=zone_built(zone), fold=fold)


def time_parts(moment: dt.time) -> tuple[Any, ...]:
    return (moment.replace(tzinfo=None, fold=0).isoformat(), zone_parts(moment.tzinfo), moment.fold)


def time_built(text: str, zone: Any, fold: int) -> dt.time:
    return dt.time.fromisoformat(text).replace(tzinfo=zone_built(zone), fold=fold)


def defaultdict_parts(mapping: collections.defaultdict[Any, Any]) -> tuple[Any, ...]:
    factory = mapping.default_factory
    name = getattr(factory, "__name__", None) if isinstance(factory, type) else None
    if factory is not None and FACTORIES.get(name or "") is not factory:
        raise Unstorable("its default factory is not a built-in type", type_name="defaultdict")
    return (name, dict(mapping))


def defaultdict_built(name: str | None, items: dict[Any, Any]) -> Any:
    return collections.defaultdict(None if name is None else FACTORIES[name], items)


def ordered_built(pairs: list[Any]) -> Any:
    return collections.OrderedDict(pairs)


def text_of(value: object) -> tuple[str]:
    return (str(value),)


def by_text(kind: type) -> Leaf:
    """A type whose `str` says all and whose constructor takes it."""
    return Leaf(kind, text_of, kind)


LEAVES: dict[str, Leaf] = {
    "float": Leaf(float, lambda number: (repr(number),), float),
    "text": Leaf(
        str,
        lambda text: (text.encode("utf-8", "surrogatepass").hex(),),
        lambda digits: bytes.fromhex(digits).decode("utf-8", "surrogatepass"),
    ),
    "bytes": Leaf(bytes, lambda data: (as_text(data),), as_bytes),
    "bytearray": Leaf(
        bytearray, lambda data: (as_text(data),), lambda text: bytearray(as_bytes(text))
    ),
    "complex": Leaf(
        complex,
        lambda number: (repr(number.real), repr(number.imag)),
        lambda real, imag: complex(float(real), float(imag)),
    ),
    "datetime": Leaf(dt.datetime, datetime_parts, datetime_built),
    "date": Leaf(dt.date, lambda day: (day.isoformat(),), dt.date.fromisoformat),
    "time": Leaf(dt.time, time_parts, time_built),
    "timedelta": Leaf(
        dt.timedelta, lambda span: (span.days, span.seconds, span.microseconds), dt.timedelta
    ),
    "decimal": by_text(decimal.Decimal),
    "fraction": Leaf(
        fractions.Fraction,
        lambda number: (number.numerator, number.denominator),
        fractions.Fraction,
    ),
    "uuid": Leaf(
        uuid.UUID,
        lambda label: (label.hex, label.is_safe.value),
        lambda digits, safe: uuid.UUID(hex=digits, is_safe=uuid.SafeUUID(safe)),
    ),
    "pattern": Leaf(
        re.Pattern,
        lambda pattern: (pattern.pattern, pattern.flags),
        lambda text, flags: re.compile(text, flags & ~LOUD),
        holds=True,
    ),
    "ellipsis": Leaf(type(...), lambda _: (), lambda: ...),
    "range": Leaf(range, lambda span: (span.start, span.stop, span.step), range),
    "deque": Leaf(
        collections.deque,
        lambda items: (list(items), items.maxlen),
        collections.deque,
        holds=True,
    ),
    "ordered-dict": Leaf(
        collections.OrderedDict, lambda items: (list(items.items()),), ordered_built, holds=True
    ),
    "counter": Leaf(
        collections.Counter, lambda items: (dict(items),), collections.Counter, holds=True
    ),
    "default-dict": Leaf(collections.defaultdict, defaultdict_parts, defaultdict_built, holds=True),
    "secret-str": Leaf(
        pydantic.SecretStr,
        lambda secret: (secret.get_secret_value(),),
        pydantic.SecretStr,
        holds=True,
    ),
    "secret-bytes": Leaf(
        pydantic.SecretBytes,
        lambda secret: (secret.get_secret_value(),),
        pydantic.SecretBytes,
        holds=True,
    ),
    "secret": Leaf(
        pydantic.Secret, lambda secret: (secret.get_secret_value(),), pydantic.Secret, holds=True
    ),
    "byte-size": Leaf(pydantic.ByteSize, lambda size: (int(size),), pydantic.ByteSize),
    "core-url": by_text(pydantic_core.Url),
    "core-multi-url": by_text(pydantic_core.MultiHostUrl),
    **{
        name: by_text(kind)
        for name in URLS
        for kind in [getattr(networks, name, None)]
        if isinstance(kind, type) and kind is not pydantic_core.Url
    },
    **{
        kind.__name__: by_text(kind)
        for kind in (
            pathlib.PosixPath,
            pathlib.WindowsPath,
            pathlib.PurePosixPath,
            pathlib.PureWindowsPath,
            ipaddress.IPv4Address,
            ipaddress.IPv4Interface,
            ipaddress.IPv4Network,
            ipaddress.IPv6Address,
            ipaddress.IPv6Interface,
            ipaddress.IPv6Network,
        )
    },
}
"""Tag to type."""

TAGS: dict[Any, str] = {leaf.kind: tag for tag, leaf in LEAVES.items()}
"""Exact type to tag."""
