"""Every command on damaged, foreign, full and distant stores: right output or a clear error."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcache import LRUBackend, SQLiteBackend, cached_structured, configure
from llmcache.backends.base import Entry, Scope
from llmcache.cli import llmcache
from llmcache.codecs import Framing
from llmcache.testing.redis import server_or_skip

READING = {
    "ls": (),
    "show": ("ab",),
    "stats": (),
    "explain": (),
    "export": (),
    "clear": ("--all", "--yes"),
    "prune": (),
    "report": ("-",),
}
MANY = 1_000_000
MOST_MEMORY = 150_000
"""In kilobytes; prices take half of it."""


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(llmcache, arguments, catch_exceptions=False, **options)


def asking(backend: Any) -> Any:
    @cached_structured(name="shop.ask", version=1, backend=backend)
    def ask(text: str) -> str:
        return text.upper()

    return ask


@pytest.mark.parametrize("content", [b"id,name\n1,Ada\n", b"S", b"nonsense" * 1000])
@pytest.mark.parametrize("command", [*READING, "doctor"])
def test_a_file_that_never_was_a_store_is_an_error_and_left_alone(
    tmp_path: Path, command: str, content: bytes
) -> None:
    file = tmp_path / "customers.csv"
    file.write_bytes(content)
    result = invoke(command, *READING.get(command, ()), "--backend", f"sqlite:///{file}")
    assert result.exit_code == 1, result.output
    assert "not an llmcache store" in result.output
    assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A store whose header is whole and all else is not."""
    file = tmp_path / "a.db"
    with SQLiteBackend(file) as backend:
        backend.put("ab" * 32, Entry(b"x", Scope("", "f"), 1.0))
    file.write_bytes(file.read_bytes()[:100] + b"\xa5" * 20_000)
    return file


@pytest.mark.parametrize("command", ["ls", "show", "stats", "explain", "report", "doctor"])
def test_who_only_looks_leaves_a_damaged_store_where_it_is(damaged: Path, command: str) -> None:
    before = damaged.read_bytes()
    result = invoke(command, *READING.get(command, ()), "--backend", f"sqlite:///{damaged}")
    assert result.exit_code == 1, result.output
    assert "damaged" in result.output
    assert damaged.read_bytes() == before
    assert list(damaged.parent.iterdir()) == [damaged]


@pytest.mark.parametrize("command", ["ls", "stats", "explain", "report", "export", "path"])
@pytest.mark.parametrize("content", [None, b""])
def test_who_only_looks_makes_nothing(tmp_path: Path, command: str, content: bytes | None) -> None:
    file = tmp_path / "here" / "a.db"
    if content is not None:
        file.parent.mkdir()
        file.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    result = invoke(command, *READING.get(command, ()), "--backend", f"sqlite:///{file}")
    assert (result.exit_code, sorted(tmp_path.rglob("*"))) == (0, before)
    assert content is None or file.read_bytes() == content


def test_who_only_looks_leaves_no_trace_beside_a_whole_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with SQLiteBackend(tmp_path / "a.db") as backend:
        backend.put("ab" * 32, Entry(b"x", Scope("", "f"), 1.0))
    before = (tmp_path / "a.db").read_bytes()
    assert "abababab" in invoke("ls", "--backend", url).stdout
    assert (tmp_path / "a.db").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "a.db"]


