"""What a decorated function can be asked: it says what a call would find."""

from __future__ import annotations

import base64
import itertools

import pytest

from llmcache import cached_structured, configure

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]


class Model:
    """Stands for a client that is made in the body."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key


@pytest.mark.parametrize("status", ["hit", "stale"])
def test_after_a_rotation_of_the_key_all_of_it_knows_what_was_stored(made, clock, status):
    ask = made(ttl=60, stale_while_revalidate=60)
    configure(encryption_key=KEYS[0])
    answer = ask("a")
    configure(encryption_key=f"{KEYS[1]},{KEYS[0]}")
    if status == "stale":
        clock.advance(61)
    else:
        assert ask.cache_peek("a") == answer
    explanation = ask.cache_explain("a")
    assert (explanation.status, explanation.differences) == (status, ())
    assert ask.cache_invalidate("a")


@pytest.mark.parametrize("option", ["depends_on", "key"])
def test_what_a_function_of_the_users_says_of_a_call_it_is_asked_once(made, option):
    numbers = itertools.count(1)

    options = {"depends_on": [lambda: next(numbers)], "key": lambda *_, **__: next(numbers)}
    ask = made(**{option: options[option]})
    configure(encryption_key=f"{KEYS[1]},{KEYS[0]}", previews=True)
    ask("a")  # which may ask twice where it is async: a key that reads source is made in a thread
    for asked in (ask, ask.cache_explain, ask.cache_key):
        before = next(numbers)
        asked("a")  # called, a miss, looked up under both keys, its parts kept
        assert next(numbers) == before + 2


def test_the_parts_of_a_key_are_those_of_its_digest_where_the_value_moves(made):
    values = itertools.cycle("ab")
    ask = made(depends_on=[lambda: next(values)])
    one, other, again = (ask.cache_key("x") for _ in range(3))
    assert one == again != other
    assert one.parts["depends_on[0]"] != other.parts["depends_on[0]"]


def test_previews_show_no_argument_that_was_left_out():
    configure(previews=True)

    @cached_structured(ignore=["auth"], backend="memory://")
    def ask(text: str, auth: str, given: str, *, size: int = 2) -> str:
        return str(Model(api_key=given)) and text[:size]

    ask("a question", "Bearer hunter2", "open sesame")
    shown = ask.cache_explain("a question", "Bearer hunter2", "open sesame").previews
    assert shown == {"text": "a question", "size": "2"}


def test_previews_show_no_argument_where_key_stands_for_all_of_them():
    configure(previews=True)

    @cached_structured(key=lambda text, **_: text, version=1, backend="memory://")
    def ask(text: str, auth: str) -> str:
        return text

    ask("a question", auth="Bearer hunter2")
    explanation = ask.cache_explain("a question", auth="Bearer hunter3")
    assert (explanation.status, explanation.previews) == ("hit", {})
