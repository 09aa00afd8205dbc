"""What a backend's author gives to the suite, and what its tests are written with."""

# mypy: disable-error-code="type-abstract"
# Abilities are asked for by their protocols.

from __future__ import annotations

import asyncio
import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from llmcache.backends.base import (
    AsyncLeasing,
    Backend,
    BackendBase,
    Claim,
    Entry,
    Nothing,
    Scope,
    able,
)
from llmcache.clock import Clock
from llmcache.testing.clock import ManualClock

__all__ = [
    "KEY",
    "OTHER",
    "SCOPE",
    "BackendSuite",
    "Driven",
    "PlainBackend",
    "an_entry",
    "key_of",
    "need",
]

SCOPE = Scope("", "shop.extract")


def key_of(number: int) -> str:
    """A key, as keys look."""
    return f"{number:064x}"


KEY, OTHER = key_of(1), key_of(2)

Ability = TypeVar("Ability")


class PlainBackend(BackendBase):
    """A dict: the least that passes, with no ability beyond get, put and delete."""

    description = "plain"

    def __init__(self) -> None:
        self.kept: dict[str, Entry] = {}

    def get(self, key: str) -> Entry | Nothing:
        """As `Backend.get`."""
        return self.kept.get(key, Nothing.ABSENT)

    def put(self, key: str, entry: Entry) -> None:
        """As `Backend.put`."""
        self.kept[key] = entry

    def delete(self, key: str) -> bool:
        """As `Backend.delete`."""
        return self.kept.pop(key, None) is not None

    def close(self) -> None:
        """As `Backend.close`: nothing is held."""


def an_entry(  # noqa: PLR0913 - what a test needs of an entry, by name
    clock: Clock,
    value: bytes = b"answer",
    *,
    scope: Scope = SCOPE,
    ttl: float | None = None,
    stale: float = 0.0,
    age: float = 0.0,
) -> Entry:
    """An entry made `age` seconds ago, that lives for `ttl` and may be served stale after."""
    created = clock.time() - age
    expires = None if ttl is None else created + ttl
    stale_until = expires + stale if expires is not None and stale else None
    return Entry(value, scope, created, expires=expires, stale_until=stale_until)


def need(backend: Backend, kind: type[Ability]) -> Ability:
    """The backend as an ability; skips the test where it has not got it."""
    ability = able(backend, kind)
    if ability is None:
        pytest.skip(f"{backend.description} has no {kind.__name__}")
    return ability


class BackendSuite(ABC):
    """What the author of a backend gives. Only `make_backend` is a must."""

    @abstractmethod
    def make_backend(self, clock: Clock) -> Backend:
        """A new, empty backend that takes its time from `clock`; the suite closes it."""

    def reopen(self, backend: Backend, clock: Clock) -> Backend | None:  # noqa: ARG002 - for overriding
        """Another backend object on the same data; None: the data end with the object."""
        return None

    def make_small(self, clock: Clock, max_entries: int) -> Backend | None:  # noqa: ARG002 - as above
        """A new backend that holds so many entries at most; None: it has no bound."""
        return None

    def damage(self, backend: Backend, key: str) -> bool:  # noqa: ARG002 - as above
        """Change a byte of what is stored under `key`; False: it cannot be reached."""
        return False

    def place(self) -> Path:
        """A new directory, for backends that keep files."""
        path = self.directory / str(next(self.places))
        path.mkdir(mode=0o700)
        return path

    @pytest.fixture(autouse=True)
    def given_directory(self, tmp_path: Path) -> None:
        """Where `place` makes its directories."""
        self.directory = tmp_path
        self.places: itertools.count[int] = itertools.count()

    @pytest.fixture
    def clock(self) -> ManualClock:
        """The time, which stands still."""
        return ManualClock()

    @pytest.fixture
    def backend(self, clock: ManualClock) -> Iterator[Backend]:
        """An empty backend."""
        with contextlib.closing(self.make_backend(clock)) as backend:
            yield backend

    @pytest.fixture
    def again(self, backend: Backend, clock: ManualClock) -> Iterator[Callable[[], Backend]]:
        """Opens the data of `backend` once more; skips where they end with the object."""
        with contextlib.ExitStack() as opened:

            def open_again() -> Backend:
                other = self.reopen(backend, clock)
                if other is None:
                    pytest.skip(f"{backend.description} keeps nothing beyond its life")
                return opened.enter_context(contextlib.closing(other))

            yield open_again

    @pytest.fixture(params=["sync", "async"])
    def mode(self, request: pytest.FixtureRequest) -> str:
        """Both ways of calling."""
        return str(request.param)

    @pytest.fixture
    def driven(self, backend: Backend, mode: str) -> Iterator[Driven]:
        """The empty backend, called in one of the two ways."""
        with Driven.of(backend, mode) as driven:
            yield driven


class Driven:
    """A backend's methods, called as they are or as their async twins.

    Where a backend has no twin of an ability's method, that method itself is called.
    """

    def __init__(self, backend: Any, runner: asyncio.Runner | None) -> None:
        self.backend = backend
        self.runner = runner
        self.twins: set[str] = {"get", "put", "delete"}
        if able(backend, AsyncLeasing) is not None:
            self.twins |= {"claim", "settle", "release", "invalidate", "advance", "clear"}

    @classmethod
    @contextlib.contextmanager
    def of(cls, backend: Backend, mode: str) -> Iterator[Driven]:
        """Drive a backend, in mode `async` on a loop of its own."""
        if mode == "sync":
            yield cls(backend, None)
            return
        with asyncio.Runner() as runner:
            yield cls(backend, runner)

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """One method, by name."""
        if self.runner is None or name not in self.twins:
            return getattr(self.backend, name)(*args, **options)
        return self.runner.run(getattr(self.backend, f"a{name}")(*args, **options))

    def get(self, key: str) -> Entry | Nothing:
        """See `Backend.get`."""
        found: Entry | Nothing = self.call("get", key)
        return found

    def put(self, key: str, entry: Entry) -> None:
        """See `Backend.put`."""
        self.call("put", key, entry)

    def delete(self, key: str) -> bool:
        """See `Backend.delete`."""
        return bool(self.call("delete", key))

    def invalidate(self, key: str, scope: Scope = SCOPE) -> bool:
        """See `Epochs.invalidate`."""
        return bool(self.call("invalidate", key, scope))

    def advance(self, key: str, scope: Scope = SCOPE) -> int:
        """See `Epochs.advance`."""
        return int(self.call("advance", key, scope))

    def clear(self, scope: Scope = SCOPE) -> int:
        """See `Epochs.clear`."""
        return int(self.call("clear", scope))

    def claim(
        self, key: str, token: str, seconds: float = 10.0, *, max_age: float | None = None
    ) -> Claim:
        """See `Leasing.claim`."""
        claim: Claim = self.call("claim", key, SCOPE, token, seconds, max_age=max_age)
        return claim

    def settle(self, key: str, token: str, entry: Entry, epoch: int) -> bool:
        """See `Leasing.settle`."""
        return bool(self.call("settle", key, token, entry, epoch))

    def release(self, key: str, token: str) -> None:
        """See `Leasing.release`."""
        self.call("release", key, token)
