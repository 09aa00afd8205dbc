"""`llmcache show KEY`: one entry, with its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmcache.cli.filters import Filter
from llmcache.cli.ls import SHOWN_KEY, facts
from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json
from llmcache.cli.problems import FOUND_A_PROBLEM

if TYPE_CHECKING:
    from llmcache.backends.base import Backend, Listed

__all__ = ["show"]

NAMED_AT_MOST = 5


@click.command(short_help="Show one entry, with its answer.")
@click.argument("key")
@backend_option
@json_option
@click.pass_context
def show(ctx: click.Context, key: str, backend: str | None, *, as_json: bool) -> None:
    """Show one entry: what it is, what its key is made of, and the answer.

    KEY is what `ls` lists, or its first digits. Exit code 1 where no entry, or more than one,
    begins like that, and where the answer cannot be read.
    """
    from llmcache.cli.stores import opened

    with opened(backend) as store:
        told = described(store, found(store, key.lower()))
    if as_json:
        print_json(told)
    else:
        print_entry(told)
    if "unreadable" in told:
        ctx.exit(FOUND_A_PROBLEM)


def found(store: Backend, start: str) -> Listed:
    """The one entry whose key begins like that; of as many digits as `ls` shows, the newest.

    Raises:
        click.ClickException: None does, or several do.
    """
    from llmcache.cli.stores import absence, lines_of

    matches: list[Listed] = []
    for listed in lines_of(store, Filter()):
        if listed.key.startswith(start):
            if len(start) >= SHOWN_KEY:
                return listed
            matches.append(listed)
            if len(matches) > NAMED_AT_MOST:
                break
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise click.ClickException(absence(store) or f"No entry has a key that begins {start!r}.")
    named = ", ".join(each.key[: max(16, len(start) + 4)] for each in matches[:NAMED_AT_MOST])
    raise click.ClickException(f"Several keys begin {start!r}: {named}; give more digits.")


def described(store: Backend, listed: Listed) -> dict[str, Any]:
    """All that is known of an entry, for JSON; `unreadable` in place of an answer, with why."""
    from llmcache import settings
    from llmcache.backends.base import Manifests, Nothing, able
    from llmcache.cli.answers import plain_answer
    from llmcache.cli.stores import read_many
    from llmcache.codecs import Framing, Unreadable
    from llmcache.keys.explain import decoded, without_beside
    from llmcache.previews import kept_previews, kept_unkeyed

    manifests = able(store, Manifests)
    digest = listed.entry.manifest
    shared = manifests.get_manifest(digest) if manifests and digest else None
    told = facts(listed)
    kept = (decoded(shared or b"{}") or {}) | (decoded(listed.entry.parts) or {})
    told["parts"] = without_beside(kept)
    told["previews"] = kept_previews(listed.entry.parts)
    told["unkeyed"] = kept_unkeyed(shared or b"{}")
    framing = Framing(keys=settings.current().sealing_keys)
    entry = read_many(store, [listed.key]).get(listed.key, Nothing.DAMAGED)
    try:
        told["answer"] = plain_answer(listed.key, entry, framing)
    except Unreadable as error:
        told["unreadable"] = error.reason
    return told


def print_entry(told: dict[str, Any]) -> None:
    """For people: a line a fact, what was asked where that was kept, the answer, the parts."""
    from llmcache.cli.amounts import in_size
    from llmcache.cli.printing import printable

    apart = ("parts", "previews", "unkeyed", "answer", "unreadable")
    in_words = {"size": in_size(told["size"]), "seconds": f"{told['seconds']:.3f}"}
    for name, value in (told | in_words).items():
        if name not in apart:
            shown = printable(str(value)) if value not in (None, "") else "-"
            click.echo(f"{name + ':':<15}{shown}")
    if told["previews"]:
        click.secho("\nIt was asked with", bold=True)
    for name, preview in told["previews"].items():
        click.echo(f"  {name} = {printable(preview)}")
    if "unreadable" in told:
        click.secho(f"\nThe answer cannot be read: {told['unreadable']}.", fg="yellow")
    else:
        click.secho("\nThe answer", bold=True)
        print_json(told["answer"])
    click.secho("\nThe key is made of", bold=True)
    for name, digest in told["parts"].items():
        click.echo(f"  {digest}  {name}")
    for name, why in told["unkeyed"].items():
        click.echo(f"  not of {name}: {why}")
