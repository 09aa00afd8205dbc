"""Previews of arguments: short, and without what looks like a secret."""

from __future__ import annotations

import pytest

from llmcache.previews import SHOWN, previews


def preview(value: object) -> str:
    (text,) = previews([("text", value)]).values()
    return text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://bob:hunter2@h/v1?key=K123", "https://***@h/v1?key=***"),
        ("see https://h/v1?page=2&api_key=K123#top", "see https://h/v1?page=2&api_key=***#top"),
        ("use sk-proj-abcdefgh12345678 now", "use *** now"),
        ("ghp_0123456789abcdef", "***"),
        ("mail bob@example.org about a task-force", "mail bob@example.org about a task-force"),
        (7, "7"),
    ],
)
def test_what_looks_like_a_secret_is_masked(value: object, shown: str) -> None:
    assert preview(value) == shown


def test_a_secret_at_the_end_of_what_is_shown_is_not_cut_in_two() -> None:
    assert "abcdefgh" not in preview("x " * 36 + "sk-abcdefgh12345678")
    assert len(preview("x" * 5000)) == SHOWN
