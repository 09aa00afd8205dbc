"""A few threads for what an event loop must not wait for, apart from the loop's own.

The one way off a loop for everything that is here: a default executor that is full of the user's
work, which may itself be waiting for an answer of ours, must not hold up the cache.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from llmcache.backends.forks import forkable

__all__ = ["in_worker", "workers"]

P = ParamSpec("P")
Done = TypeVar("Done")

MOST = 8
"""Threads of a process. Writers of one file take turns anyway, and servers are asked without."""


class Workers:
    """Threads that start when they are needed, and anew in a forked child."""

    def __init__(self) -> None:
        self.forked()
        forkable(self)

    def forked(self) -> None:
        """See `Forkable.forked`; the parent's threads do not exist here."""
        self.pool: ThreadPoolExecutor = ThreadPoolExecutor(MOST, thread_name_prefix="llmcache")


workers: Workers = Workers()


async def in_worker(work: Callable[P, Done], *args: P.args, **kwargs: P.kwargs) -> Done:
    """Do `work` in a thread, in a copy of this context; here where the interpreter is ending.

    Cancelled, it leaves at once; work that has begun goes on to its end. The work must not itself
    wait for another worker.
    """
    context = contextvars.copy_context()
    call = functools.partial(context.run, work, *args, **kwargs)
    try:
        working = workers.pool.submit(call)
    except RuntimeError:  # no thread is to be had any more
        return work(*args, **kwargs)
    return await asyncio.wrap_future(working)
