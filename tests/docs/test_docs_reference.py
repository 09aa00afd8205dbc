"""Every public name has its place in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import llmcache
from llmcache import backends, errors, events, testing
from llmcache.backends import abilities

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
ELSEWHERE = {*errors.__all__, *events.__all__}  # pages of their own, from the modules


def names_on_the_page() -> set[str]:
    """The last part of each name that a directive documents."""
    page = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\.\. (?:auto|py:)\w+:: ([\w.]+)$", page, re.MULTILINE)
    return {name.rpartition(".")[2] for name in found}


@pytest.mark.parametrize("name", llmcache.__all__)
def test_a_public_name_is_in_the_reference(name: str) -> None:
    assert name in names_on_the_page() | ELSEWHERE


def test_what_backends_and_tests_are_written_with_is_in_the_reference() -> None:
    told = names_on_the_page() | set(abilities.__all__)
    assert set(backends.__all__) - told == set()
    assert set(testing.__all__) - told == {"BackendContract"}  # told by what its author gives
