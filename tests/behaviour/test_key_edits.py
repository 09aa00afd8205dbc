"""What an edit of the source does: two runs in two processes, the edit between them.

Each case is a file of its own in one directory. The first process calls all of them, then every
file is edited in place, then a second process, with another hash seed, asks `cache_explain` what
it thinks of the same call: a hit, or a miss with the very things that were edited.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

CASES = Path(__file__).with_name("key_edits")
RUNNER = """
import asyncio, builtins, importlib, inspect, json, sys
from llmcache import cached_structured

class Answering:
    def __init__(self, *args, **kwargs):
        pass
    def ask(self, *args, **kwargs):
        return ask()

def ask(*args, **kwargs):
    flags = sys._getframe(1).f_code.co_flags
    asynchronous = flags & inspect.CO_COROUTINE, flags & inspect.CO_ASYNC_GENERATOR
    return "answer" if not any(asynchronous) else awaited() if asynchronous[0] else items()

async def awaited():
    return "answer"

async def items():
    yield "answer"

async def settled(given):
    if inspect.isawaitable(given):
        return await given
    if hasattr(given, "__aiter__"):
        return [item async for item in given]
    return given if isinstance(given, str) or not hasattr(given, "__next__") else list(given)

builtins.ask, builtins.connect = ask, Answering
sys.path.insert(0, ".")
found = {}
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    options = {"backend": "sqlite:///answers.db", **getattr(module, "options", {})}
    cached = cached_structured(**options)(module.target)
    args = getattr(module, "args", ("text",))
    told = asyncio.run(settled(cached.cache_explain(*args)))
    asyncio.run(settled(cached(*args)))
    found[name] = {
        "digest": cached.cache_key(*args).digest,
        "status": told.status,
        "said": told.differences,
    }
print(json.dumps(found))
"""

Keys = dict[str, Any]
"""What a process found: by module its digest, and what `cache_explain` said before the call."""


@dataclass(frozen=True)
class Edit:
    """One case: a source, how it is edited, and what is said of that."""

    name: str
    counts: bool
    source: str
    old: str
    new: str
    said: list[str]

    def __str__(self) -> str:
        return self.name


def edits_of(path: Path, *, counts: bool) -> list[Edit]:
    """The cases of a file.

    `=== name`, the source, `--- old`, the text, `+++ new`, the text, `>>> said`, what
    `cache_explain` says differs, line by line. `MODULE` stands for the case's module.
    """
    found = []
    for block in path.read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, _, rest = block.partition("\n")
        source, _, change = rest.partition("\n--- old\n")
        old, _, new = change.partition("\n+++ new\n")
        new, _, said = new.partition("\n>>> said\n")
        texts = (source + "\n", old.rstrip("\n"), new.rstrip("\n"))
        found.append(Edit(name.strip(), counts, *texts, said.split("\n") if said else []))
    return found


EDITS = [
    *edits_of(CASES / "count.txt", counts=True),
    *edits_of(CASES / "do_not_count.txt", counts=False),
]


def module_of(edit: Edit) -> str:
    return "case_" + "".join(c if c.isalnum() else "_" for c in edit.name)


def keys_of(directory: Path, names: list[str], seed: int) -> Keys:
    """The keys of all cases, made in a fresh process."""
    ran = subprocess.run(  # noqa: S603 - the interpreter of the tests, on code of ours
        [sys.executable, "-c", RUNNER, *names],
        cwd=directory,
        env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: Keys = json.loads(ran.stdout)
    return found


def written(directory: Path, name: str, source: str) -> None:
    """A case as files; `# file: x.py` begins another one, whose name gets the case's before it."""
    current, lines = f"{name}.py", list[str]()
    files = {current: lines}
    for line in source.splitlines():
        if line.startswith("# file: "):
            current, lines = line.removeprefix("# file: "), []
            files[current] = lines
        else:
            lines.append(line)
    for path, content in files.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text("\n".join(content) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Keys, Keys]:
    directory = tmp_path_factory.mktemp("edits")
    names = [module_of(edit) for edit in EDITS]
    assert len(set(names)) == len(names)
    for edit, name in zip(EDITS, names, strict=True):
        written(directory, name, edit.source)
    before = keys_of(directory, names, 1)
    for edit, name in zip(EDITS, names, strict=True):
        assert edit.source.count(edit.old) == 1, f"{edit}: what is edited must be there once"
        written(directory, name, edit.source.replace(edit.old, edit.new))
    return before, keys_of(directory, names, 2)


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_edit_changes_the_key_exactly_where_it_changes_the_question(
    edit: Edit,
    runs: tuple[Keys, Keys],
) -> None:
    before, after = (run[module_of(edit)] for run in runs)
    assert before["status"] == "miss"
    assert (before["digest"] != after["digest"], after["status"]) == (
        (True, "miss") if edit.counts else (False, "hit")
    ), after["said"]


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_explanation_names_what_was_edited(edit: Edit, runs: tuple[Keys, Keys]) -> None:
    said = [line.replace(module_of(edit), "MODULE") for line in runs[1][module_of(edit)]["said"]]
    assert said == [line for line in edit.said if line]


