"""How the command line ends: 0, 1 where it found a problem, 2 where it cannot be used like that."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import click

from llmcache.errors import BackendWarning, ConfigurationError, LLMCacheError, LLMCacheWarning

__all__ = ["FOUND_A_PROBLEM", "Unusable", "in_one_line", "plainly", "store_in_trouble"]

FOUND_A_PROBLEM = 1
TROUBLE = "llmcache.store_in_trouble"


class Unusable(click.ClickException):
    """A setting, option or URL that cannot be used: exit code 2, as for a wrong option."""

    exit_code = 2


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Tell errors and warnings of llmcache in one line each, without a traceback or a source line.

    Raises:
        Unusable: In place of a `ConfigurationError`.
        click.ClickException: In place of any other error of llmcache; exit code 1.
    """
    with warnings.catch_warnings():
        show_others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, LLMCacheWarning):
                click.echo(f"Warning: {message}", err=True)
                if issubclass(category, BackendWarning):
                    context = click.get_current_context(silent=True)
                    (context.meta if context else {})[TROUBLE] = True
            else:
                show_others(message, category, *where)

        warnings.showwarning = show  # type: ignore[assignment]  # called by position
        try:
            yield
        except ConfigurationError as error:
            raise Unusable(in_one_line(error)) from None
        except LLMCacheError as error:
            raise click.ClickException(in_one_line(error)) from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            drop_output()
            raise click.ClickException(f"Nothing more can be written: {error.strerror}.") from None


def drop_output() -> None:
    """Keep Python from trying again, at its end, to write what could not be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def store_in_trouble() -> bool:
    """Whether this command was warned of its store: damaged and set aside, or not to be had."""
    return TROUBLE in click.get_current_context().meta


def in_one_line(error: Any) -> str:
    """The text of an error with line ends made spaces."""
    return " ".join(str(error).split())
