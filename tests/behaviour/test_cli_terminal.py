"""What a person sees: the commands on a real terminal, wide, narrow, without colour or rich."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmcache import SQLiteBackend
from llmcache.backends.base import Entry, Scope
from llmcache.backends.counts import Cell, Sums
from llmcache.codecs import Framing

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

LONG = "shop.warehouse.documents.invoices.extract_invoice"
PLAINLY = "import sys; sys.modules['rich'] = None; from llmcache.cli import llmcache; llmcache()"
ESCAPE = "\x1b"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """One function with a long name, asked, answered and stored."""
    key = "ab" * 32
    value = Framing().pack(b'[]\n"x"', bytes.fromhex(key))
    with SQLiteBackend(tmp_path / "a.db") as backend:
        backend.put(key, Entry(value, Scope("", LONG), 1.0, model="evil\x1b[2J"))
        backend.add_counts({Cell("2026-11-23", "", LONG, "", "hit", ""): Sums(3)}, [])
    return f"sqlite:///{tmp_path}/a.db"


def on_terminal(
    *arguments: str,
    columns: int = 120,
    program: tuple[str, ...] = ("-m", "llmcache"),
    typed: str = "",
    **environment: str,
) -> str:
    """All that a terminal of that width was sent, line ends as they are written."""
    inherited = {name: os.environ[name] for name in {*os.environ} - {"COLUMNS", "LINES"}}
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    with subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, *program, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color", **environment},
    ):
        os.close(theirs)
        os.write(ours, typed.encode())
        sent = b"".join(pieces(ours))
    os.close(ours)
    return sent.decode().replace("\r\n", "\n")


def pieces(terminal: int) -> Iterator[bytes]:
    """What comes until the other side is closed, which Linux tells by an error."""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            yield piece


def test_a_table_is_drawn_by_rich_where_it_is_installed(store: str) -> None:
    pytest.importorskip("rich")
    shown = on_terminal("stats", "--backend", store)
    assert "───" in shown
    assert ESCAPE in shown
    assert LONG in shown


def test_without_rich_a_terminal_has_aligned_columns(store: str) -> None:
    shown = on_terminal("stats", "--backend", store, program=("-c", PLAINLY))
    heading, row, *_ = shown.splitlines()
    assert "───" not in shown
    assert heading.startswith(f"{ESCAPE}[1mfunction")
    assert row.startswith(f"{LONG}  ")


@pytest.mark.parametrize("command", ["stats", "ls", "config", "doctor", "show"])
def test_no_color_sends_nothing_but_text(store: str, command: str) -> None:
    arguments = ("abab",) if command == "show" else ()
    shown = on_terminal(command, *arguments, "--backend", store, NO_COLOR="1")
    assert ESCAPE not in shown
    assert shown


@pytest.mark.parametrize("program", [("-m", "llmcache"), ("-c", PLAINLY)])
def test_a_narrow_terminal_shows_the_ends_of_long_names(
    store: str, program: tuple[str, ...]
) -> None:
    shown = on_terminal("ls", "--backend", store, columns=90, program=program, NO_COLOR="1")
    assert "…" in shown
    assert "extract_invoice  " in shown
    assert LONG not in shown
    assert all(len(line) <= 90 for line in shown.splitlines())


def test_what_is_stored_cannot_command_a_terminal(store: str) -> None:
    for command in (("ls",), ("show", "abab")):
        shown = on_terminal(*command, "--backend", store)
        assert f"{ESCAPE}[2J" not in shown
        assert "evil\N{REPLACEMENT CHARACTER}[2J" in shown


def test_long_work_tells_how_far_it_is_and_its_output_stays_clean(
    store: str, tmp_path: Path
) -> None:
    shown = on_terminal("export", str(tmp_path / "e.jsonl"), "--backend", store)
    assert "exporting" in shown
    assert "Exported 1 entries." in shown
    assert "exporting" not in (tmp_path / "e.jsonl").read_text()


@pytest.mark.parametrize(("typed", "told"), [("y\n", "Forgot 1 entries."), ("n\n", "Aborted!")])
def test_clear_asks_who_sits_there(store: str, typed: str, told: str) -> None:
    shown = on_terminal("clear", "--all", "--backend", store, typed=typed)
    assert "would be forgotten" in shown
    assert told in shown
