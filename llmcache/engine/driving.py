"""Carrying out the steps of a call: with calls, and with `await`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

from llmcache.backends.patience import patience
from llmcache.engine.flow import Ask, Compute, Pause, Raised, Step
from llmcache.engine.question import Question

__all__ = ["acarry_out", "adrive", "carry_out", "drive"]

Came = TypeVar("Came")
Steps = Generator[Step, Any, Came | Raised]


def drive(question: Question, steps: Steps[Came]) -> Came:
    """Carry out steps until they come to a result.

    Raises:
        BaseException: Where that is what they come to.
    """
    came: Any = None
    with contextlib.closing(steps):  # at once, not when a traceback is let go of
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                done: Came | Raised = end.value
                break
            try:
                came = carry_out(question, step)
            except BaseException as error:  # noqa: BLE001 - handed in, and raised below unless handled
                came = Raised(error)
    if isinstance(done, Raised):
        raise done.error
    return done


def carry_out(question: Question, step: Step) -> Any:
    """Do one step."""
    match step:
        case Ask(operation, arguments, named):
            with bounded(question):
                return question.plan.store.run(operation, *arguments, **named)
        case Pause(seconds):
            time.sleep(seconds)
        case Compute():
            return question.function()
    return None


@contextlib.contextmanager
def bounded(question: Question) -> Iterator[None]:
    """Let storage take what is left of this call's patience, and count what it took."""
    monotonic = question.plan.settings.clock.monotonic
    started = monotonic()
    try:
        with patience(max(question.patience, 0.0)):
            yield
    finally:
        question.patience -= monotonic() - started


async def adrive(question: Question, steps: Steps[Came]) -> Came:
    """As `drive`, async."""
    came: Any = None
    with contextlib.closing(steps):
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                done: Came | Raised = end.value
                break
            try:
                came = await acarry_out(question, step)
            except GeneratorExit:  # thrown away with its loop: nothing can be awaited any more
                raise
            except BaseException as error:  # noqa: BLE001 - as in drive
                came = Raised(error)
    if isinstance(done, Raised):
        raise done.error
    return done


async def acarry_out(question: Question, step: Step) -> Any:
    """As `carry_out`, async."""
    match step:
        case Ask():
            if question.plan.store.backend.blocking:
                return await asked(question, step)
            return carry_out(question, step)
        case Pause(seconds):
            await asyncio.sleep(seconds)
        case Compute():
            return await computed(question)
    return None


async def computed(question: Question) -> Any:
    """The function's result; what it makes of its own cancellation is nobody's answer.

    Raises:
        CancelledError: Where it was cancelled as nobody wanted its result, and returned all the
            same.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    result = await question.function()
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
    return result


async def asked(question: Question, ask: Ask) -> Any:
    """One operation of the store, to its end, also when cancelled meanwhile.

    A claim that goes on in its thread after its caller has left would take a lease that nobody
    gives back. The end is near: storage is bounded by the patience of the call.
    """
    monotonic = question.plan.settings.clock.monotonic
    started = monotonic()
    with patience(max(question.patience, 0.0)):  # which the task takes along in its context
        task = asyncio.create_task(
            question.plan.store.arun(ask.operation, *ask.arguments, **ask.named)
        )
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():  # cancelled again, it waits all the same
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((task,))
        raise
    finally:
        question.patience -= monotonic() - started
