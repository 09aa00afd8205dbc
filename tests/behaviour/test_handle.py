"""What a decorated function can be asked: it says what a call would find."""

from __future__ import annotations

import base64

import pytest

from llmcache import configure

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(2)]


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
