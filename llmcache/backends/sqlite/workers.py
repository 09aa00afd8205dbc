"""A few threads for what an event loop must not wait for, apart from the loop's own."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from llmcache.backends.sqlite import fork
from llmcache.errors import BackendUnavailableError

__all__ = ["Workers"]

P = ParamSpec("P")
T = TypeVar("T")

MOST = 4
"""Writers take turns anyway, and reads of large values are few."""


class Workers:
    """Threads that start with the first use, and anew in a forked child."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.start_anew()
        fork.owners.add(self)

    def start_anew(self) -> None:
        """Forget the threads; in a forked child they do not exist."""
        self.lock: threading.Lock = threading.Lock()
        self.pool: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` in a thread, in a copy of this context.

        Raises:
            BackendUnavailableError: The interpreter is about to end and starts no more work.
        """
        context = contextvars.copy_context()
        call = functools.partial(work, *args, **kwargs)
        try:
            future = self.started().submit(context.run, call)
        except RuntimeError as error:
            raise BackendUnavailableError(
                f"{self.backend}: no thread is to be had ({error}).", backend=self.backend
            ) from error
        return await asyncio.wrap_future(future)

    def started(self) -> ThreadPoolExecutor:
        """The pool."""
        with self.lock:
            if self.pool is None:
                self.pool = ThreadPoolExecutor(MOST, thread_name_prefix="llmcache-sqlite")
            return self.pool

    def stop(self) -> None:
        """Let the threads end after what they are doing."""
        with self.lock:
            if self.pool is not None:
                self.pool.shutdown(wait=False)
                self.pool = None
