"""`llmcache explain`: why a call would be a hit or a miss."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import re
import sys
from typing import Any

import click

from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json
from llmcache.cli.problems import Unusable

__all__ = ["explain"]


@click.command(short_help="Say why calls missed, or what a call would find.")
@click.argument("function", metavar="[MODULE:FUNCTION", required=False)
@click.argument("arguments", metavar="[ARGUMENTS]]", default="[]")
@click.option(
    "--last",
    type=click.IntRange(min=1, max=1000),
    default=10,
    show_default=True,
    help="So many misses, where no function is named.",
)
@backend_option
@json_option
def explain(
    function: str | None, arguments: str, last: int, backend: str | None, *, as_json: bool
) -> None:
    """Say why the last calls missed, or whether a call would hit and how the nearest one differs.

    MODULE is imported, from the current directory too. ARGUMENTS are JSON: an array is passed by
    position, an object by name. Nothing is called, nothing is counted.

    \b
      llmcache explain app.invoices:extract '["some text"]'
      llmcache explain app.invoices:extract '{"text": "some text"}'
    """  # noqa: D301 - the backspace keeps click from folding the lines below it
    if function is None:
        print_last(last, backend, as_json=as_json)
    else:
        print_call(function, arguments, backend, as_json=as_json)


def print_last(last: int, backend: str | None, *, as_json: bool) -> None:
    """The last misses, the latest first: the reason, and what differs from what was there."""
    from dataclasses import asdict

    from llmcache.cli.missed import explained
    from llmcache.cli.reading import misses_of
    from llmcache.cli.stores import absence, opened

    with opened(backend) as store:
        why_nothing = absence(store)
        found = explained(store, misses_of(store, last))
    if as_json:
        print_json([asdict(each) for each in found])
    elif not found:
        click.echo(why_nothing or "No misses were counted yet.", err=True)
    for each in () if as_json else found:
        click.echo(str(each))


def print_call(function: str, arguments: str, backend: str | None, *, as_json: bool) -> None:
    """What one call would find."""
    from dataclasses import asdict

    from llmcache import configure
    from llmcache.backends.sqlite.file import only_looking

    args, kwargs = spelled(arguments)
    cached = named(function)
    if backend is not None:
        configure(backend=backend)
    try:
        with only_looking():
            explanation = cached.cache_explain(*args, **kwargs)
            if inspect.isawaitable(explanation):
                explanation = asyncio.run(result(explanation))
    except TypeError as error:
        raise Unusable(f"{function} cannot be called like that: {error}") from None
    if as_json:
        print_json(asdict(explanation))
        return
    click.echo(str(explanation))
    if explanation.status == "miss" and explanation.nearest is None:
        for name in names_as_script(explanation.function, backend):
            click.echo(
                f"Entries are stored for {name}: a function of a program that is run has the "
                "program's path in its name; name= gives it one name everywhere.",
                err=True,
            )


def names_as_script(function: str, backend: str | None) -> list[str]:
    """Functions with entries that have this one's name when its module is run as a program."""
    from llmcache.cli.filters import Filter
    from llmcache.cli.stores import lines_of, opened
    from llmcache.errors import BackendError

    module, _, name = function.partition(".")
    stored: set[str] = set()
    with contextlib.suppress(click.ClickException, BackendError), opened(backend) as store:
        stored = {each.entry.scope.function for each in lines_of(store, Filter())}
    return sorted(
        each
        for each in stored
        if re.fullmatch(rf"{re.escape(module)}@\w+\.{re.escape(name)}", each)
    )


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
    except (AttributeError, ValueError) as error:
        raise click.UsageError(f"There is no {function}: {error}.") from None
    except Exception as error:  # noqa: BLE001 - whatever the user's module raises
        hint = "Run this where your program starts, with what it needs."
        what = f"{module_name} cannot be imported: {type(error).__name__}: {error}."
        raise click.UsageError(f"{what} {hint}") from None
    if not hasattr(found, "cache_explain"):
        raise click.UsageError(f"{function} is not decorated with cached_structured.")
    return found
