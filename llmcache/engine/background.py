"""Refreshing behind the caller's back, a little at a time.

What fails is logged and left alone for a while; what still runs when the interpreter exits is
abandoned: the threads are daemons, and a lease that nobody renews ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import queue
import threading
from collections.abc import Awaitable, Callable, Hashable

from llmcache.clock import SYSTEM, Clock

__all__ = ["COOL_DOWN", "THREADS", "Refreshes"]

THREADS = 4
"""Refreshes that run at once in threads; more wait in a queue."""

COOL_DOWN = 10.0
"""Seconds after a failed refresh before the same key is refreshed again."""

logger: logging.Logger = logging.getLogger("llmcache")


class Refreshes:
    """The refreshes of this process, at most one a key."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self.clock = clock
        self.begin_anew()
        os.register_at_fork(after_in_child=self.begin_anew)

    def begin_anew(self) -> None:
        """In a forked child: the parent's refreshes are the parent's."""
        self.lock: threading.RLock = threading.RLock()
        self.running: set[Hashable] = set()
        self.failed: dict[Hashable, float] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.waiting: queue.SimpleQueue[tuple[Hashable, Callable[[], object]]] = queue.SimpleQueue()
        self.threads: int = 0

    def admit(self, key: Hashable) -> bool:
        """Whether to begin: not while one runs, nor soon after one failed."""
        now = self.clock.monotonic()
        with self.lock:
            self.failed = {
                other: moment for other, moment in self.failed.items() if now - moment < COOL_DOWN
            }
            if key in self.running or key in self.failed:
                return False
            self.running.add(key)
            return True

    def over(self, key: Hashable, error: BaseException | None) -> None:
        """One has ended."""
        if error is not None:
            logger.warning("A background refresh failed: %s", type(error).__name__, exc_info=error)
        with self.lock:
            self.running.discard(key)
            if error is not None:
                self.failed[key] = self.clock.monotonic()

    def begin(self, key: Hashable, work: Callable[[], object]) -> None:
        """Run `work` in a thread, in a copy of this context, if the key is admitted."""
        if not self.admit(key):
            return
        context = contextvars.copy_context()
        self.waiting.put((key, lambda: context.run(work)))
        with self.lock:
            if self.threads == THREADS:
                return
            self.threads += 1
        try:
            threading.Thread(target=self.work_off, name="llmcache-refresh", daemon=True).start()
        except RuntimeError as error:  # at the end of the interpreter; the caller has his answer
            self.give_up(error)

    def give_up(self, error: RuntimeError) -> None:
        """No thread is to be had: what waits is left for a later call."""
        with self.lock:
            self.threads -= 1
        with contextlib.suppress(queue.Empty):
            while True:
                self.over(self.waiting.get_nowait()[0], error)

    def work_off(self) -> None:
        """A thread: take work until there is none."""
        while True:
            try:
                key, work = self.waiting.get_nowait()
            except queue.Empty:
                with self.lock:
                    if self.waiting.empty():
                        self.threads -= 1
                        return
                continue
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - logged; there is no caller to raise to
                self.over(key, error)
            else:
                self.over(key, None)

    def abegin(self, key: Hashable, work: Callable[[], Awaitable[object]]) -> None:
        """As `begin`, as a task of the running loop."""
        if not self.admit(key):
            return
        task = asyncio.get_running_loop().create_task(self.arun(key, work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def arun(self, key: Hashable, work: Callable[[], Awaitable[object]]) -> None:
        """One task; over also when it is cancelled, or thrown away with its loop."""
        failed = None
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - logged; there is no caller to raise to
            failed = error
        finally:
            self.over(key, failed)
