"""Who is told what happened, and telling them; the records themselves are of `events`.

Apart from those, so that a process in which nobody listens never makes their classes.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["emit", "listen", "listened", "recordings", "stop_listening"]

logger: logging.Logger = logging.getLogger("llmcache")
logger.addHandler(logging.NullHandler())

Handler = Callable[[Any], object]

lock: threading.Lock = threading.Lock()
handlers: tuple[Handler, ...] = ()
recordings: contextvars.ContextVar[tuple[list[Any], ...]] = contextvars.ContextVar(
    "llmcache.recordings", default=()
)
"""Where the records of this context are collected."""


def listen(handler: Handler) -> None:
    """Tell a handler everything from now on; twice, where it is told already."""
    global handlers  # noqa: PLW0603 - one list of handlers a process, swapped whole so that emit needs no lock
    with lock:
        handlers = (*handlers, handler)


def stop_listening(handler: Handler) -> None:
    """Tell it nothing any more."""
    global handlers  # noqa: PLW0603 - as above
    with lock:
        handlers = tuple(known for known in handlers if known is not handler)


def listened() -> bool:
    """Whether anybody would be told: lets a hit skip making a record that nobody reads."""
    return bool(handlers) or bool(recordings.get()) or logger.isEnabledFor(logging.DEBUG)


def emit(event: object) -> None:
    """Tell everybody who listens; a handler's own failure is logged, never raised."""
    for recording in recordings.get():
        recording.append(event)
    for handler in handlers:
        try:
            handler(event)
        except Exception:
            logger.warning("An event handler failed on %s", type(event).__name__, exc_info=True)
    logger.debug("%s", event)
