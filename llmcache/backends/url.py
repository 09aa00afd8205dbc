"""URL to backend: one literal table, and the backends that a process shares."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlencode

from llmcache.backends.address import Address, read_address, read_options, refused, whole_number
from llmcache.backends.base import BackendBase
from llmcache.backends.forks import forkable
from llmcache.backends.plans import (
    Options,
    Plan,
    default_plan,
    file_plan,
    memory_plan,
    null_plan,
    redis_plan,
    tier_plan,
)
from llmcache.clock import SYSTEM, Clock
from llmcache.durations import Duration, parse_duration, parse_size

__all__ = ["DEFAULT_FILE", "close_shared", "open_backend", "shared_backend"]

DEFAULT_FILE = "llmcache.db"
"""The name of the default file in the cache directory."""

NEAR_DEFAULTS: dict[str, object] = {"max_entries": 1024, "max_bytes": 64 * 1024 * 1024}
"""Bounds of the memory in front of another backend, where the URL has none."""

EXCHANGE = 0.5
"""Seconds that one exchange with a server may take, where the URL does not say otherwise."""

NEAR = "near_"
SIZE = partial(parse_size, name="max_bytes")
TIMEOUT = partial(parse_duration, name="timeout")

Readers = dict[str, Callable[[str], object]]

MEMORY_OPTIONS: Readers = {"max_entries": whole_number, "max_bytes": SIZE}
FILE_OPTIONS: Readers = {"max_entries": whole_number, "max_bytes": SIZE, "timeout": TIMEOUT}
REDIS_OPTIONS: Readers = {"prefix": str, "timeout": TIMEOUT}
CLIENT_NAMES = "client_name db health_check_interval password username"
TLS_NAMES = "ssl_ca_certs ssl_ca_path ssl_cert_reqs ssl_certfile ssl_check_hostname ssl_keyfile"
CLIENT_OPTIONS: Readers = dict.fromkeys([*CLIENT_NAMES.split(), *TLS_NAMES.split()], str)
CLIENT_OPTIONS["max_connections"] = whole_number
NEAR_OPTIONS: Readers = {f"{NEAR}{name}": reader for name, reader in MEMORY_OPTIONS.items()}
TIER_OPTIONS: Readers = {"near_ttl": partial(parse_duration, name="near_ttl")}


class Surroundings(NamedTuple):
    """What is settled outside the URL; each only where it has a meaning."""

    directory: Path | None
    max_bytes: int | None
    timeout: float | None


def plan_null(address: Address, _: Surroundings) -> Plan:
    """`null://`."""
    bare(address)
    read_options(address.options, {}, address.shown)
    return null_plan()


def plan_memory(address: Address, _: Surroundings) -> Plan:
    """`memory://?max_entries=1000`."""
    bare(address)
    return memory_plan(sorted_options(read_options(address.options, MEMORY_OPTIONS, address.shown)))


def plan_file(address: Address, around: Surroundings) -> Plan:
    """`sqlite:///relative.db`, `sqlite:////absolute.db`."""
    options = read_options(address.options, FILE_OPTIONS, address.shown)
    return file_plan(file_path(address), sorted_options(with_timeout(options, around)))


def plan_default(address: Address, around: Surroundings) -> Plan:
    """`default://`."""
    bare(address)
    near, tier, rest = split_options(address)
    options = with_timeout(read_options(rest, FILE_OPTIONS, address.shown), around)
    if around.max_bytes is not None:
        options.setdefault("max_bytes", around.max_bytes)
    path = (around.directory or cache_directory()) / DEFAULT_FILE
    return default_plan(near, path, sorted_options(options), tier)


def plan_redis(address: Address, around: Surroundings) -> Plan:
    """`redis://host:6379/0?prefix=app`; the client's own options stay in the URL."""
    number = address.path.strip("/")
    if address.scheme != "unix" and number and not number.isdecimal():
        raise refused(address.shown, f"a database is a number, as in /0, not {number!r}")
    values = read_options(address.options, REDIS_OPTIONS | CLIENT_OPTIONS, address.shown)
    around = around._replace(timeout=min(around.timeout or EXCHANGE, EXCHANGE))
    options = with_timeout({k: v for k, v in values.items() if k in REDIS_OPTIONS}, around)
    query = urlencode({k: v for k, v in values.items() if k in CLIENT_OPTIONS})
    url = f"{address.scheme}://{address.authority}{address.path}{'?' if query else ''}{query}"
    return redis_plan(url, sorted_options(options))


def plan_tier(address: Address, around: Surroundings) -> Plan:
    """`memory+sqlite:///…`, `memory+redis://…`."""
    near, tier, rest = split_options(address)
    scheme = address.scheme.removeprefix("memory+")
    far = address._replace(scheme=scheme, options=rest)
    return tier_plan(near, SCHEMES[scheme](far, around), tier)


SCHEMES: dict[str, Callable[[Address, Surroundings], Plan]] = {
    "memory": plan_memory,
    "sqlite": plan_file,
    "default": plan_default,
    "redis": plan_redis,
    "rediss": plan_redis,
    "unix": plan_redis,
    "memory+sqlite": plan_tier,
    "memory+redis": plan_tier,
    "memory+rediss": plan_tier,
    "memory+unix": plan_tier,
    "null": plan_null,
}


