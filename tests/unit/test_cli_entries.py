"""The commands that look at entries and steer them: on an empty, a normal and a missing store."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel, SecretStr

from llmcache import SQLiteBackend, cached_structured, reset_configuration
from llmcache.backends.base import Entry, Scope
from llmcache.cli import llmcache
from llmcache.testing import ManualClock


class Line(BaseModel):
    """A part of an answer."""

    text: str
    price: float


class Invoice(BaseModel, extra="allow"):
    """An answer with parts of several kinds."""

    number: int
    lines: list[Line]
    tags: set[str]
    secret: SecretStr = SecretStr("hush")


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(llmcache, arguments, catch_exceptions=False, **options)


def read(*arguments: str) -> Any:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@cached_structured(name="shop.invoice", version=1)
def invoice(number: int) -> Invoice:
    return Invoice(number=number, lines=[Line(text="tea", price=1.5)], tags={"x"}, note="é")


@cached_structured(name="shop.word", version=1, namespace="tenant", ttl="1h")
def word(text: str) -> str:
    return text.upper()


@cached_structured(name="shop.items", version=1)
def items(text: str) -> Iterator[Line]:
    yield from (Line(text=part, price=2) for part in text.split())


@pytest.fixture
def store(isolated: Path) -> Path:
    """The default file with three invoices, a word of a tenant and a stream."""
    for number in (1, 2, 3):
        invoice(number)
    word("a")
    list(items("p q"))
    return isolated / "llmcache.db"


READING = [("ls",), ("prune",), ("clear", "--all", "--yes"), ("show", "ab"), ("export",)]


@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_a_missing_store_is_said_and_not_made(isolated: Path, command: tuple[str, ...]) -> None:
    result = invoke(*command)
    assert f"{isolated / 'llmcache.db'} does not exist" in result.stderr
    assert result.exit_code == (1 if command[0] == "show" else 0)
    assert list(isolated.iterdir()) == []


def test_an_empty_store_lists_nothing(tmp_path: Path) -> None:
    with SQLiteBackend(tmp_path / "a.db") as backend:
        backend.get("0" * 64)
    url = f"sqlite:///{tmp_path}/a.db"
    assert read("ls", "--backend", url) == []
    assert invoke("ls", "--backend", url).stderr == "No entries.\n"
    assert read("clear", "--all", "--yes", "--backend", url)["cleared"] == 0


def test_memory_of_another_process_is_not_taken_for_an_empty_store() -> None:
    assert "belongs to one process" in invoke("ls", "--backend", "memory://").stderr


@pytest.mark.usefixtures("store")
def test_ls_lists_the_newest_first() -> None:
    names = [line["function"] for line in read("ls")]
    assert names == ["shop.items", "shop.word", "shop.invoice", "shop.invoice", "shop.invoice"]
    shown = invoke("ls", "--limit", "2")
    assert shown.stdout.splitlines()[0].split()[:3] == ["key", "function", "model"]
    assert len(shown.stdout.splitlines()) == 3
    assert "--limit 0 shows all" in shown.stderr


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--function", "shop.invoice"], 3),
        (["--function", "shop.*"], 5),
        (["--function", "invoice"], 0),
        (["--namespace", "tenant"], 1),
        (["--namespace", ""], 4),
        (["--model", "gpt*"], 0),
        (["--older-than", "1h"], 0),
        (["--newer-than", "1h"], 5),
        (["--larger-than", "1MB"], 0),
        (["--expired"], 0),
    ],
)
def test_filters_narrow(options: list[str], count: int) -> None:
    assert len(read("ls", *options)) == count
    cleared = read("clear", "--dry-run", *options)
    assert (cleared["found"], cleared["cleared"]) == (count, 0)
    assert len(read("ls")) == 5
    assert read("clear", "--yes", *options)["cleared"] == count
    assert len(read("ls")) == 5 - count


@pytest.fixture
def two(tmp_path: Path) -> str:
    """A store with one entry that is old, large, expired and of one model, and one that is not."""
    now = time.time()
    old = Entry(b"x" * 50_000, Scope("", "a"), now - 7_200, expires=now - 60, model="gpt-4o")
    new = Entry(b"x", Scope("tenant", "b"), now - 60, expires=now + 3_600, model="claude")
    with SQLiteBackend(tmp_path / "two.db") as backend:
        backend.put_many({"a" * 64: old, "b" * 64: new})
    return f"sqlite:///{tmp_path}/two.db"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--function", "a*"], "a"),
        (["--model", "gpt-*"], "a"),
        (["--model", "claude"], "b"),
        (["--namespace", "tenant"], "b"),
        (["--older-than", "1h"], "a"),
        (["--newer-than", "1h"], "b"),
        (["--larger-than", "40kB"], "a"),
        (["--expired"], "a"),
        (["--expired", "--model", "claude"], ""),
        ([], "ba"),
    ],
)
def test_each_filter_tells_two_entries_apart(two: str, options: list[str], found: str) -> None:
    assert "".join(line["key"][0] for line in read("ls", "--backend", two, *options)) == found


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("command", [("ls",), ("clear", "--dry-run"), ("clear", "--yes")])
def test_where_a_filter_finds_nothing_it_says_what_may_have_been_meant(
    command: tuple[str, ...],
) -> None:
    result = invoke(*command, "--function", "invoice")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Try --function '*.invoice'" in result.stderr


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("option", [("--older-than", "soon"), ("--larger-than", "big")])
def test_a_filter_that_cannot_be_read_is_wrong_usage(option: tuple[str, str]) -> None:
    assert invoke("ls", *option).exit_code == 2


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "options",
    [[], ["--yes"], ["--all"], ["--function", "*"], ["--all", "--function", "*", "--yes"]],
)
def test_clear_without_filter_or_consent_does_nothing_but_say_so(options: list[str]) -> None:
    result = invoke("clear", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Nothing was cleared" in result.stderr
    assert len(read("ls")) == 5


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("answer", "left", "code"), [("n\n", 5, 1), ("y\n", 0, 0)])
def test_clear_asks_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, answer: str, left: int, code: int
) -> None:
    monkeypatch.setattr(sys.modules["llmcache.cli.clear"], "sys", Terminal)
    result = invoke("clear", "--all", input=answer)
    assert result.exit_code == code
    assert "5  would be forgotten" in result.stderr
    assert len(read("ls")) == left


class Terminal:
    """Stands for `sys` on a terminal."""

    class stdin:  # noqa: N801 - as in sys
        """A terminal."""

        @staticmethod
        def isatty() -> bool:
            return True


@pytest.mark.usefixtures("store")
def test_what_is_cleared_is_called_again() -> None:
    assert invoice.cache_info().currsize == 3
    assert read("clear", "--function", "shop.invoice", "--yes")["cleared"] == 3
    before = invoice.cache_info().misses
    invoice(1)
    assert invoice.cache_info().misses == before + 1


@pytest.mark.usefixtures("store")
def test_show_gives_the_answer_as_json_without_the_classes() -> None:
    key = invoice.cache_key(1).digest
    told = read("show", key)
    assert told["answer"] == {
        "number": 1,
        "lines": [{"text": "tea", "price": 1.5}],
        "tags": ["x"],
        "secret": "**********",
        "note": "é",
    }
    assert told["function"] == "shop.invoice"
    assert told["parts"].keys() >= {"argument number", "function", "response model Invoice: name"}
    assert read("show", key[:10])["key"] == key
    assert '"number": 1' in invoke("show", key.upper()).stdout


@pytest.mark.usefixtures("store")
def test_show_gives_a_stream_as_a_list() -> None:
    answer = read("show", items.cache_key("p q").digest)["answer"]
    assert answer == [{"text": "p", "price": 2.0}, {"text": "q", "price": 2.0}]


def test_show_gives_what_a_stream_returned_as_the_last_of_the_list() -> None:
    @cached_structured(name="shop.sum", version=1)
    def summed() -> Generator[float, None, float]:
        yield from (1.5, 2.5)
        return 4.0

    list(summed())
    assert read("show", summed.cache_key().digest)["answer"] == [1.5, 2.5, 4.0]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("start", "text"), [("", "Several keys"), ("xyz", "No entry")])
def test_show_wants_one_entry(start: str, text: str) -> None:
    result = invoke("show", start)
    assert result.exit_code == 1
    assert text in result.stderr


def test_show_of_a_damaged_value_shows_the_rest(store: Path) -> None:
    key = invoice.cache_key(1).digest
    with sqlite3.connect(store) as raw:
        raw.execute("UPDATE entry SET value = zeroblob(10) WHERE key = ?", (key,))
    raw.close()
    result = invoke("show", key, "--backend", f"sqlite:///{store}")
    assert result.exit_code == 1
    assert "shop.invoice" in result.stdout
    assert "cannot be read: it is damaged" in result.stdout


def test_a_sealed_answer_is_shown_only_with_its_key(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMCACHE_ENCRYPTION_KEY", "A" * 43 + "=")
    reset_configuration()
    invoice(1)
    (line,) = read("ls")
    assert read("show", line["key"])["answer"]["number"] == 1
    monkeypatch.delenv("LLMCACHE_ENCRYPTION_KEY")
    reset_configuration()
    result = invoke("show", line["key"])
    assert result.exit_code == 1
    assert "it is sealed" in result.stdout


def test_prune_removes_what_has_expired(store: Path) -> None:
    with SQLiteBackend(store, clock=ManualClock(start=1.0)) as backend:
        backend.put("ab" * 32, Entry(b"", Scope("", "shop.old"), 1.0, expires=5.0))
    assert read("prune")["removed"] == 1
    assert "Removed 0 entries" in invoke("prune").stdout


@pytest.mark.usefixtures("store")
def test_an_export_is_sorted_and_the_same_each_time(tmp_path: Path) -> None:
    first = invoke("export").stdout
    assert invoke("export", "-").stdout == first
    invoke("export", str(tmp_path / "e.jsonl"))
    assert (tmp_path / "e.jsonl").read_text() == first
    assert (tmp_path / "e.jsonl").stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in first.splitlines()]
    keys = [line["key"] for line in lines if "key" in line]
    assert keys == sorted(keys)
    assert len(keys) == 5
    assert len(lines) == 8


@pytest.mark.usefixtures("store")
def test_an_import_makes_all_of_them_hits(tmp_path: Path) -> None:
    exported = invoke("export").stdout
    url = f"sqlite:///{tmp_path}/other.db"
    done = invoke("import", "-", "--json", "--backend", url, input=exported)
    assert json.loads(done.stdout) == {"stored": 5, "older": 0, "ended": 0}
    again = invoke("import", "-", "--json", "--backend", url, input=exported)
    assert json.loads(again.stdout) == {"stored": 0, "older": 5, "ended": 0}
    assert invoke("export", "--backend", url).stdout == exported


def test_an_import_where_one_line_is_bad_stores_nothing(store: Path, tmp_path: Path) -> None:
    lines = invoke("export").stdout.splitlines()
    url = f"sqlite:///{tmp_path}/other.db"
    for bad in (
        lines[4].replace("shop", "shoq"),
        lines[4][:-9],
        "[]",
        '{"check": 1}',
        swapped(lines[4], lines[5]),
    ):
        file = tmp_path / "bad.jsonl"
        file.write_text("\n".join([*lines[:4], bad, *lines[5:]]))
        result = invoke("import", str(file), "--backend", url)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: Nothing was imported: line 5: ")
    assert not (tmp_path / "other.db").exists()


def swapped(line: str, other: str) -> str:
    """A line whose check fits and whose value belongs to another key."""
    from llmcache.cli.records import line_of

    facts = json.loads(line)
    del facts["check"]
    return line_of({**facts, "value": json.loads(other)["value"]})


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of a user's, in the current directory."""
    (tmp_path / "shop_module.py").write_text(
        "from llmcache import cached_structured\n"
        "@cached_structured\n"
        "def ask(text: str, size: int = 1) -> str:\n    return text * size\n"
        "@cached_structured\n"
        "async def aask(text: str) -> str:\n    return text\n"
        "plain = len\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "shop_module"
    sys.modules.pop("shop_module", None)


def test_explain_says_why_a_call_misses_and_that_another_hits(module: str) -> None:
    assert read("explain", f"{module}:ask", '["a"]')["status"] == "miss"
    sys.modules[module].ask("a")
    assert read("explain", f"{module}:ask", '{"text": "a"}')["status"] == "hit"
    missed = read("explain", f"{module}:ask", '["a", 2]')
    assert missed["differences"] == ["argument size differs"]
    assert "argument size differs" in invoke("explain", f"{module}:ask", '["a", 2]').stdout
    assert read("explain", f"{module}:aask", '["a"]')["status"] == "miss"


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        ("ask", "[]", "is not MODULE:FUNCTION"),
        ("no_such_module:ask", "[]", "cannot be imported"),
        ("shop_module:none", "[]", "There is no shop_module:none"),
        ("shop_module:plain", "[]", "is not decorated"),
        ("shop_module:ask", "nonsense", "are not JSON"),
        ("shop_module:ask", "3", "neither an array nor an object"),
        ("shop_module:ask", "[]", "cannot be called like that"),
    ],
)
def test_explain_of_what_there_is_not_is_wrong_usage(
    module: str, function: str, arguments: str, text: str
) -> None:
    result = invoke("explain", function, arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_bare_name_of_a_function_is_answered_with_a_pattern(store: Path) -> None:
    assert store.exists()
    assert "Try --function '*.invoice'" in invoke("ls", "--function", "invoice").stderr
    assert invoke("ls", "--function", "*.invoice").stdout.count("shop.invoice") == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_output_is_an_error_in_one_line(store: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "llmcache", "ls"],
            env=os.environ | {"LLMCACHE_DIR": str(store.parent)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: Nothing more can be written: No space left on device.\n"


def test_explain_names_the_function_as_a_program_stored_it(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (isolated / "job_of_mine.py").write_text(
        "from llmcache import cached_structured\n"
        "@cached_structured\ndef extract(text: str) -> str: return text\n"
        "if __name__ == '__main__': extract('a')\n"
    )
    monkeypatch.chdir(isolated)
    environment = os.environ | {"LLMCACHE_DIR": str(isolated)}
    subprocess.run([sys.executable, "job_of_mine.py"], env=environment, check=True)
    result = invoke("explain", "job_of_mine:extract", '["a"]')
    assert "Entries are stored for job_of_mine@" in result.stderr


def test_a_clear_names_functions_with_their_namespace_where_they_have_one(store: Path) -> None:
    assert store.exists()
    cleared = read("clear", "--all", "--dry-run")["functions"]
    assert cleared == {"shop.invoice": 3, "tenant: shop.word": 1, "shop.items": 1}


def test_a_wrong_option_is_told_once_and_in_what_can_be_typed() -> None:
    assert "timedelta" not in invoke("ls", "--older-than", "soon").stderr
    assert "Backend URL" not in invoke("ls", "--backend", "foo.db").stderr
