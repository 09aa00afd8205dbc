"""Progress of long work, on the error stream of a terminal; nothing anywhere else."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click

__all__ = ["progress"]


@contextlib.contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[], None]]:
    """A bar; the value is called once a step, from any thread.

    tqdm draws it where it is installed (extra `progress`), click otherwise.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    lock = threading.Lock()
    with bar(total, label) as drawn:

        def advance() -> None:
            with lock:
                drawn.update(1)

        yield advance


def bar(total: int, label: str) -> contextlib.AbstractContextManager[Any]:
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        return click.progressbar(length=total, label=label, file=sys.stderr, show_eta=False)
    drawn: contextlib.AbstractContextManager[Any] = tqdm(
        total=total, desc=label, leave=False, file=sys.stderr
    )
    return drawn