def open_backend(
    url: str,
    *,
    clock: Clock = SYSTEM,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002 - named as the setting is
    max_bytes: int | str | None = None,
    timeout: Duration | None = None,
) -> BackendBase:
    """A new backend for a URL, the caller's to close; nothing is opened before its first use.

    Args:
        url: `memory://`, `sqlite:///relative.db`, `sqlite:////absolute.db` (`~` is the home
            directory, odd characters are written %XX), `default://`, `redis://host:6379/0`,
            `rediss://…`, `unix://…`, `null://`, or `memory+` in front of sqlite or a Redis scheme.
            Options ride in the query: `max_entries`, `max_bytes` (memory, file), `timeout` (file,
            Redis), `prefix` (Redis). Where memory stands in front, its options begin with `near_`
            (else 1024 entries and 64 MiB), and `near_ttl` is the tier's.
        clock: Where the time comes from.
        dir: The directory of `default://`; None: `llmcache` in the user's cache directory.
        max_bytes: The bound of `default://`, where the URL has none.
        timeout: What one operation on a file or a server may take, where the URL has none.

    Raises:
        ConfigurationError: For a URL that cannot be used: the URL without its password, the
            reason, and what is allowed.
    """
    return plan(url, dir, max_bytes, timeout).build(clock)


def shared_backend(
    url: str,
    *,
    clock: Clock = SYSTEM,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002 - named as the setting is
    max_bytes: int | str | None = None,
    timeout: Duration | None = None,
) -> BackendBase:
    """The one backend that this process has for a URL, opened as `open_backend` would.

    URLs are equal when they ask for the same thing: another spelling of a path or another order
    of options makes no difference. It is closed at exit, or by `close_shared`; do not close it.
    A forked child goes on with it.

    Args:
        url: As for `open_backend`.
        clock: As for `open_backend`; another clock is another backend.
        dir: As for `open_backend`.
        max_bytes: As for `open_backend`.
        timeout: As for `open_backend`.

    Raises:
        ConfigurationError: As `open_backend`.
    """
    return shared.get(plan(url, dir, max_bytes, timeout), clock)


def close_shared() -> None:
    """Close and forget all shared backends; the next `shared_backend` opens new ones."""
    shared.close()


class Shared:
    """The backends that this process shares, by what was asked for."""

    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.backends: dict[tuple[Plan, Clock], BackendBase] = {}
        forkable(self)
        atexit.register(self.close)

    def get(self, wanted: Plan, clock: Clock) -> BackendBase:
        """The one that is there, or a new one."""
        with self.lock:
            backend = self.backends.get((wanted, clock))
            if backend is None:
                backend = self.backends[wanted, clock] = wanted.build(clock)
            return backend

    def close(self) -> None:
        """Close all; one that fails to close keeps none of the others open."""
        with self.lock, contextlib.ExitStack() as closing:
            while self.backends:
                closing.callback(self.backends.popitem()[1].close)

    def forked(self) -> None:
        """As `Forkable.forked`."""
        self.lock = threading.Lock()


shared: Shared = Shared()


def plan(
    url: str,
    directory: str | os.PathLike[str] | None,
    max_bytes: int | str | None,
    timeout: Duration | None,
) -> Plan:
    """What a URL asks for."""
    address = read_address(url, SCHEMES)
    around = Surroundings(
        None if directory is None else Path(directory),
        None if max_bytes is None else parse_size(max_bytes, name="max_bytes"),
        None if timeout is None else parse_duration(timeout, name="timeout"),
    )
    return SCHEMES[address.scheme](address, around)


def file_path(address: Address) -> Path:
    """The path in a `sqlite:` URL: what follows three slashes, a fourth makes it absolute."""
    if address.authority:
        path = f"{address.authority}{address.path}"
        raise refused(
            address.shown, f"a path begins after three slashes: {address.scheme}:///{path}"
        )
    path = unquote(address.path.removeprefix("/"))
    if not path:
        raise refused(
            address.shown,
            "it names no file (elsewhere that means in memory, here that is memory://)",
        )
    if path == ":memory:":
        raise refused(address.shown, "a store in memory is memory://")
    if "\0" in path:
        raise refused(address.shown, "a path cannot hold a NUL")
    try:
        return Path(path).expanduser().absolute()
    except (RuntimeError, OSError) as error:  # no home directory; no working directory
        raise refused(address.shown, f"{error}".rstrip(".")) from None


def cache_directory() -> Path:
    """`llmcache` in the user's cache directory."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - only where no path is given

    # Without a home there is none, or it is "~/...", which would be in the working directory.
    with contextlib.suppress(RuntimeError):
        if (directory := user_cache_path("llmcache", appauthor=False)).is_absolute():
            return directory
    return Path(os.devnull)


def bare(address: Address) -> None:
    """Refuse a host and a path where there is none to name."""
    if address.authority or address.path.strip("/"):
        raise refused(address.shown, f"nothing but options may follow {address.scheme}://")


def split_options(address: Address) -> tuple[Plan, Options, dict[str, str]]:
    """The near side's, the tier's, and the rest."""
    near = {name: text for name, text in address.options.items() if name.startswith(NEAR)}
    rest = {name: text for name, text in address.options.items() if name not in near}
    values = read_options(near, NEAR_OPTIONS | TIER_OPTIONS, address.shown)
    tier = {name: values.pop(name) for name in TIER_OPTIONS if name in values}
    memory = {name.removeprefix(NEAR): value for name, value in values.items()}
    return memory_plan(sorted_options(NEAR_DEFAULTS | memory)), sorted_options(tier), rest


def with_timeout(options: dict[str, object], around: Surroundings) -> dict[str, object]:
    """The options, with the timeout from outside where they have none."""
    if around.timeout is not None:
        options.setdefault("timeout", around.timeout)
    return options


def sorted_options(options: Mapping[str, object]) -> Options:
    """As plans hold them."""
    return tuple(sorted(options.items()))
