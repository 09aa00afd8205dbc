"""After expiry: served at once and refreshed behind, or served because the call raised."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from llmcache import LRUBackend, cached_structured, record
from llmcache.engine import answering
from llmcache.engine.background import COOL_DOWN
from llmcache.events import Stale
from llmcache.testing import ManualClock


@pytest.fixture(autouse=True)
def rested(settled) -> Any:
    """No cool-down of another test is left."""
    answering.refreshes.failed.clear()
    yield
    settled()


def test_within_the_window_the_old_answer_comes_at_once_and_a_new_one_is_fetched(
    pair, model, clock: ManualClock, settled
):
    ask = cached_structured(
        name="ask",
        version=1,
        ignore=["model"],
        backend=LRUBackend(clock=clock),
        ttl="1m",
        stale_while_revalidate="1h",
    )(pair.ask.__wrapped__)
    assert ask("a").number == 1
    clock.advance("2m")
    model.hold()
    with record() as calls:
        assert [ask("a").number for _ in range(5)] == [1] * 5
    model.release()
    settled()
    assert [event.reason for event in calls.of(Stale)] == ["revalidate"] * 5
    assert (ask("a").number, model.calls) == (2, 2)


async def test_async_callers_get_it_at_once_too_and_share_one_refresh(pair, model, clock):
    ask = cached_structured(
        name="ask",
        version=1,
        ignore=["model"],
        backend=LRUBackend(clock=clock),
        ttl="1m",
        stale_while_revalidate="1h",
    )(pair.aask.__wrapped__)
    assert (await ask("a")).number == 1
    clock.advance("2m")
    model.hold()
    answers = await asyncio.gather(*[ask("a") for _ in range(20)])
    assert {answer.number for answer in answers} == {1}
    await asyncio.to_thread(model.wait_begun)
    await asyncio.to_thread(model.wait_begun)
    model.release()
    await asyncio.gather(*answering.refreshes.tasks)
    assert ((await ask("a")).number, model.calls) == (2, 2)


def test_after_the_window_the_function_is_called(made, clock: ManualClock):
    ask = made(ttl="1m", stale_while_revalidate="1m")
    ask("a")
    clock.advance("2m")
    assert ask("a").number == 2


def test_a_refresh_that_failed_is_left_alone_for_a_while(
    model, clock: ManualClock, caplog, settled
):
    failing = threading.Event()

    @cached_structured(
        ttl="1m", stale_while_revalidate="1h", backend=LRUBackend(clock=clock), version=1,
        ignore=["model", "failing"],
    )  # fmt: skip
    def ask(text: str, model: Any = model, failing: Any = failing) -> int:
        number = model.enter()
        if failing.is_set():
            raise ValueError("down")
        return number

    ask("a")
    clock.advance("2m")
    failing.set()
    assert ask("a") == 1
    settled()
    assert ask("a") == 1
    settled()
    assert model.calls == 2
    assert "A background refresh failed: ValueError" in caplog.text
    answering.refreshes.failed = {
        key: moment - COOL_DOWN for key, moment in answering.refreshes.failed.items()
    }
    failing.clear()
    assert ask("a") == 1
    settled()
    assert ask("a") == 3


def test_if_the_call_raises_the_old_answer_stands_in_and_says_so(made, model, clock: ManualClock):
    ask = made(ttl="1m", stale_if_error="1h")
    ask("a")
    clock.advance("2m")
    model.error = ValueError("down")
    with record() as calls:
        assert ask("a").number == 1
    assert [event.reason for event in calls.of(Stale)] == ["error: ValueError"]
    assert ask.cache_info().stale == 1
    clock.advance("1h")
    with pytest.raises(ValueError, match="down"):
        ask("a")


def test_stale_if_error_calls_first_and_prefers_the_new_answer(made, clock: ManualClock):
    ask = made(ttl="1m", stale_if_error="1h")
    ask("a")
    clock.advance("2m")
    assert ask("a").number == 2


def test_no_interrupt_is_covered_by_an_old_answer(made, model, clock: ManualClock):
    ask = made(ttl="1m", stale_if_error="1h")
    ask("a")
    clock.advance("2m")
    model.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        ask("a")
