"""Write the pages that are made from the code; `--check` only says whether they are up to date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from llmcache.cli import llmcache

REFERENCE = Path(__file__).parent / "reference"
HEAD = """\
# Command line

`python -m llmcache` is the same as `llmcache`. This page is written by `docs/generate.py`.
"""


def commands_of(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[str]:
    """The help of a command, then that of its sub-commands, each as a section."""
    width = {"max_content_width": 79, "terminal_width": 79}
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, **width)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None and not found.hidden:
                yield from commands_of(found, each, context)


def main() -> int:
    """Write or check; 1 where a page was out of date under `--check`."""
    page = "\n".join([HEAD, *commands_of(llmcache, "llmcache")])
    target = REFERENCE / "cli.md"
    current = target.read_text(encoding="utf-8") if target.exists() else ""
    if "--check" not in sys.argv[1:]:
        target.write_text(page, encoding="utf-8")
    elif page != current:
        print(f"{target} is out of date: run python docs/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
