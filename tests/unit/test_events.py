"""Events: who is told what, and that telling never harms a call."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading

import pytest

from llmcache.events import (
    BackendFailure,
    Bypass,
    Event,
    Hit,
    Miss,
    Stale,
    Store,
    Wait,
    on_event,
    record,
)
from llmcache.listening import emit, listened
from llmcache.tally import Tally

KINDS = [Hit, Miss, Stale, Wait, Store, Bypass, BackendFailure]


@pytest.fixture(autouse=True)
def quiet_logger(caplog: pytest.LogCaptureFixture) -> None:
    """The level that users have: whoever wants records in the log lowers it."""
    caplog.set_level(logging.WARNING, logger="llmcache")


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_frozen_and_names_function_key_and_backend(kind: type[Event]) -> None:
    event = kind(function="app.extract", key="ab", backend="memory://", seconds=0.5)
    assert (event.function, event.key, event.backend, event.seconds) == (
        "app.extract",
        "ab",
        "memory://",
        0.5,
    )
    assert (event.model, event.input_tokens, event.output_tokens) == (None, None, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.key = "cd"  # type: ignore[misc] # the assignment under test


def test_a_handler_is_told_until_it_is_removed_and_removing_twice_is_once() -> None:
    seen: list[Event] = []
    other: list[Event] = []
    remove = on_event(seen.append)
    remove_other = on_event(other.append)
    emit(Hit(function="f"))
    remove()
    remove()
    emit(Miss(function="f"))
    remove_other()
    assert seen == [Hit(function="f")]
    assert other == [Hit(function="f"), Miss(function="f")]


def test_a_failing_handler_is_logged_and_the_next_one_is_still_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: Event) -> None:
        raise RuntimeError("the user's own mistake")

    seen: list[Event] = []
    removals = [on_event(broken), on_event(seen.append)]
    emit(Hit(function="f"))
    for remove in removals:
        remove()
    assert seen == [Hit(function="f")]
    assert "An event handler failed on Hit" in caplog.text
    assert "the user's own mistake" in caplog.text


def test_a_handler_may_remove_itself_while_it_is_told() -> None:
    seen: list[Event] = []

    def once(event: Event) -> None:
        seen.append(event)
        remove()

    remove = on_event(once)
    emit(Hit(function="f"))
    emit(Hit(function="f"))
    assert len(seen) == 1


def test_record_collects_in_order_and_ends_with_its_block() -> None:
    with record() as calls:
        emit(Miss(function="f"))
        emit(Store(function="f", size=3))
    emit(Hit(function="f"))
    assert list(calls) == [Miss(function="f"), Store(function="f", size=3)]
    assert (len(calls), calls[0], calls.of(Store)) == (
        2,
        Miss(function="f"),
        [Store(function="f", size=3)],
    )


def test_nested_recordings_each_collect() -> None:
    with record() as outer:
        emit(Miss(function="f"))
        with record() as inner:
            emit(Hit(function="f"))
    assert (len(outer), len(inner)) == (2, 1)


def test_a_recording_ends_when_its_block_raises() -> None:
    with pytest.raises(RuntimeError), record() as calls:
        raise RuntimeError
    emit(Hit(function="f"))
    assert list(calls) == []


async def test_a_recording_sees_tasks_started_inside_and_no_task_beside_it() -> None:
    async def call(name: str) -> None:
        await asyncio.sleep(0)
        emit(Hit(function=name))

    beside = asyncio.create_task(call("beside"))
    with record() as calls:
        await asyncio.gather(call("inside"), call("inside"))
        await beside
    assert [event.function for event in calls] == ["inside", "inside"]


def test_a_recording_does_not_see_a_new_thread() -> None:
    with record() as calls:
        thread = threading.Thread(target=emit, args=(Hit(function="f"),))
        thread.start()
        thread.join()
    assert list(calls) == []


def test_without_a_listener_nobody_needs_a_record(caplog: pytest.LogCaptureFixture) -> None:
    assert not listened()
    remove = on_event(print)
    assert listened()
    remove()
    with record():
        assert listened()
    assert not listened()
    caplog.set_level(logging.DEBUG, logger="llmcache")
    assert listened()


def test_records_go_to_the_log_at_debug_and_the_library_prints_nothing_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="llmcache")
    emit(Hit(function="app.extract"))
    assert "Hit(function='app.extract'" in caplog.text
    assert any(
        isinstance(known, logging.NullHandler) for known in logging.getLogger("llmcache").handlers
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_record_is_counted_once_where_it_has_an_outcome(kind: type[Event]) -> None:
    tally = Tally()
    tally.tell(kind(function="f"))
    assert sum(count or 0 for count in tally.info(None)) == bool(kind.outcome)
