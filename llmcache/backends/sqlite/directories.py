"""Directories of ours: how they are made, marked and known again."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

__all__ = ["is_marked", "make_directory", "private"]

TAG = """Signature: 8a477f597d28d172789f06886806bc55
# This directory holds answers that can be computed again; backups may leave it out.
# See https://bford.info/cachedir/
"""


def make_directory(directory: Path) -> None:
    """Make it and what is missing above it, 0700 whatever the umask; mark the one we made."""
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for made in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was first
            made.mkdir(mode=0o700)
            made.chmod(0o700)
    if missing:
        mark(missing[0])


def mark(directory: Path) -> None:
    """Keep our directory out of backups and repositories, where that can be written."""
    for name, text in (("CACHEDIR.TAG", TAG), (".gitignore", "*\n")):
        with contextlib.suppress(OSError), (directory / name).open("x", encoding="utf-8") as file:
            private(os.dup(file.fileno()))
            file.write(text)


def is_marked(directory: Path) -> bool:
    """Whether it is one that `mark` marked."""
    try:
        return (directory / "CACHEDIR.TAG").read_text(encoding="utf-8") == TAG
    except (OSError, ValueError):
        return False


def private(descriptor: int) -> None:
    """Make an open file readable by its owner only, and close it."""
    try:
        if sys.platform != "win32":
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