def test_every_case_of_the_files_is_read() -> None:
    """Also one whose heading the reader would take for a line of the source before it."""
    for path in CASES.iterdir():
        headings = re.findall(r"^[ \t]*===.*$", path.read_text(encoding="utf-8"), re.MULTILINE)
        read = [f"=== {edit.name}" for edit in EDITS if edit.counts == (path.stem == "count")]
        assert headings == read


def run_script(directory: Path, *command: str) -> list[str]:
    """What a fresh Python prints, line by line."""
    ran = subprocess.run(  # noqa: S603 - as above
        [sys.executable, *command],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


APP = dedent("""
    import sys
    from pydantic import BaseModel
    from llmcache.keys.key import FunctionKeys
    PROMPT = "Extract."
    class Total(BaseModel):
        amount: int
    def clean(text):
        return text.strip()
    def extract(text: str) -> Total:
        return ask(PROMPT, clean(text), Total)
    def show():
        print(FunctionKeys(extract).digest(("x",), {}))
    if __name__ == "__main__":
        show()
""")


def test_a_module_that_is_run_and_one_that_is_imported_share_their_keys(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    imported = run_script(tmp_path, "-c", "import app; app.show()")
    assert run_script(tmp_path, "-m", "app") == imported


def test_two_scripts_with_a_function_of_one_name_do_not_share(tmp_path: Path) -> None:
    printed = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text(APP, encoding="utf-8")
        printed.append(run_script(tmp_path / folder, "app.py"))
    assert printed[0] != printed[1]
    assert run_script(tmp_path, str(Path("one") / "app.py")) == printed[0]


POOL = dedent("""
    import dataclasses, multiprocessing
    from llmcache.keys.key import FunctionKeys
    @dataclasses.dataclass
    class Doc:
        text: str
    def extract(doc):
        return ask(doc.text)
    keys = FunctionKeys(extract)
    def digest(text):
        return keys.digest((Doc(text),), {})
    if __name__ == "__main__":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(digest("x"), *pool.map(digest, ["x"]))
""")


@pytest.mark.parametrize("command", [("app.py",), ("-m", "app")])
def test_the_workers_of_a_spawned_pool_share_the_keys_of_the_script(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(POOL, encoding="utf-8")
    parent, child = run_script(tmp_path, *command)
    assert child == parent


def test_an_installed_application_sees_edits_of_its_own_helpers_and_of_no_others(
    tmp_path: Path,
) -> None:
    site = tmp_path / "lib" / "site-packages"
    for package in ("shop", "vendor"):
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text("", encoding="utf-8")
        (site / package / "text.py").write_text("def clean(t):\n    return t\n", encoding="utf-8")
    (site / "shop" / "app.py").write_text(
        "from shop.text import clean\nfrom vendor.text import clean as tidy\n"
        "def extract(text):\n    return ask(clean(tidy(text)))\n",
        encoding="utf-8",
    )
    show = (
        "import sys; sys.path.insert(0, sys.argv[1]); from shop.app import extract;"
        "from llmcache.keys.key import FunctionKeys;"
        "print(FunctionKeys(extract).digest(('x',), {}))"
    )
    first = run_script(tmp_path, "-B", "-c", show, str(site))
    (site / "vendor" / "text.py").write_text("def clean(t):\n    return t[1:]\n", encoding="utf-8")
    assert run_script(tmp_path, "-B", "-c", show, str(site)) == first
    (site / "shop" / "text.py").write_text("def clean(t):\n    return t[1:]\n", encoding="utf-8")
    assert run_script(tmp_path, "-B", "-c", show, str(site)) != first
