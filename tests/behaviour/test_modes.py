"""on, off, refresh, readonly, offline; and who says which one counts."""

from __future__ import annotations

import contextvars
import threading

import pytest

import llmcache
from llmcache import CacheMissError, UncacheableArgumentError, UncacheableResultWarning, record
from llmcache.events import Bypass, Stale
from llmcache.testing import ManualClock


def test_off_runs_the_function_and_returns_its_own_object(made, model):
    ask = made(mode="off")
    with record() as calls:
        assert [ask("a").number, ask("a").number] == [1, 2]
    assert [event.reason for event in calls.of(Bypass)] == ["mode", "mode"]
    assert ask.cache_info().bypassed == 2


def test_readonly_serves_hits_and_stores_nothing(made):
    ask = made()
    ask("a")
    with llmcache.mode("readonly"):
        assert [ask("a").number, ask("b").number, ask("b").number] == [1, 2, 3]
    assert ask("b").number == 4


def test_refresh_calls_and_stores(made):
    ask = made()
    ask("a")
    with llmcache.mode("refresh"):
        assert ask("a").number == 2
    assert ask("a").number == 2


def test_offline_serves_whatever_is_stored_expired_or_not(made, model, clock: ManualClock):
    ask = made(ttl="1m", stale_if_error="1d")
    ask("a")
    clock.advance("1h")
    with llmcache.mode("offline"), record() as calls:
        assert ask("a").number == 1
    assert [event.reason for event in calls.of(Stale)] == ["offline"]
    assert model.calls == 1


def test_offline_a_miss_raises_with_the_explanation_and_calls_nothing(made, model):
    ask = made()
    ask("a")
    with llmcache.mode("offline"), pytest.raises(CacheMissError) as caught:
        ask("b")
    assert model.calls == 1
    assert caught.value.function == "ask"
    assert caught.value.key == ask.cache_key("b").digest
    assert "argument text differs" in caught.value.explanation
    assert isinstance(caught.value, LookupError)


def test_offline_an_argument_without_a_key_is_a_miss_whatever_on_uncacheable_says(made, model):
    ask = made(on_uncacheable="bypass")
    with llmcache.mode("offline"), pytest.raises(CacheMissError) as caught:
        ask(threading.Lock())
    assert isinstance(caught.value.__cause__, UncacheableArgumentError)
    assert model.calls == 0


def test_an_argument_without_a_key_is_an_error_that_names_the_ways_out(made, model):
    with pytest.raises(UncacheableArgumentError, match=r"ignore=") as caught:
        made()(threading.Lock())
    assert caught.value.parameter == "text"
    assert model.calls == 0


def test_or_a_bypass_where_that_was_chosen_with_one_warning(made, mode):
    seen = []
    ask = made(on_uncacheable="bypass")
    ask.model.complete = seen.append
    if mode == "async":
        ask.model.acomplete = passed(seen)
    lock = threading.Lock()
    with pytest.warns(UncacheableResultWarning, match="ran uncached") as warned:
        assert [ask(lock), ask(lock)] == [None, None]
    assert (len(warned), seen) == (1, [lock, lock])
    assert ask.cache_info().bypassed == 2


def passed(seen: list[object]):
    async def complete(text: object) -> None:
        seen.append(text)

    return complete


def test_disabled_is_mode_off(made):
    ask = made()
    with llmcache.disabled():
        assert [ask("a").number, ask("a").number] == [1, 2]


def test_a_mode_ends_with_its_block_and_the_inner_one_counts(made):
    ask = made()
    with llmcache.mode("off"):
        ask("a")
        with llmcache.mode("on"):
            assert [ask("a").number, ask("a").number] == [2, 2]
        assert ask("a").number == 3
    assert ask("a").number == 2


def test_one_block_may_be_entered_again_inside_itself_and_in_threads(made):
    ask = made()
    ask("a")
    off = llmcache.mode("off")
    both = threading.Barrier(2)
    found = []

    def enter() -> None:
        with off:
            both.wait(60)
            found.append(ask("a").number > 1)
        both.wait(60)
        found.append(ask("a").number == 1)

    for _ in range(2):
        with off, llmcache.mode("on"):
            with off:
                assert ask("a").number > 1
            assert ask("a").number == 1
        assert ask("a").number == 1
    threads = [threading.Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_a_block_ends_also_where_it_was_entered_in_another_context(made):
    ask = made()
    ask("a")
    off = llmcache.mode("off")
    contextvars.copy_context().run(off.__enter__)
    off.__exit__(None, None, None)
    assert ask("a").number == 1


def test_a_block_decorates_a_function_but_nothing_that_runs_after_its_call(made):
    ask = made()

    @llmcache.disabled()
    def ask_afresh() -> int:
        return int(ask("a").number)

    assert [ask_afresh(), ask_afresh()] == [1, 2]

    async def later() -> None: ...

    with pytest.raises(TypeError, match="cache_with"):
        llmcache.disabled()(later)


def test_a_mode_does_not_reach_another_thread(made):
    ask = made()
    ask("a")
    found = []
    with llmcache.mode("off"):
        thread = threading.Thread(target=lambda: found.append(ask("a").number))
        thread.start()
        thread.join()
    assert found == [1]


def test_precedence_from_the_strongest_to_the_weakest(made, monkeypatch):
    bare, decorated = made(), made(mode="on")
    bare("a")
    monkeypatch.setenv("LLMCACHE_MODE", "off")
    llmcache.reset_configuration()
    assert bare("a").number == 2
    llmcache.configure(mode="on")
    assert bare("a").number == 1
    llmcache.configure(mode="off")
    decorated("a")
    assert decorated("a").number == 3
    with llmcache.mode("off"):
        assert decorated("a").number == 4
        assert decorated.via(mode="on")("a").number == 3
    monkeypatch.setenv("LLMCACHE_DISABLE", "1")
    llmcache.reset_configuration()
    assert decorated.via(mode="on")("a").number == 5


def test_a_mode_that_does_not_exist_is_refused_with_those_that_do(made):
    with pytest.raises(llmcache.ConfigurationError, match="'offline'"), llmcache.mode("of"):
        pass
    with pytest.raises(llmcache.ConfigurationError, match="'readonly'"):
        made(mode="read-only")
