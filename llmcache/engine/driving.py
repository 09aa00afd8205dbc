"""Carrying out the steps of a call: with calls, and with `await`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, TypeVar

from llmcache.backends.patience import patience
from llmcache.engine.question import Question
from llmcache.engine.steps import Ask, Compute, Pause, Raised, Step, Steps
from llmcache.flight.leases import Lease, renewals
from llmcache.store import Operation

__all__ = ["acarry_out", "adrive", "carry_out", "drive"]

Came = TypeVar("Came")

GRACE = 0.25
"""Seconds beyond the patience of a call for which one who is cancelled waits for storage."""


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
        case Ask(operation, arguments, named, _):
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
    """One operation of the store; one who is cancelled meanwhile leaves as `let_go` says.

    So does one who gives a lease back, as he may have been cancelled before.
    """
    monotonic = question.plan.settings.clock.monotonic
    started = monotonic()
    with patience(max(question.patience, 0.0)):  # which the task takes along in its context
        task = asyncio.create_task(
            question.plan.store.arun(ask.operation, *ask.arguments, **ask.named)
        )
    try:
        if ask.operation is Operation.RELEASE:
            await asyncio.wait((task,), timeout=max(question.patience, 0.0) + GRACE)
            return task.result() if task.done() else None
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await let_go(question, ask, task, question.patience - (monotonic() - started))
        raise
    finally:
        question.patience -= monotonic() - started


async def let_go(question: Question, ask: Ask, task: asyncio.Task[Any], seconds: float) -> None:
    """Leave an operation to itself, of which nobody wants to know any more.

    What writes is waited for, as the loop may end with this caller. The end is near, where the
    backend goes by the patience of the call; for one that does not, as a user's own may, nobody
    waits longer than that and `GRACE`. A lease that it takes later is given back then.
    """
    lease = ask.lease if ask.lease is not None and ask.lease.stands else None
    if lease is not None or not ask.operation.reads:
        await ended(task, max(seconds, 0.0) + GRACE)
    if task.done():
        return
    question.reachable = False
    if lease is not None:
        lease.stands = False  # not yet
        task.add_done_callback(partial(give_back_late, lease))


async def ended(task: asyncio.Task[Any], seconds: float) -> None:
    """Wait for a task, for so long at most; cancelled again, it waits all the same."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not task.done() and (left := end - loop.time()) > 0:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait((task,), timeout=left)


def give_back_late(lease: Lease, _: asyncio.Task[Any]) -> None:
    """The claim that was left to itself has ended, and may have taken the lease."""
    lease.stands = True
    renewals.end(lease)
