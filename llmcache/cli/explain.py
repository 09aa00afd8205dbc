"""`llmcache explain`: why a call would be a hit or a miss."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from typing import Any

import click

from llmcache.cli.options import backend_option, json_option
from llmcache.cli.problems import Unusable

__all__ = ["explain"]


@click.command(short_help="Say why a call would hit or miss.")
@click.argument("function", metavar="MODULE:FUNCTION")
@click.argument("arguments", metavar="ARGUMENTS", default="[]")
@backend_option
@json_option
def explain(function: str, arguments: str, backend: str | None, *, as_json: bool) -> None:
    """Say why a call would hit or miss, and how the nearest stored one differs.

    MODULE is imported, from the current directory too. ARGUMENTS are JSON: an array is passed by
    position, an object by name. Nothing is called, nothing is counted.
    """
    from dataclasses import asdict  # noqa: PLC0415 - not for `--help`

    from llmcache import configure  # noqa: PLC0415 - as above

    args, kwargs = spelled(arguments)
    cached = named(function)
    if backend is not None:
        configure(backend=backend)
    try:
        explanation = cached.cache_explain(*args, **kwargs)
        if inspect.isawaitable(explanation):
            explanation = asyncio.run(result(explanation))
    except TypeError as error:
        raise Unusable(f"{function} cannot be called like that: {error}") from None
    if as_json:
        click.echo(json.dumps(asdict(explanation), indent=2, ensure_ascii=False))
    else:
        click.echo(str(explanation))


async def result(awaitable: Any) -> Any:
    """What it comes to, for `asyncio.run`, which takes coroutines only."""
    return await awaitable


def spelled(arguments: str) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call.

    Raises:
        click.UsageError: They are not JSON of that form.
    """
    try:
        read = json.loads(arguments)
    except ValueError as error:
        raise click.UsageError(f"ARGUMENTS are not JSON: {error}") from None
    if isinstance(read, dict):
        return [], read
    if isinstance(read, list):
        return read, {}
    raise click.UsageError("ARGUMENTS are neither an array nor an object: write [...] or {...}.")


def named(function: str) -> Any:
    """The decorated function that the user names.

    Raises:
        click.UsageError: There is none of that name.
    """
    module_name, colon, path = function.partition(":")
    if not colon or not path:
        raise click.UsageError(f"{function!r} is not MODULE:FUNCTION, such as app.prompts:extract.")
    sys.path.insert(0, "")
    try:
        found: Any = __import__(module_name, fromlist=["*"])
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(f"{function} is not to be had: {error}") from None
    if not hasattr(found, "cache_explain"):
        raise click.UsageError(f"{function} is not decorated with cached_structured.")
    return found
