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
        ("redis://u:pa/ss@h", "redis://***@h"),
        ("postgres://user:p@ss/word@host/db", "postgres://***@host/db"),
        ("postgres://user:p?a#s@host/db now", "postgres://***@host/db now"),
        (
            "see https://h/v1?X-Signature=K1&api_key=K2 now",
            "see https://h/v1?X-Signature=***&api_key=*** now",
        ),
        ('{"api_key": "ab\\"c", "size": 2}', '{"api_key": ***, "size": 2}'),
        ("{'password': 'open sesame', 'size': 2}", "{'password': ***, 'size': 2}"),
        (r"{\"api_key\": \"abc\"}", r"{\"api_key\": ***}"),
        ('os.environ["DB_PASSWORD"] = "abc"', 'os.environ["DB_PASSWORD"] = ***'),
        ("note: OPENAI_API_KEY=abc, size=2", "note: OPENAI_API_KEY=***, size=2"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("Authorization: Basic YTpi", "Authorization: ***"),
        ('curl -H "authorization: bearer abc" h', 'curl -H "authorization: *** h'),
        ("sent with bearer abc.def, twice", "sent with bearer ***, twice"),
        ("use sk-proj-abcdefgh12345678 now", "use *** now"),
        ("ghp_0123456789abcdef", "***"),
        ("mail bob@example.org about a task-force", "mail bob@example.org about a task-force"),
        ("max_tokens: 5, the keys: a and b", "max_tokens: 5, the keys: a and b"),
        (7, "7"),
    ],
)
def test_what_looks_like_a_secret_is_masked(value: object, shown: str) -> None:
    assert preview(value) == shown


def test_a_secret_at_the_end_of_what_is_shown_is_not_cut_in_two() -> None:
    assert "abcdefgh" not in preview("x " * 36 + "sk-abcdefgh12345678")
    assert len(preview("x" * 5000)) == SHOWN
