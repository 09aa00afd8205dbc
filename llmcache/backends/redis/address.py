"""What a user may hand over as a Redis: a URL, or a client that is open already."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlencode

from llmcache.backends.address import masked, read_address, read_options, whole_number
from llmcache.backends.redis.connections import limited, unlingering
from llmcache.backends.redis.lines import AsyncLines, Callbacks, Lines
from llmcache.durations import parse_duration
from llmcache.errors import ConfigurationError

__all__ = ["Client", "ServerAddress", "is_async", "is_cluster", "read_url", "where_is"]

SCHEMES = ("redis", "rediss", "unix")
ALLOWED_URL = "redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket?db=0"
MAX_CONNECTIONS = 32
"""Sockets a process opens, for each event loop and for its threads together."""

OPTIONS: dict[str, Callable[[str], object]] = {
    "prefix": str,
    "timeout": partial(parse_duration, name="timeout"),
    "max_connections": whole_number,
}
"""What in a URL's query is ours; all else is for redis-py."""

UNTIMED = {"socket_timeout": None, "socket_connect_timeout": None}
"""What is asked of redis-py, as the time an exchange may take is seen to here."""


class Client(Protocol):
    """What is asked of a client, sync or async: redis-py's way of saying it."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command, give its reply."""
        ...

    def pipeline(self, transaction: bool = ...) -> Any:  # noqa: FBT001 - redis-py's own signature
        """Commands to be sent together."""
        ...

    def scan(self, cursor: int = ..., match: str = ..., count: int = ..., **options: Any) -> Any:
        """One step over the keys."""
        ...


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server, read from a URL.

    Attributes:
        url: For redis-py: without the options that are ours.
        shown: For people: without user, password and options.
        prefix: What the URL's query says, or None.
        timeout: As `prefix`, in seconds.
        max_connections: How many there may be, for each event loop and for all threads together.
    """

    url: str
    shown: str
    prefix: str | None = None
    timeout: float | None = None
    max_connections: int = MAX_CONNECTIONS

    def lines(self) -> Lines:
        """Connections for threads, none of them open yet.

        Raises:
            ConfigurationError: For options that a connection does not take.
        """
        redis = library()
        make = self.maker(redis.ConnectionPool, redis.retry.Retry, limited)
        return Lines(make, shapes(redis), self.max_connections)

    def async_lines(self) -> AsyncLines:
        """As `lines`, for the running event loop; the caller bounds what an exchange takes."""
        redis = library()
        make = self.maker(redis.asyncio.ConnectionPool, redis.asyncio.retry.Retry, unlingering)
        return AsyncLines(make, shapes(redis), self.max_connections)

    def maker(
        self, pool_type: Any, retry_type: Any, fitted: Callable[[Any], Any]
    ) -> Callable[[], Any]:
        """What makes a connection, once its options have proved to be ones that it takes.

        RESP2, no retry and no time-out but ours are asked for, whatever the defaults of the
        installed release are.
        """
        redis = library()
        retry = retry_type(redis.backoff.NoBackoff(), 0)
        try:
            pool = pool_type.from_url(self.url, retry=retry, protocol=2)
            options = {**pool.connection_kwargs, **UNTIMED}
            make = partial(fitted(pool.connection_class), **options)
            make()
        except ValueError:
            # The error, and what takes the place of host and port, may be pieces of a password.
            scheme, why = self.url.partition("://")[0], "its port, or an option, cannot be read"
            raise refused(f"{scheme}://...", why) from None
        except (TypeError, redis.RedisError) as error:
            raise refused(self.shown, self.reason(error)) from None
        return make

    def reason(self, error: Exception) -> str:
        """Why a connection could not be made, for people."""
        tls = "ssl_" in self.url.partition("?")[2] and not self.url.startswith("rediss:")
        return "options that begin with ssl_ need rediss://" if tls else str(error).rstrip(".")


def shapes(redis: Any) -> Callbacks:
    """What redis-py makes of the replies to some commands, by command."""
    return dict(redis.Redis(protocol=2).response_callbacks)


def read_url(url: str) -> ServerAddress:
    """Take our options out of a URL.

    Raises:
        ConfigurationError: For another scheme, or a value that cannot be read.
    """
    if url.partition(":")[0].lower() not in SCHEMES:
        raise refused(masked(url), "it is not a Redis URL")
    address = read_address(url, SCHEMES)
    rest = {name: text for name, text in address.options.items() if name not in OPTIONS}
    texts = {name: text for name, text in address.options.items() if name in OPTIONS}
    plain = f"{address.scheme}://{address.authority}{address.path}"
    return ServerAddress(
        f"{plain}?{urlencode(rest)}" if rest else plain,
        f"{address.scheme}://{address.authority.rpartition('@')[2]}{address.path}",
        **read_options(texts, OPTIONS, address.shown),  # type: ignore[arg-type]  # by their readers
    )


def library() -> Any:
    """redis-py, imported when first needed.

    Raises:
        ConfigurationError: Where the extra is not installed.
    """
    try:
        import redis.asyncio.retry  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise ConfigurationError(
            "A redis:// backend needs redis-py: pip install 'llmcache-structured[redis]'",
            name="backend",
            allowed="any backend, once the extra 'redis' is installed",
        ) from error
    return redis


def is_async(client: object) -> bool:
    """Whether a client is of the asyncio kind.

    Raises:
        ConfigurationError: Where it is no client at all.
    """
    command = getattr(type(client), "execute_command", None)
    if command is None:
        raise refused(type(client).__qualname__, "it is neither a URL nor a Redis client")
    return inspect.iscoroutinefunction(command)


def is_cluster(client: object) -> bool:
    """Whether a client spreads its keys over several servers."""
    return hasattr(client, "nodes_manager")


def where_is(client: object) -> str:
    """Where a client that was passed in leads to, without credentials."""
    pool = getattr(client, "connection_pool", None)
    if service := getattr(pool, "service_name", ""):
        return f"sentinel://{service}"
    known = getattr(pool, "connection_kwargs", None) or {}
    if "path" in known:
        return f"unix://{known['path']}"
    if "host" in known:
        return f"redis://{known['host']}:{known.get('port', 6379)}/{known.get('db') or 0}"
    return type(client).__qualname__


def refused(value: str, why: str) -> ConfigurationError:
    """The error for what is no Redis."""
    return ConfigurationError(
        f"backend={value}: {why}. Allowed: {ALLOWED_URL}, or an open redis-py or valkey-py client.",
        name="backend",
        value=value,
        allowed=ALLOWED_URL,
    )
