"""The commands that read the ledger, and the doctor."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmcache import SQLiteBackend, cached_structured, configure, ledger
from llmcache.backends.base import Entry, Scope
from llmcache.backends.counts import Cell, Missed, Sums
from llmcache.cli import llmcache
from llmcache.cli.health_of_use import never_repeated
from llmcache.cli.prices import costs
from llmcache.errors import ConfigurationError
from llmcache.testing import ManualClock

TODAY = time.strftime("%Y-%m-%d", time.gmtime())


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(llmcache, arguments, catch_exceptions=False)


def cell(outcome: str, reason: str = "", *, day: str = TODAY, model: str = "gpt-4o-mini") -> Cell:
    return Cell(day, "", "shop.invoice", model, outcome, reason)


@pytest.fixture
def url(isolated: Path) -> str:
    """A store with a ledger of known figures."""
    with SQLiteBackend(isolated / "llmcache.db") as backend:
        backend.add_counts(
            {
                cell("hit"): Sums(30, 60.0, 30_000, 3_000),
                cell("miss", "absent"): Sums(8),
                cell("miss", "expired"): Sums(2),
                cell("miss", "absent", day="2026-01-01", model="of-my-own"): Sums(5),
                cell("run"): Sums(8, 16.0, 8_000, 800),
                cell("run", "refresh"): Sums(2, 4.0, 2_000, 200),
                cell("run", day="2026-01-01", model="of-my-own"): Sums(5, 5.0, 500, 50),
                cell("bypass", "mode", model=""): Sums(1),
                cell("failure", "get", model=""): Sums(2),
            },
            [Missed(1_000.0, "", "shop.invoice", "a" * 64, "expired")],
        )
    return f"sqlite:///{isolated}/llmcache.db"


def stats(url: str, *options: str) -> Any:
    result = invoke("stats", "--backend", url, "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_stats_of_nothing_say_so(isolated: Path) -> None:
    assert "does not exist" in invoke("stats").stderr
    with SQLiteBackend(isolated / "llmcache.db") as backend:
        backend.get("0" * 64)
    assert invoke("stats").stderr == "Nothing was counted yet.\n"


def test_stats_add_up(url: str) -> None:
    total = stats(url)["total"]
    assert (total["calls"], total["hit"], total["miss"], total["bypass"]) == (46, 30, 15, 1)
    assert total["failure"] == 2
    assert total["hit_rate"] == pytest.approx(30 / 45)
    assert (total["seconds_spent"], total["seconds_saved"]) == (25.0, 60.0)
    assert (total["input_tokens_spent"], total["output_tokens_saved"]) == (10_500, 3_000)


def test_money_is_of_known_models_only(url: str, tmp_path: Path) -> None:
    pytest.importorskip("genai_prices")
    total = stats(url)["total"]
    assert total["usd_spent"] == pytest.approx(10_000 * 0.15e-6 + 1_000 * 0.6e-6)
    assert total["usd_saved"] == pytest.approx(30_000 * 0.15e-6 + 3_000 * 0.6e-6)
    assert total["tokens_without_price"] == 550
    table = tmp_path / "prices.json"
    table.write_text('{"of-my-own": {"input": 1, "output": 10}}')
    own = stats(url, "--prices", str(table), "--by", "model")
    assert own["groups"]["of-my-own"]["usd_spent"] == pytest.approx(0.001)
    assert own["total"]["tokens_without_price"] == 0


@pytest.mark.parametrize("text", ["[]", "{", '{"m": {"input": "x", "output": 1}}', '{"m": {}}'])
def test_a_table_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    table = tmp_path / "prices.json"
    table.write_text(text)
    with pytest.raises(ConfigurationError, match="in US dollars per million"):
        costs(table)("m", Sums(1, 0.0, 1, 1))


def test_stats_by_day_and_since(url: str) -> None:
    assert list(stats(url, "--by", "day")["groups"]) == ["2026-01-01", TODAY]
    assert list(stats(url, "--by", "day", "--since", "7d")["groups"]) == [TODAY]
    assert stats(url)["reasons"]["miss"] == {"absent": 13, "expired": 2}


def test_stats_for_people(url: str) -> None:
    shown = invoke("stats", "--backend", url, "--by", "model").stdout
    assert "hit rate" in shown
    assert "misses: nothing was stored 13, expired 2" in shown
    assert "total" in shown


def test_explain_without_a_function_tells_of_the_last_misses(url: str) -> None:
    shown = invoke("explain", "--backend", url).stdout
    assert shown == f"1970-01-01T00:16:40Z  shop.invoice  {'a' * 12}  expired\n"


@pytest.mark.parametrize("previews", [False, True])
def test_explain_says_what_differed_when_a_call_missed(*, previews: bool) -> None:
    """Of the key: what is kept beside it for people makes no difference."""
    configure(previews=previews)

    @cached_structured(name="shop.ask", version=1)
    def ask(text: str, size: int) -> str:
        return text * size

    keys = [ask.cache_key("a", size).digest for size in (1, 2)]
    ask("a", 1)
    ask("a", 2)
    ledger.flush()
    second, first = json.loads(invoke("explain", "--json").stdout)
    assert (second["nearest"], second["differences"]) == (keys[0], ["argument size differs"])
    assert (first["nearest"], first["differences"]) == (None, [])


def doctor(*options: str) -> dict[str, set[str]]:
    """Grades by what was looked at."""
    result = invoke("doctor", "--json", *options)
    found: dict[str, set[str]] = {}
    for finding in json.loads(result.stdout):
        found.setdefault(finding["about"], set()).add(finding["grade"])
    problems = any("problem" in grades for grades in found.values())
    assert result.exit_code == (1 if problems else 0)
    return found


def test_a_healthy_store_has_no_problem(url: str) -> None:
    found = doctor("--backend", url)
    assert found["integrity"] == found["permissions"] == found["size"] == {"fine"}
    assert found["store"] == {"hint"}
    assert "integrity: " in invoke("doctor", "--backend", url).stdout


def test_a_missing_store_is_fine_and_not_made(isolated: Path) -> None:
    assert doctor()["store"] == {"fine"}
    assert list(isolated.iterdir()) == []


def test_a_file_that_others_may_read_is_a_problem(url: str, isolated: Path) -> None:
    (isolated / "llmcache.db").chmod(0o644)
    assert doctor("--backend", url)["permissions"] == {"problem"}


def test_a_damaged_file_is_a_problem_and_left_where_it_is(url: str, isolated: Path) -> None:
    file = isolated / "llmcache.db"
    file.write_bytes(b"nonsense" * 1000)
    before = sorted(isolated.iterdir())
    assert doctor("--backend", url)["integrity"] == {"problem"}
    assert sorted(isolated.iterdir()) == before
    assert file.read_bytes() == b"nonsense" * 1000


def test_what_sqlite_says_of_a_damaged_page_is_told_in_one_line(url: str, isolated: Path) -> None:
    file = isolated / "llmcache.db"
    content = bytearray(file.read_bytes())
    content[8192:20480] = b"\xa5" * 12288
    file.write_bytes(content)
    result = invoke("doctor", "--backend", url)
    (line,) = (each for each in result.stdout.splitlines() if "is damaged" in each)
    assert line.startswith("problem  integrity: ")
    assert line.endswith("begins a new one.")


def test_a_directory_that_cannot_be_made_is_a_problem(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (isolated / "file").write_text("")
    monkeypatch.setenv("LLMCACHE_DIR", str(isolated / "file" / "cache"))
    assert doctor()["store"] == {"problem"}


def test_of_a_directory_only_that_is_told(isolated: Path) -> None:
    found = doctor("--backend", f"sqlite:///{isolated}")
    assert found["store"] == {"problem"}
    assert {"permissions", "integrity", "size"} & found.keys() == set()


def test_of_another_programs_database_only_that_is_told(isolated: Path) -> None:
    file = isolated / "theirs.db"
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("CREATE TABLE theirs (x)")
    found = doctor("--backend", f"sqlite:///{file}")
    assert found["store"] == {"problem"}
    assert "permissions" not in found


def test_a_server_that_does_not_answer_is_told_once() -> None:
    pytest.importorskip("redis")
    result = invoke("doctor", "--backend", "redis://127.0.0.1:1/0")
    assert result.stdout.count("redis://127.0.0.1:1") == 1


def test_entries_from_the_future_tell_of_a_wrong_clock(isolated: Path) -> None:
    url = f"sqlite:///{isolated}/llmcache.db"
    for ahead, told in ((0, None), (10_000, {"problem"})):
        clock = ManualClock(start=time.time() + ahead)
        with SQLiteBackend(isolated / "llmcache.db", clock=clock) as backend:
            backend.put("ab" * 32, Entry(b"", Scope("", "f"), clock.time()))
        assert doctor("--backend", url).get("clock") == told


def test_a_second_owner_of_the_package_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"llmcache": ["llmcache-structured", "llmcache"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: owners)
    assert doctor()["package"] == {"problem"}


def test_a_network_file_system_is_told_as_the_store_tells_it(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (isolated / "link").symlink_to(isolated / "far", target_is_directory=True)
    (isolated / "far").mkdir()
    kinds = {(isolated / "far").resolve(): "fuse.s3fs"}
    monkeypatch.setattr("llmcache.cli.health_of_files.network_filesystem", kinds.get)
    assert doctor("--backend", f"sqlite:///{isolated}/link/a.db")["file system"] == {"problem"}
    assert "file system" not in doctor("--backend", f"sqlite:///{isolated}/a.db")


def test_a_file_that_cannot_be_looked_at_now_is_a_hint(url: str, isolated: Path) -> None:
    with closing(sqlite3.connect(isolated / "llmcache.db")) as raw:
        raw.execute("PRAGMA locking_mode = EXCLUSIVE")
        raw.execute("BEGIN EXCLUSIVE")
        assert doctor("--backend", url)["integrity"] == {"hint"}


def test_the_one_argument_that_never_repeats_is_named() -> None:
    parts = [{"argument text": f"{n % 3}", "argument now": f"{n}"} for n in range(30)]
    assert never_repeated([dict(each) for each in parts]) == ["now"]
    assert never_repeated([{"argument now": f"{n}"} for n in range(30)]) == []
    assert never_repeated([dict(each) for each in parts[:10]]) == []


@pytest.mark.usefixtures("isolated")
def test_what_no_key_can_see_and_what_never_repeats_are_named_of_each_function() -> None:
    with closing(sqlite3.connect(":memory:")) as database:

        @cached_structured(name="shop.count", version=1)
        def count(table: str, now: int) -> int:
            return len(table) + now

        @cached_structured(name="shop.look", version=1)
        def look(table: str) -> str:
            return str(database) + table

        for now in range(30):
            count("abc"[now % 3], now)
        look("a")
        assert look.cache_explain("b").differences == ("argument table differs",)
    findings = json.loads(invoke("doctor", "--json").stdout)
    (seen,) = (each["text"] for each in findings if each["about"] == "keys")
    assert seen.startswith("not seen by the key of shop.look: closure ")
    assert "database (Connection has no stable form)" in seen
    assert "depends_on=" in seen
    (repeated,) = (each["text"] for each in findings if each["about"] == "arguments")
    assert "ignore=['now']" in repeated
    assert "shop.count" in repeated


def test_a_ledger_that_cannot_be_had_is_said() -> None:
    result = invoke("stats", "--backend", "null://")
    assert result.exit_code == 1
    assert "keeps no ledger" in result.stderr
