"""`llmcache export` and `llmcache import`: entries as lines of JSON."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from llmcache.cli.filters import Filter, filter_options
from llmcache.cli.options import backend_option, json_option
from llmcache.cli.printing import print_json
from llmcache.cli.problems import store_in_trouble

if TYPE_CHECKING:
    from llmcache.backends.base import Backend

__all__ = ["export_", "import_"]


@click.command("export", short_help="Write entries as lines of JSON.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=Path("-"))
@filter_options
@backend_option
def export_(file: Path, backend: str | None, wanted: Filter) -> None:
    """Write entries to FILE, or to the standard output (`-`), as lines of JSON, sorted by key.

    The same entries give the same bytes, so exports can be compared and kept under version
    control. They hold the answers, as the store does; sealed ones stay sealed. Of a damaged file,
    or one that was set aside (`….corrupt-…`), what can still be read is written, without filters;
    the exit code is 1 where something is lost.
    """
    from llmcache.cli.exporting import lines_out, sorted_keys
    from llmcache.cli.progress import progress
    from llmcache.cli.stores import absence, opened

    with opened(backend) as store:
        damaged = damaged_file(store)
    if damaged is not None:
        salvage(damaged, file, wanted)
        return
    with opened(backend) as store, sorted_keys(store, wanted) as found, written(file) as write:
        why_nothing = absence(store)
        (count,) = found.execute("SELECT count(*) FROM entry").fetchone()
        with progress(count, "exporting") as advance:
            for line in lines_out(store, found, advance):
                write(line)
        if store_in_trouble():
            raise click.ClickException("Nothing was exported, as the store is not whole.")
    click.echo(why_nothing or f"Exported {count:,} entries.", err=True)


def damaged_file(store: Backend) -> Path | None:
    """The file of a store, where it is damaged and ours."""
    from llmcache.cli.health_of_files import look_at_owner
    from llmcache.cli.integrity import Damaged, integrity
    from llmcache.cli.stores import absence, file_of

    file = None if absence(store) else file_of(store)
    if file is None or look_at_owner(file) is not None:
        return None
    return file if isinstance(integrity(file), Damaged) else None


def salvage(damaged: Path, file: Path, wanted: Filter) -> None:
    """Write what can still be read.

    Raises:
        click.ClickException: Something is lost.
    """
    from llmcache.cli.salvage import Salvaged, salvaged
    from llmcache.cli.stores import now

    if not wanted.empty:
        raise click.ClickException(f"{damaged} is damaged: export what is left without filters.")
    told = Salvaged()
    with written(file) as write:
        for line in salvaged(damaged, now(), told):
            write(line)
        if not told.read:
            raise click.ClickException(f"{damaged} is damaged: nothing of it can be read.")
    raise click.ClickException(
        f"{damaged} is damaged: exported {told.read:,} entries, {told.lost:,} could not be read."
    )


@contextlib.contextmanager
def written(file: Path) -> Iterator[Callable[[str], object]]:
    """Writes lines; a file is complete or as it was before, and readable by its owner only."""
    if file == Path("-"):
        yield click.echo
        return
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=file.parent, delete=False
        ) as made:
            unfinished = Path(made.name)
            try:
                yield lambda line: made.write(f"{line}\n")
                made.close()
                unfinished.replace(file)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise click.FileError(str(file), hint=str(error.strerror)) from None


@click.command("import", short_help="Read entries that were exported.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@backend_option
@json_option
def import_(file: str, backend: str | None, *, as_json: bool) -> None:
    """Read entries from FILE, which `export` wrote; `-` is the standard input.

    All lines are checked first; where one is bad nothing is stored, and the exit code is 1. What
    the store has in a newer version stays as it is.
    """
    from llmcache.cli.exporting import bring_in, verify
    from llmcache.cli.progress import progress
    from llmcache.cli.records import BadRecord
    from llmcache.cli.stores import now, opened

    with readable(file) as source, opened(backend, to_write=True) as store:
        try:
            count = verify(source)
        except (BadRecord, UnicodeDecodeError) as error:
            raise click.ClickException(f"Nothing was imported: {error}.") from None
        with progress(count, "importing") as advance:
            done = bring_in(store, source, now(), advance)
    if as_json:
        print_json(asdict(done))
        return
    left = f", {done.older:,} not newer than what is stored" if done.older else ""
    left += f", {done.ended:,} expired" if done.ended else ""
    click.echo(f"Imported {done.stored:,} of {count:,} entries{left}.")


@contextlib.contextmanager
def readable(file: str) -> Iterator[IO[str]]:
    """The file; the standard input by way of a temporary file, as it is read twice."""
    if file != "-":
        with Path(file).open(encoding="utf-8") as source:
            yield source
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spooled:
        shutil.copyfileobj(sys.stdin, spooled)
        spooled.seek(0)
        yield spooled