@pytest.mark.parametrize("name", ["a.db", "a.db.corrupt-20260101T000000Z"])
def test_an_export_of_a_damaged_file_has_what_can_still_be_read(tmp_path: Path, name: str) -> None:
    file, lines = tmp_path / name, tmp_path / "e.jsonl"
    framing = Framing()
    with SQLiteBackend(file) as backend:
        for number in range(40):
            key = f"{number:064x}"
            value = framing.pack(b"[]\n" + b"x" * 2000, bytes.fromhex(key))
            backend.put(key, Entry(value, Scope("", "f"), 1.0 + number))
    content = bytearray(file.read_bytes())
    middle = content.index(b"x" * 2000, len(content) // 2) // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    file.write_bytes(content)
    result = invoke("export", str(lines), "--backend", f"sqlite:///{file}")
    assert result.exit_code == 1
    exported = len(lines.read_text().splitlines())
    assert 30 <= exported < 40
    assert f"exported {exported} entries, {40 - exported} could not be read" in result.stderr
    assert file.read_bytes() == content
    back = invoke("import", str(lines), "--backend", f"sqlite:///{tmp_path}/b.db")
    assert back.stdout == f"Imported {exported} of {exported} entries.\n"


def test_an_export_of_which_nothing_can_be_read_leaves_the_earlier_one(damaged: Path) -> None:
    earlier = damaged.with_name("e.jsonl")
    earlier.write_text("kept\n")
    result = invoke("export", str(earlier), "--backend", f"sqlite:///{damaged}")
    assert (result.exit_code, earlier.read_text()) == (1, "kept\n")
    assert "nothing of it can be read" in result.stderr


@pytest.mark.filterwarnings("default::llmcache.errors.BackendWarning")
def test_who_writes_sets_a_damaged_store_aside_with_a_warning(damaged: Path) -> None:
    result = invoke("prune", "--backend", f"sqlite:///{damaged}")
    assert result.exit_code == 1, result.output
    assert "Warning: " in result.stderr
    assert len(list(damaged.parent.glob("a.db.corrupt-*"))) == 1


@pytest.mark.parametrize("command", READING)
def test_a_file_of_another_program_is_an_error_and_left_alone(tmp_path: Path, command: str) -> None:
    file = tmp_path / "theirs.db"
    raw = sqlite3.connect(file)
    raw.execute("CREATE TABLE theirs (x)")
    raw.commit()
    raw.close()
    before = file.read_bytes()
    result = invoke(command, *READING[command], "--backend", f"sqlite:///{file}")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "another program" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def nowhere() -> str:
    """The URL of a server that does not listen."""
    pytest.importorskip("redis")
    return "redis://user:s3cret@127.0.0.1:1/0"


@pytest.mark.parametrize("command", sorted({*READING} - {"prune"}))
def test_a_server_that_is_not_there_is_an_error_in_one_line(nowhere: str, command: str) -> None:
    result = invoke(command, *READING[command], "--backend", nowhere)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: redis://127.0.0.1:1/0")
    assert "Connection refused" in line


def test_prune_asks_no_server_as_servers_remove_by_themselves(nowhere: str) -> None:
    result = invoke("prune", "--backend", nowhere)
    assert (result.exit_code, result.stdout) == (0, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("redis://127.0.0.1:1/0")
    assert line.endswith("removes by itself what has expired.")


def test_to_the_doctor_a_server_that_is_not_there_is_a_finding_among_others(nowhere: str) -> None:
    result = invoke("doctor", "--json", "--backend", nowhere)
    assert (result.exit_code, result.stderr) == (1, "")
    first, *others = json.loads(result.stdout)
    assert (first["grade"], first["about"]) == ("problem", "server")
    assert "Connection refused" in first["text"]
    assert "s3cret" not in result.stdout
    assert "package" in {each["about"] for each in others}


def test_what_is_exported_on_one_backend_is_all_hits_on_another(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    file, lines = f"sqlite:///{tmp_path}/a.db", str(tmp_path / "e.jsonl")
    texts = [f"text {number}" for number in range(250)]
    first = asking(file)
    for text in texts:
        first(text)
    configure(backend_timeout="1m")
    with server_or_skip() as server:
        url = f"{server.url}?timeout=1m"
        invoke("export", lines, "--backend", file)
        done = invoke("import", lines, "--backend", url)
        assert done.stdout == "Imported 250 of 250 entries.\n"
        there = asking(url)
        assert [there(text) for text in texts] == [text.upper() for text in texts]
        assert there.cache_info()[:2] == (250, 0)
        back = f"sqlite:///{tmp_path}/b.db"
        exported = invoke("export", "--backend", url).stdout
    assert exported == Path(lines).read_text(encoding="utf-8")
    invoke("import", "-", "--backend", back, input=exported)
    again = asking(back)
    assert [again(text) for text in texts] == [text.upper() for text in texts]
    assert again.cache_info()[:2] == (250, 0)


def test_a_store_that_cannot_list_says_so() -> None:
    from llmcache.cli.filters import Filter
    from llmcache.cli.stores import lines_of

    class Bare:
        description = "bare"

        def __getattr__(self, name: str) -> Any:
            if name in ("path", "far", "entries"):
                raise AttributeError(name)
            return getattr(LRUBackend(), name)

    with pytest.raises(Exception, match="bare cannot list what it holds"):
        list(lines_of(Bare(), Filter()))  # type: ignore[arg-type]


@pytest.mark.endurance
def test_all_commands_stay_small_over_a_million_entries(tmp_path: Path) -> None:
    """Each in a process of its own, whose largest memory is looked at."""
    url = f"sqlite:///{tmp_path}/a.db?max_bytes=8GiB"
    framing = Framing()
    with SQLiteBackend(tmp_path / "a.db", max_bytes="8GiB") as backend:
        for start in range(0, MANY, 1000):
            batch = {}
            for number in range(start, start + 1000):
                key = f"{number * 7919:064x}"
                value = framing.pack(b'[]\n"x"', bytes.fromhex(key))
                batch[key] = Entry(value, Scope("", f"f{number % 3}"), 1.0 + number)
            backend.put_many(batch)
    for command, arguments in {
        "ls": ("--limit", "0", "--json"),
        "explain": (),
        "show": (f"{7919:064x}",),
        "stats": (),
        "doctor": (),
        "report": (str(tmp_path / "r.html"),),
        "export": (str(tmp_path / "e.jsonl"),),
        "clear": ("--function", "f1", "--yes"),
        "prune": (),
    }.items():
        kilobytes = largest(command, *arguments, "--backend", url)
        assert kilobytes < MOST_MEMORY, command
    other = f"sqlite:///{tmp_path}/b.db?max_bytes=8GiB"
    assert largest("import", str(tmp_path / "e.jsonl"), "--backend", other) < MOST_MEMORY
    with SQLiteBackend(tmp_path / "b.db", max_bytes="8GiB") as backend:
        assert backend.count() == MANY


def largest(*arguments: str) -> int:
    """Run a command; the most memory that it had, in kilobytes."""
    program = (
        "import sys, json, pathlib\nfrom llmcache.cli import llmcache\n"
        f"try: llmcache({list(arguments)!r}, prog_name='llmcache')\n"
        "except SystemExit as end: code = end.code\n"
        # Not ru_maxrss, which begins with what the parent had.
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "most = status.split('VmHWM:')[1].split()[0]\n"
        "print(json.dumps([code or 0, int(most)]), file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", program],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    code, most = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return int(most)
