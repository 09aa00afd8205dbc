"""One running computation a key, shared by the threads, tasks and loops of this process.

Knows nothing of caching: keys are anything hashable, what is shared is any value. The first
caller of a key *leads*; those who come while it runs *follow*. How a leader ends decides what the
others get:

- `land`: a result, for all.
- an exception: for those who wait now; the next caller leads anew.
- `Abandoned`: the leader was cancelled or killed from outside, or its loop no longer runs. Nobody
  else is to blame, so each waiter tries again, and one of them leads.

Nobody waits for himself. Who waits for whom is known to the board: a caller for whom waiting would
close a circle is told to go `Alone`, whatever number of leaders the circle has.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

from llmcache.flight.flight import Abandoned, Flight, running_loop
from llmcache.flight.raising import SharedError

__all__ = ["Alone", "Flights", "Follow", "Lead", "inside"]

Result = TypeVar("Result")


class Lead(Generic[Result]):
    """You compute, and say how it ended.

    Hold it while you do: let go of before anybody computes, by an interrupt that came in between,
    it takes the flight off the board.
    """

    def __init__(self, flight: Flight[Result], board: Flights[Result]) -> None:
        self.flight = flight
        self.board = board

    def __del__(self) -> None:
        if self.flight.task is None and not self.flight.future.done():
            self.board.end(self.flight, Abandoned())


class Follow(Generic[Result]):
    """Somebody computes already: wait for it. `held_up`: the flights that wait with you."""

    def __init__(self, flight: Flight[Result], held_up: tuple[Flight[Any], ...] = ()) -> None:
        self.flight = flight
        self.held_up = held_up


class Alone:
    """Waiting would be waiting for yourself: compute, and share it with nobody."""


led: contextvars.ContextVar[tuple[Flight[Any], ...]] = contextvars.ContextVar(
    "llmcache.led", default=()
)
boards: weakref.WeakSet[Flights[Any]] = weakref.WeakSet()


@contextlib.contextmanager
def inside(flight: Flight[Any]) -> Iterator[None]:
    """Whatever is waited for in this block, `flight` waits for it."""
    token = led.set((*led.get(), flight))
    try:
        yield
    finally:
        # A coroutine that is thrown away half-way ends in another context than it began in.
        with contextlib.suppress(ValueError):
            led.reset(token)


class Flights(Generic[Result]):
    """The board of the running computations of one kind."""

    def __init__(self) -> None:
        self.begin_anew()
        boards.add(self)

    def begin_anew(self) -> None:
        """In a forked child: what runs runs in the parent."""
        # Re-entrant: a finalizer or a signal handler may ask in the middle of a method.
        self.lock: threading.RLock = threading.RLock()
        self.running: dict[Hashable, Flight[Result]] = {}

    def join(
        self, key: Hashable, loop: asyncio.AbstractEventLoop | None, *, anew: bool = False
    ) -> Lead[Result] | Follow[Result] | Alone:
        """Take one's place in the computation of a key.

        Args:
            key: What is asked for.
            loop: The loop that will run the computation as a task, for which the caller then
                waits as the first; None: this thread runs it.
            anew: Take the place of what runs, unless that was begun anew too: those who wait for
                it keep waiting, and later callers find the new one.
        """
        with self.lock:
            flight = self.running.get(key)
            if flight is None or (anew and not flight.anew):
                place = Lead(Flight(key, loop, anew=anew), self)
                place.flight.interested = 0 if loop is None else 1
                self.running[key] = place.flight
                return place
            blocked = running_loop() if loop is None else None
            held_up = self.held_up(blocked)
            if flight.needs(held_up, blocked):
                return Alone()
            flight.interested += 1
            for waiter in held_up:
                waiter.waits_for.append(flight)
            return Follow(flight, held_up)

    def held_up(self, blocked: asyncio.AbstractEventLoop | None) -> tuple[Flight[Any], ...]:
        """What cannot go on while this context waits, `blocked` being the loop it would stop."""
        if blocked is None:
            return led.get()
        return (*led.get(), *(one for one in self.running.values() if one.loop is blocked))

    @contextlib.contextmanager
    def waiting(
        self, flight: Flight[Any], blocked: asyncio.AbstractEventLoop | None
    ) -> Iterator[bool]:
        """Wait inside for a flight that is on no board; False: it would be waiting for oneself."""
        with self.lock:
            held_up = self.held_up(blocked)
            circle = flight.needs(held_up, blocked)
            for waiter in held_up:
                waiter.waits_for.append(flight)
        try:
            yield not circle
        finally:
            self.wait_no_longer(Follow(flight, held_up))

    def closes_circle(self, flight: Flight[Any]) -> bool:
        """Whether waiting for it here would be waiting for oneself."""
        with self.lock:
            return flight.needs(led.get(), None)

    def wait_no_longer(self, place: Follow[Any]) -> None:
        """Take back what `join` or `waiting` noted of who waits."""
        with self.lock:
            for waiter in place.held_up:
                with contextlib.suppress(ValueError):
                    waiter.waits_for.remove(place.flight)

    def leave(self, place: Follow[Result]) -> asyncio.Task[Result] | None:
        """Stop waiting; the task that is cancelled thereby, as nobody else wants its result."""
        flight = place.flight
        self.wait_no_longer(place)
        with self.lock:
            flight.interested -= 1
            if flight.interested or flight.task is None or flight.loop is None or flight.over:
                return None
            self.forget(flight)
        with contextlib.suppress(RuntimeError):  # the loop may be closed: then nothing runs
            flight.loop.call_soon_threadsafe(flight.task.cancel)
        return flight.task

    def drop(self, outdated: Callable[[Hashable], bool]) -> None:
        """Let later callers of these keys begin anew; those who wait now keep waiting."""
        with self.lock:
            for key in [key for key in self.running if outdated(key)]:
                del self.running[key]

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
        try:
            with inside(flight):
                yield
        except Exception as error:
            self.end(flight, error)
            raise
        except BaseException:
            self.end(flight, Abandoned())
            raise
        else:
            self.end(flight, Abandoned())

    def land(self, flight: Flight[Result], result: Result) -> None:
        """Hand the result to all who wait."""
        if self.closes(flight):
            flight.future.set_result(result)

    def end(self, flight: Flight[Result], error: Exception) -> None:
        """Hand an exception to all who wait; does nothing after `land`."""
        if self.closes(flight):
            flight.error = SharedError(error)
            flight.future.set_exception(error)

    def closes(self, flight: Flight[Result]) -> bool:
        """Take the flight off the board; whether its end is the caller's to tell.

        A child that was forked out of the computation leaves the future alone: its lock may have
        been held by another thread of the parent at that moment.
        """
        with self.lock:
            self.forget(flight)
            first, flight.over = not flight.over, True
        return first and flight.pid == os.getpid()


def forget_parent() -> None:
    """A forked child has none of its parent's flights."""
    for board in tuple(boards):
        board.begin_anew()


os.register_at_fork(after_in_child=forget_parent)
