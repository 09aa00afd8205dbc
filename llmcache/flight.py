"""One running computation a key, shared by the threads, tasks and loops of this process.

Knows nothing of caching: keys are anything hashable, what is shared is any value. The first
caller of a key *leads*; those who come while it runs *follow*. How a leader ends decides what the
others get:

- `land`: a result, for all.
- `crash`: an exception, for those who wait now; the next caller leads anew.
- `abandon`: the leader was cancelled or killed from outside. Nobody else is to blame, so each
  waiter tries again, and one of them leads.

Nobody waits for himself: a caller that already leads, in this context, whatever the flight it
would follow waits for, is told to go `Alone`. The chain of who waits for whom is known to the
board, so two leaders that ask for each other's keys do not hang either.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Abandoned", "Alone", "Flight", "Flights", "Follow", "Lead"]

Result = TypeVar("Result")


class Abandoned(Exception):  # noqa: N818 - a signal between flight and waiter, never an error of the user
    """The leader went away without an answer: try again."""


class Flight(Generic[Result]):
    """One running computation.

    Attributes:
        key: What is computed.
        anew: Whether it was begun by a caller for whom what ran already would not do.
        loop: The event loop whose task leads; None where a thread leads.
        interested: Callers that wait for it. When the last one leaves a flight that a task leads,
            the task is cancelled.
    """

    __slots__ = ("anew", "future", "interested", "key", "loop", "pid", "task", "waits_for")

    def __init__(
        self, key: Hashable, loop: asyncio.AbstractEventLoop | None, *, anew: bool
    ) -> None:
        self.key = key
        self.anew = anew
        self.loop = loop
        self.pid = os.getpid()
        self.future: Future[Result] = Future()
        # Running from the start: a waiter that is cancelled must not cancel it for the others.
        self.future.set_running_or_notify_cancel()
        self.waits_for: list[Flight[Result]] = []
        self.interested = 0
        self.task: asyncio.Task[None] | None = None

    def reaches(self, target: Flight[Result]) -> bool:
        """Whether this flight waits for `target`, directly or through others."""
        pending, seen = [self], set()
        while pending:
            flight = pending.pop()
            if flight is target:
                return True
            if id(flight) not in seen:
                seen.add(id(flight))
                pending.extend(flight.waits_for)
        return False


@dataclass(frozen=True, slots=True)
class Lead(Generic[Result]):
    """You compute, and say how it ended."""

    flight: Flight[Result]


@dataclass(frozen=True, slots=True)
class Follow(Generic[Result]):
    """Somebody computes already: wait for it."""

    flight: Flight[Result]


@dataclass(frozen=True, slots=True)
class Alone:
    """Waiting would be waiting for yourself: compute, and share it with nobody."""


led: contextvars.ContextVar[tuple[Flight[object], ...]] = contextvars.ContextVar(
    "llmcache.led", default=()
)
boards: weakref.WeakSet[Flights[object]] = weakref.WeakSet()


class Flights(Generic[Result]):
    """The board of the running computations of one kind."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: dict[Hashable, Flight[Result]] = {}
        boards.add(self)  # type: ignore[arg-type]

    def join(
        self, key: Hashable, loop: asyncio.AbstractEventLoop | None, *, anew: bool = False
    ) -> Lead[Result] | Follow[Result] | Alone:
        """Take one's place in the computation of a key.

        Args:
            key: What is asked for.
            loop: The loop that will run the computation as a task, for which the caller then
                waits as its first follower; None: this thread runs it.
            anew: Take the place of what runs, unless that was begun anew too: those who wait for
                it keep waiting, and later callers find the new one.
        """
        mine = led.get()
        with self.lock:
            flight = self.running.get(key)
            if flight is None or (anew and not flight.anew):
                flight = self.running[key] = Flight(key, loop, anew=anew)
                flight.interested = 0 if loop is None else 1
                return Lead(flight)
            if any(flight.reaches(own) for own in mine):  # type: ignore[arg-type]
                return Alone()
            if loop is None and self.blocks_loop_of(flight):
                return Alone()
            flight.interested += 1
            for own in mine:
                own.waits_for.append(flight)  # type: ignore[arg-type]
            return Follow(flight)

    def blocks_loop_of(self, flight: Flight[Result]) -> bool:
        """Whether waiting here, in a thread, would stop the loop that the flight needs to end."""
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            return False
        return any(other.loop is here and flight.reaches(other) for other in self.running.values())

    def leave(self, flight: Flight[Result]) -> None:
        """Stop waiting; the last who leaves a flight led by a task has the task cancelled."""
        with self.lock:
            for own in led.get():
                with contextlib.suppress(ValueError):
                    own.waits_for.remove(flight)  # type: ignore[arg-type]
            flight.interested -= 1
            unwanted = flight.interested == 0 and flight.task is not None
            if unwanted and not flight.future.done():
                self.forget(flight)
        if unwanted and flight.loop is not None and flight.task is not None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed: then nothing runs
                flight.loop.call_soon_threadsafe(flight.task.cancel)

    def drop(self, outdated: Callable[[Hashable], bool]) -> None:
        """Let later callers of these keys begin anew; those who wait now keep waiting."""
        with self.lock:
            self.running = {
                key: flight for key, flight in self.running.items() if not outdated(key)
            }

    def forget(self, flight: Flight[Result]) -> None:
        """Take the flight off the board, unless another one took its place. Needs the lock."""
        if self.running.get(flight.key) is flight:
            del self.running[flight.key]

    @contextlib.contextmanager
    def leading(self, flight: Flight[Result]) -> Iterator[None]:
        """What is computed inside is computed for this flight, whatever it asks for itself.

        An exit by an exception ends the flight: shared with the waiters if it is an `Exception`,
        abandoned otherwise. On a normal exit the leader has called `land`, or it is abandoned.
        """
        token = led.set((*led.get(), flight))  # type: ignore[arg-type]
        try:
            yield
        except Exception as error:
            self.end(flight, error)
            raise
        except BaseException:
            self.end(flight, Abandoned())
            raise
        else:
            self.end(flight, Abandoned())
        finally:
            led.reset(token)

    def land(self, flight: Flight[Result], result: Result) -> None:
        """Hand the result to all who wait."""
        with self.lock:
            self.forget(flight)
        if flight.pid == os.getpid() and not flight.future.done():
            flight.future.set_result(result)

    def end(self, flight: Flight[Result], error: BaseException) -> None:
        """Hand an exception to all who wait; does nothing after `land`.

        A child that was forked out of the computation leaves the future alone: its lock may have
        been held by another thread of the parent at that moment.
        """
        with self.lock:
            self.forget(flight)
        if flight.pid == os.getpid() and not flight.future.done():
            flight.future.set_exception(error)

    def begin_anew(self) -> None:
        """In a forked child: what runs runs in the parent."""
        self.lock = threading.Lock()
        self.running = {}


def forget_parent() -> None:
    """A forked child has none of its parent's flights."""
    for board in tuple(boards):
        board.begin_anew()


os.register_at_fork(after_in_child=forget_parent)
