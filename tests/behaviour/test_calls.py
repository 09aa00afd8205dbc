"""What a call comes to: hit, miss, and how each is told and counted."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import Any

import pytest

from llmcache import (
    MISSING,
    BackendUnavailableError,
    BackendWarning,
    LRUBackend,
    SQLiteBackend,
    UncacheableResultWarning,
    cached_structured,
    on_event,
    record,
)
from llmcache.backends import BackendBase, Nothing
from llmcache.events import BackendFailure, Bypass, Hit, Miss, Stale, Store, Wait
from llmcache.testing import ManualClock

COUNTED = (Hit, Miss, Stale, Wait, Bypass)


def kinds(calls: Any) -> list[str]:
    return [type(event).__name__ for event in calls]


def test_the_second_of_two_equal_calls_is_answered_from_the_store(made, model):
    ask = made()
    first, second = ask("a"), ask("a")
    assert (first, model.calls) == (second, 1)
    assert first is not second
    assert type(first) is type(second)


def test_every_spelling_of_a_call_is_one_question(made, model):
    ask = made()
    assert ask("a") == ask(text="a")
    assert model.calls == 1


def test_another_argument_is_another_question(made, model):
    ask = made()
    assert [ask("a").text, ask("b").text] == ["a", "b"]
    assert model.calls == 2


def test_each_caller_gets_an_object_of_his_own(made):
    ask = made()
    ask("a").text = "changed"
    ask("a").text = "changed"
    assert ask("a").text == "a"


def test_each_call_is_told_under_exactly_one_event(made):
    ask = made()
    with record() as calls:
        ask("a")
        ask("a")
        ask.via(mode="off")("a")
    assert kinds(calls) == ["Store", "Miss", "Hit", "Bypass"]
    counted = [event for event in calls if isinstance(event, COUNTED)]
    info = ask.cache_info()
    assert len(counted) == info.hits + info.misses + info.stale + info.waits + info.bypassed == 3


def test_a_hit_that_nobody_listens_to_is_counted_all_the_same(made):
    ask = made()
    ask("a")
    ask("a")
    assert ask.cache_info() == (1, 1, 0, 0, 0, 0, 1)


def test_an_entry_that_is_damaged_is_a_miss_and_stored_anew(made, model, tmp_path):
    with SQLiteBackend(tmp_path / "a.db") as backend:
        ask = made(backend=backend)
        ask("a")
        with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as other, other:
            other.execute("UPDATE entry SET value = substr(value, 1, length(value) - 1)")
        assert [ask("a").number, ask("a").number] == [2, 2]
        assert model.calls == 2
        assert (ask.cache_info().misses, ask.cache_info().hits) == (2, 1)


def test_a_failing_handler_fails_no_call(made):
    def fail(event: object) -> None:
        raise RuntimeError(event)

    ask = made()
    remove = on_event(fail)
    try:
        assert ask("a") == ask("a")
    finally:
        remove()


@pytest.mark.parametrize("handler", [3, None, "print", asyncio.sleep])
def test_what_cannot_be_called_at_once_is_no_handler(handler):
    with pytest.raises(TypeError, match="plain function"):
        on_event(handler)


def test_an_exception_reaches_the_caller_unchanged_and_is_never_stored(made, model):
    ask = made()
    model.error = KeyError("as it was")
    with pytest.raises(KeyError) as caught:
        ask("a")
    assert caught.value is model.error
    model.error = None
    assert ask("a").number == 2


@pytest.mark.parametrize("falsy", [None, 0, "", [], False])
def test_none_and_falsy_results_are_answers(mode, falsy):
    asked = []

    @cached_structured(backend=LRUBackend(), ignore=["asked"])
    def ask(asked: list[int]) -> Any:
        asked.append(1)
        return falsy

    @cached_structured(backend=LRUBackend(), ignore=["asked"])
    async def aask(asked: list[int]) -> Any:
        return ask.__wrapped__(asked)

    for _ in range(2):
        got = ask(asked) if mode == "sync" else asyncio.run(aask(asked))
        assert got == falsy
        assert type(got) is type(falsy)
    assert asked == [1]


def test_peek_gives_the_fresh_value_or_missing_and_counts_nothing(made, model):
    ask = made()
    assert ask.cache_peek("a") is MISSING
    answer = ask("a")
    assert ask.cache_peek("a") == answer
    assert (model.calls, ask.cache_info().hits) == (1, 0)


def test_refresh_calls_and_stores_over_what_is_there(made, model):
    ask = made()
    ask("a")
    assert ask.cache_refresh("a").number == 2
    assert ask("a").number == 2
    assert model.calls == 2


def test_a_refresh_that_fails_leaves_what_was_stored(made, model):
    ask = made()
    ask("a")
    model.error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        ask.cache_refresh("a")
    assert ask("a").number == 1


def test_invalidate_forgets_one_answer_and_says_whether_there_was_one(made, model):
    ask = made()
    ask("a")
    ask("b")
    assert [ask.cache_invalidate("a"), ask.cache_invalidate("a")] == [True, False]
    assert [ask("a").number, ask("b").number] == [3, 2]


def test_clear_forgets_the_function_in_its_namespace_only(made, model):
    ask = made()
    ask("a")
    ask.via(namespace="tenant")("a")
    assert ask.cache_clear() == 1
    assert ask.via(namespace="tenant")("a").number == 2
    assert ask("a").number == 3


def test_samples_are_answers_of_their_own(made, model):
    ask = made()
    numbers = [ask.via(sample=sample)("a").number for sample in (None, 1, 2, None, 1, 2)]
    assert numbers == [1, 2, 3, 1, 2, 3]


def test_what_the_predicate_refuses_is_returned_and_not_stored(made, model):
    ask = made(cache_if=lambda reply: reply.number > 1)
    assert [ask("a").number for _ in range(3)] == [1, 2, 2]


def test_a_predicate_that_fails_costs_no_answer(made, model):
    ask = made(cache_if=lambda reply: reply.nothing)
    with pytest.warns(UncacheableResultWarning, match="cache_if of ask failed with AttributeError"):
        assert ask("a").number == 1
    assert ask("a").number == 2


def test_a_predicate_that_nobody_awaits_keeps_nothing(made, model):
    async def is_number(reply: Any, number: int) -> bool:
        return bool(reply.number == number)

    ask = made(cache_if=lambda reply: is_number(reply, 1))
    with pytest.warns(UncacheableResultWarning, match="cache_if of ask failed with TypeError"):
        assert ask("a").number == 1
    assert ask("a").number == 2


class Failing:
    """A backend that does nothing but fail."""

    description = "failing"
    blocking = False

    def get(self, key: str) -> Any:
        raise OSError(5, "Input/output error")

    put = delete = close = get

    async def aget(self, key: str) -> Any:
        return self.get(key)

    aput = adelete = aclose = aget


def test_a_failing_backend_never_fails_the_call(made, model):
    ask = made(backend=Failing())
    with record() as calls, pytest.warns(BackendWarning, match="failing: reading failed") as warned:
        assert [ask("a").number, ask("a").number] == [1, 2]
    assert len(warned) == 1
    failures = calls.of(BackendFailure)
    assert [failure.operation for failure in failures] == ["get", "get"]
    assert ask.cache_info().errors == 2


def test_a_failing_backend_raises_where_that_was_asked_for(made, model):
    ask = made(backend=Failing(), on_backend_error="raise")
    with pytest.raises(BackendUnavailableError, match="Input/output error"):
        ask("a")
    assert model.calls == 0


def test_the_ttl_is_honoured_and_a_shorter_one_counts_for_what_is_stored(
    made, model, clock: ManualClock
):
    ask = made(ttl="1h")
    ask("a")
    clock.advance("59m")
    assert ask("a").number == 1
    assert ask.via(ttl="30m")("a").number == 2
    clock.advance("29m")
    assert ask("a").number == 2
    clock.advance("1m")
    assert ask("a").number == 3


def test_a_longer_ttl_revives_nothing(made, clock: ManualClock):
    ask = made(ttl="1m")
    ask("a")
    clock.advance("2m")
    assert ask.via(ttl="1h")("a").number == 2


def test_a_callable_ttl_is_asked_once_when_storing(made, clock: ManualClock):
    asked = []

    def by_number(reply: Any) -> str | None:
        asked.append(reply.number)
        return "1m" if reply.number == 1 else None

    ask = made(ttl=by_number)
    ask("a")
    ask("a")
    clock.advance("2m")
    assert ask("a").number == 2
    clock.advance("1000d")
    assert ask("a").number == 2
    assert asked == [1, 2]


def test_a_store_tells_its_size_and_a_hit_its_age(made, clock: ManualClock):
    ask = made()
    with record() as calls:
        ask("a")
        clock.advance(5)
        ask("a")
    (stored,), (hit,) = calls.of(Store), calls.of(Hit)
    assert stored.size > 0
    assert hit.age == 5.0
    assert stored.key == hit.key == ask.cache_key("a").digest


class Full(LRUBackend):
    """A backend that takes nothing any more, and in `stuck` gives nothing up either."""

    stuck = False
    full = False

    def put(self, key: str, entry: Any) -> None:
        self.refuse()
        super().put(key, entry)

    def put_if(self, key: str, entry: Any, epoch: int) -> bool:
        self.refuse()
        return super().put_if(key, entry, epoch)

    def invalidate(self, key: str, scope: Any) -> bool:
        if self.stuck:
            self.refuse()
        return super().invalidate(key, scope)

    def refuse(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")


def test_a_refresh_that_cannot_be_stored_removes_the_older_answer(made, model, clock):
    backend = Full(clock=clock)
    ask = made(backend=backend)
    assert ask("a").number == 1
    backend.full = True
    with pytest.warns(BackendWarning, match="writing failed") as warned:
        assert ask.cache_refresh("a").number == 2
    assert len(warned) == 1
    backend.full = False
    assert [ask("a").number, ask("a").number] == [3, 3]


def test_where_that_fails_too_it_is_said_that_the_older_one_may_be_served(made, model, clock):
    backend = Full(clock=clock)
    ask = made(backend=backend)
    assert ask("a").number == 1
    backend.full = backend.stuck = True
    with pytest.warns(BackendWarning) as warned:
        assert ask.cache_refresh("a").number == 2
    texts = [str(one.message) for one in warned]
    assert [("writing failed" in text, "older one" in text) for text in texts] == [
        (True, False),
        (False, True),
    ]
    assert ask("a").number == 1


def test_a_store_that_fails_is_warned_of_once_however_many_functions_use_it(made, model):
    backend = Failing()
    functions = [made(backend=backend) for _ in range(3)]
    with pytest.warns(BackendWarning) as warned:
        assert [ask("a").number for ask in functions] == [1, 2, 3]
    assert len(warned) == 1
    assert "llmcache doctor" in str(warned[0].message)
    assert [ask.cache_info().errors for ask in functions] == [1, 1, 1]


class Plain(BackendBase):
    """As a directory of files or a table: get, put, delete, and no more."""

    description = "plain"

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        self.reads = 0

    def get(self, key: str) -> Any:
        self.reads += 1
        return self.entries.get(key, Nothing.ABSENT)

    def put(self, key: str, entry: Any) -> None:
        self.entries[key] = entry

    def delete(self, key: str) -> bool:
        return self.entries.pop(key, None) is not None

    def close(self) -> None:
        pass


def test_a_miss_reads_a_backend_of_ones_own_once_and_a_hit_does(made, model):
    backend = Plain()
    ask = made(backend=backend)
    assert (ask("a").number, backend.reads) == (1, 1)
    assert (ask("a").number, backend.reads) == (1, 2)
    again = made(backend=backend)
    assert (again("a").number, backend.reads) == (1, 3)
    assert again.cache_info().hits == 1
