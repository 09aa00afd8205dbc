"""What is decided without a database: leases, room, file systems, meanings of errors."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmcache.backends.base import Scope
from llmcache.backends.sqlite.failures import Meaning, as_backend_error, meaning
from llmcache.backends.sqlite.leases import LeaseRow, is_free
from llmcache.backends.sqlite.mounts import mount_type, network_filesystem
from llmcache.backends.sqlite.process import Process, is_dead, this_process
from llmcache.backends.sqlite.rows import hash_of
from llmcache.backends.sqlite.schema import read_scope, scope_text
from llmcache.backends.sqlite.space import PAGE, Bounds, Excess, Filling, excess_of
from llmcache.errors import BackendCorruptError, BackendUnavailableError

NOW = 1_000_000.0
LEASE = LeaseRow("theirs", this_process(), epoch=3, seconds=10.0, expires=NOW + 5)


@pytest.mark.parametrize(
    ("lease", "free"),
    [
        (None, True),
        (LEASE, False),
        (LEASE._replace(token="mine"), True),  # noqa: S106 - names a computation
        (LEASE._replace(epoch=2), True),
        (LEASE._replace(expires=NOW), True),
        (LEASE._replace(expires=NOW + 10 + 3600), True),
        (LEASE._replace(holder=Process("elsewhere", 1, "1")), False),
        (LEASE._replace(holder=this_process()._replace(started="another time")), True),
    ],
    ids=[
        *("none", "held", "own", "older epoch", "ended", "the clock went back"),
        *("of another machine", "the process number was given to another process"),
    ],
)
def test_a_lease_is_free(lease: LeaseRow | None, free: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_free(lease, "mine", 3, NOW) is free


def test_a_process_that_ended_is_dead_and_one_elsewhere_is_not_known_to_be() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_dead(this_process()._replace(pid=ended.pid))
    assert not is_dead(Process("elsewhere", ended.pid, ""))
    assert not is_dead(this_process())
    assert not is_dead(this_process()._replace(pid=1, started="")), "another user's, perhaps"


def test_a_forked_child_is_another_process(forked: Any) -> None:
    parent = this_process()
    assert forked(lambda: this_process() != parent)()


BOUNDS = Bounds(10_000_000, entries=100)
EMPTY = Filling(entries=0, content=0, pages=30, unused=0)


@pytest.mark.parametrize(
    ("filling", "excess"),
    [
        (EMPTY, None),
        (EMPTY._replace(entries=99), None),
        (EMPTY._replace(entries=100), Excess(1 + 2, -1)),
        (EMPTY._replace(pages=BOUNDS.pages, unused=20), None),
        (EMPTY._replace(pages=BOUNDS.pages + 2), Excess(-99, 2 * PAGE + 1300 + 200_000)),
    ],
    ids=["empty", "one more", "one too many", "pages unused", "pages full"],
)
def test_what_has_to_go_before_an_entry_comes(filling: Filling, excess: Excess | None) -> None:
    found = excess_of(filling, BOUNDS, 1000)
    if excess is None or found is None:
        assert found is excess
    else:
        assert found.entries == excess.entries
        assert found.bytes == excess.bytes or excess.bytes < 0 > found.bytes


def test_what_has_begun_to_go_goes_on_until_there_is_slack() -> None:
    """So a long run of puts evicts in turns, and does not look before each whether it should."""
    slack = 200_000
    within = EMPTY._replace(pages=BOUNDS.pages - 10)
    assert excess_of(within, BOUNDS, 1000) is None
    left = excess_of(within, BOUNDS, 1000, begun=True)
    assert left is not None and left.bytes == slack + 1300 - 10 * PAGE  # noqa: PT018 - for the checker
    enough = EMPTY._replace(pages=BOUNDS.pages - slack // PAGE - 2)
    assert excess_of(enough, BOUNDS, 1000, begun=True) is None


def test_where_an_empty_file_fills_the_bound_the_content_counts() -> None:
    tiny = Bounds(100_000)
    assert excess_of(EMPTY._replace(content=99_000), tiny, 1000) is None
    assert excess_of(EMPTY._replace(content=99_001), tiny, 1000) == Excess(0, 1 + 2000)


def test_file_and_log_together_stay_within_a_fifth_of_the_bound() -> None:
    for size in (300_000, 1 << 20, 10_000_000, 1 << 30):
        bounds = Bounds(size)
        assert (bounds.pages + 2 * bounds.log_pages) * PAGE < 1.15 * size
        assert not bounds.tiny


TABLE = r"""21 1 0:20 / / rw,relatime - ext4 /dev/vda rw
40 21 0:35 / /srv/a\040share rw - nfs4 server:/x rw
41 21 0:36 / /srv/a\040share/local rw - tmpfs tmpfs rw
42 21 0:37 / /home rw shared:1 master:2 - fuse.sshfs host: rw
nonsense
"""


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/var/cache", "ext4"),
        ("/srv/a share/cache", "nfs4"),
        ("/srv/a share/local/cache", "tmpfs"),
        ("/home/me", "fuse.sshfs"),
        ("/homework", "ext4"),
    ],
)
def test_the_innermost_mount_says_the_file_system(directory: str, kind: str) -> None:
    assert mount_type(Path(directory), TABLE) == kind


def test_network_file_systems_are_told_from_local_ones(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    assert network_filesystem(Path("/srv/a share"), table) == "nfs4"
    assert network_filesystem(Path("/var"), table) is None
    assert network_filesystem(Path("/var"), tmp_path / "absent") is None


@pytest.mark.parametrize(
    "scope", [Scope("", "m.f"), Scope("a\0b", "c"), Scope("a", "b\0c"), Scope("3\0", "\0")]
)
def test_a_scope_survives_its_text(scope: Scope) -> None:
    assert read_scope(scope_text(scope)) == scope
    assert read_scope("a" * 64) == "a" * 64


def test_the_row_of_a_key_never_changes() -> None:
    """It is stored: another hash would lose every entry."""
    assert hash_of("0" * 63 + "7") == 7
    assert hash_of("f" * 64) == ((1 << 256) - 1) % ((1 << 63) - 25)
    assert hash_of("not hex") == -2_645_797_259_773_659_556
    for keys in (
        {f"{number:064x}" for number in range(1000)},
        {f"{number:04x}".ljust(64, "0") for number in range(1000)},
        {f"key {number}" for number in range(1000)},
    ):
        assert len({hash_of(key) for key in keys}) == 1000


def error_of(code: int, text: str = "as SQLite says") -> sqlite3.Error:
    """An error as SQLite raises it."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "what", "kind"),
    [
        (error_of(sqlite3.SQLITE_BUSY), Meaning.LOCKED, BackendUnavailableError),
        (error_of(sqlite3.SQLITE_BUSY_SNAPSHOT), Meaning.LOCKED, BackendUnavailableError),
        (BlockingIOError(), Meaning.LOCKED, BackendUnavailableError),
        (error_of(sqlite3.SQLITE_CORRUPT), Meaning.DAMAGED, BackendCorruptError),
        (error_of(sqlite3.SQLITE_NOTADB), Meaning.DAMAGED, BackendCorruptError),
        (error_of(sqlite3.SQLITE_ERROR, "no such table: x"), Meaning.DAMAGED, BackendCorruptError),
        (error_of(sqlite3.SQLITE_IOERR_READ), Meaning.LOST, BackendUnavailableError),
        (error_of(sqlite3.SQLITE_FULL), Meaning.REFUSED, BackendUnavailableError),
        (error_of(sqlite3.SQLITE_ERROR), Meaning.REFUSED, BackendUnavailableError),
        (sqlite3.ProgrammingError("closed"), Meaning.LOST, BackendUnavailableError),
        (OSError(28, "No space left"), Meaning.REFUSED, BackendUnavailableError),
        (MemoryError(), Meaning.REFUSED, BackendUnavailableError),
        (OverflowError(), Meaning.REFUSED, BackendUnavailableError),
    ],
)
def test_every_failure_has_a_meaning_and_a_kind(
    error: Exception, what: Meaning, kind: type[Exception]
) -> None:
    assert meaning(error) is what
    raised = as_backend_error(error, "sqlite:///x.db", "put")
    assert type(raised) is kind
    assert (raised.backend, raised.operation) == ("sqlite:///x.db", "put")
