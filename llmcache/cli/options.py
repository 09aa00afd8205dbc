"""What commands have in common: options, and whether colour is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["backend_option", "colour_wanted", "json_option"]

Command = TypeVar("Command", bound=Callable[..., Any])


def backend_option(command: Command) -> Command:
    """`--backend URL`, as the parameter `backend`: over the environment, for this command."""
    option = click.option(
        "--backend",
        metavar="URL",
        help="Where entries live, in place of what the environment says.",
    )
    return option(command)


def json_option(command: Command) -> Command:
    """`--json`, as the parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def colour_wanted() -> bool | None:
    """False where `NO_COLOR` is set to anything; None leaves it to whether it is a terminal."""
    return False if os.environ.get("NO_COLOR") else None
