"""What is said twice about the project is said alike."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from llmcache.settings import VARIABLES

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def page(name: str) -> str:
    """The text of one page of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_dependency_group_dev_mirrors_the_extra() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert PROJECT["dependency-groups"]["dev"] == extras["dev"]


def test_the_extra_dev_has_every_other_extra() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    named = re.fullmatch(r"llmcache-structured\[(.*)\]", extras["dev"][0])
    assert named is not None
    assert named[1].split(",") == sorted(set(extras) - {"dev"})


def test_nothing_but_four_libraries_is_needed_at_run_time() -> None:
    needed = [re.split(r"[^a-z]", line)[0] for line in PROJECT["project"]["dependencies"]]
    assert needed == ["click", "platformdirs", "pydantic", "wrapt"]


def test_the_version_is_written_in_one_place() -> None:
    assert version("llmcache-structured") == PROJECT["project"]["version"]
    assert f"## {PROJECT['project']['version']}" in page("CHANGELOG.md")


def test_the_page_of_variables_lists_exactly_those_that_are_read() -> None:
    rows = re.findall(
        r"^\| `(LLMCACHE_\w+)` \|", page("docs/reference/environment.md"), re.MULTILINE
    )
    assert rows == list(VARIABLES)


def test_the_glossary_is_in_order_and_defines_each_word_once() -> None:
    block = page("docs/glossary.md").partition("```{glossary}\n")[2].partition("```")[0]
    words = re.findall(r"^(\S+)$", block, re.MULTILINE)
    assert words == sorted(set(words))


def drawn_layers() -> dict[str, list[str]]:
    """The layers as CONTRIBUTING draws them: of the house, and of each room that has its own."""
    drawing = page("CONTRIBUTING.md").partition("\n__main__ ")[2].partition("```")[0]
    house, _, rooms = f"__main__ {drawing}".partition("\n\n")
    layers = {"llmcache": [re.split(r"\s{2,}", line)[0].strip() for line in house.splitlines()]}
    for line in rooms.splitlines():
        room, _, inside = line.partition(": ")
        layers[f"llmcache.{room}"] = inside.split(", ")
    return layers


def test_a_fault_that_is_spared_by_review_is_of_a_line_that_is_there() -> None:
    for fault in tomllib.loads(page("tests/mutations/equivalent.toml"))["fault"]:
        lines = "\n".join(line.strip() for line in page(fault["path"]).splitlines())
        assert fault["was"] in lines, fault


def test_the_layers_are_drawn_as_they_are_enforced() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    enforced = {
        each["containers"][0]: [layer.replace(" | ", " · ") for layer in each["layers"]]
        for each in contracts
        if each["type"] == "layers"
    }
    assert drawn_layers() == enforced


def test_ci_calls_the_one_test_command_of_the_readme() -> None:
    commands = [line for line in page("README.md").splitlines() if "-m pytest" in line]
    assert len(commands) == 1
    assert "grep -m 1 -F -- '-m pytest' README.md" in page(".ci/run")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_every_relative_link_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page(name))
    assert [link for link in links if not (ROOT / link).exists()] == []
