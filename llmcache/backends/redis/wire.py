"""Carries the steps of a dialogue to the server and the replies back: once sync, once async.

What the client library raises becomes `BackendUnavailableError` here and nowhere else. A server
that does not answer opens the breaker, and so does one that answers nothing to anybody (loading,
password refused); one that answers with an error (full, read-only, moved) does not, as asking it
costs little and it may serve reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from llmcache.backends.base import in_words
from llmcache.backends.patience import remaining
from llmcache.backends.redis.alarms import BUSY_LOOP
from llmcache.backends.redis.breaker import Breaker
from llmcache.backends.redis.clients import Clients
from llmcache.backends.redis.failures import is_foreign, is_reply, is_unknown_script
from llmcache.backends.redis.given import AsyncGivenServer, GivenServer
from llmcache.backends.redis.lines import AsyncLines, Lines
from llmcache.backends.redis.steps import Batch, Command, Dialogue, Run, Scan, Step, Words
from llmcache.backends.workers import in_worker
from llmcache.clock import SYSTEM
from llmcache.errors import BackendUnavailableError

__all__ = ["Wire"]

Answer = TypeVar("Answer")


class Wire:
    """The way to one server.

    Args:
        clients: Where the client comes from.
        failures: What it raises when the server fails.
        breaker: Stops asking a server that does not answer.
        timeout: Seconds that one step may take.
        description: The backend in words, for errors.
    """

    def __init__(
        self,
        clients: Clients,
        failures: tuple[type[Exception], ...],
        breaker: Breaker,
        timeout: float,
        description: str,
    ) -> None:
        self.clients = clients
        self.failures = failures
        self.breaker = breaker
        self.timeout = timeout
        self.description = description

    def run(self, operation: str, dialogue: Dialogue[Answer]) -> Answer:
        """Carry a whole dialogue.

        Raises:
            BackendUnavailableError: The server failed, or the breaker is open.
        """
        try:
            step = next(dialogue)
            while True:
                step = dialogue.send(self.ask(operation, step))
        except StopIteration as ended:
            answer: Answer = ended.value
            return answer

    async def arun(self, operation: str, dialogue: Dialogue[Answer]) -> Answer:
        """As `run`, async; in a worker thread where there is only a sync client."""
        if not self.clients.native:
            return await in_worker(self.run, operation, dialogue)
        try:
            step = next(dialogue)
            while True:
                step = dialogue.send(await self.aask(operation, step))
        except StopIteration as ended:
            answer: Answer = ended.value
            return answer

    def ask(self, operation: str, step: Step) -> Any:
        """Carry one step."""
        loop = self.clients.loop_for_threads()
        if loop is not None:
            return self.ask_by(loop, operation, step)
        due = SYSTEM.monotonic() + self.admit(operation)
        server = self.clients.for_thread()
        try:
            reply = ask(server, step, due)
        except self.failures as error:
            return self.reply_or_failure(operation, step, error)
        self.breaker.answered()
        return reply

    def ask_by(self, loop: asyncio.AbstractEventLoop, operation: str, step: Step) -> Any:
        """As `ask`, by a client that another thread's loop serves, which may stop at any moment."""
        answer: Future[Any] = Future()
        begin = partial(answer_by, loop, answer, partial(self.aask, operation, step))
        try:
            loop.call_soon_threadsafe(begin)
            return answer.result(2 * remaining(self.timeout) + BUSY_LOOP)
        except (RuntimeError, TimeoutError):
            answer.cancel()
            raise self.unavailable(operation, "the event loop of its client stands still") from None

    async def aask(self, operation: str, step: Step) -> Any:
        """As `ask`, async."""
        seconds = self.admit(operation)
        server = await self.clients.for_loop()
        try:
            reply = await server.alarms.within(seconds, aask(server, step))
        except self.failures as error:
            return self.reply_or_failure(operation, step, error)
        self.breaker.answered()
        return reply

    def admit(self, operation: str) -> float:
        """Seconds that the step may take.

        Raises:
            BackendUnavailableError: It may not be asked at all.
        """
        seconds = remaining(self.timeout)
        if seconds <= 0:
            raise self.unavailable(operation, "the time that storage may take is used up")
        if not self.breaker.admits():
            wait = self.breaker.remaining()
            raise self.unavailable(operation, f"{self.breaker.why}; asked again in {wait:.1f} s")
        return seconds

    def reply_or_failure(self, operation: str, step: Step, error: Exception) -> bytes:
        """The reply that stands for an error, where there is one.

        Raises:
            BackendUnavailableError: For all others.
        """
        text = str(error).partition(", with args")[0]  # what follows may quote an entry
        why = f"{type(error).__name__}: {text or f'no answer within {self.timeout:g} s'}"
        if is_reply(error):
            self.breaker.answered()
            if isinstance(step, Command) and step.foreign is not None and is_foreign(error):
                return step.foreign
        else:
            self.breaker.failed(why)
        raise self.unavailable(operation, why) from error

    def unavailable(self, operation: str, why: str) -> BackendUnavailableError:
        """The error that says what was tried, where, and why it failed."""
        return BackendUnavailableError(
            f"{self.description}: {in_words(operation)} failed: {why}",
            backend=self.description,
            operation=operation,
        )


def answer_by(
    loop: asyncio.AbstractEventLoop,
    answer: Future[Any],
    ask: Callable[[], Coroutine[Any, Any, Any]],
) -> None:
    """Ask by a task of the running loop, unless nobody waits for the answer any more."""

    def hand_over(task: asyncio.Task[Any]) -> None:
        error = TimeoutError() if task.cancelled() else task.exception()
        if error is None:
            answer.set_result(task.result())
        else:
            answer.set_exception(error)

    if answer.set_running_or_notify_cancel():
        loop.create_task(ask()).add_done_callback(hand_over)


def ask(server: Lines | GivenServer, step: Step, due: float) -> Any:
    """Carry one step, to be given up at that moment."""
    match step:
        case Command():
            return server.one(step.words, due)
        case Run():
            try:
                return server.one(by_sha(step), due)
            except Exception as error:
                if not is_unknown_script(error):
                    raise
                return server.one(by_text(step), due)
        case Batch():
            return whole(server.many(step.commands, due, atomic=step.atomic))
        case Scan():
            return server.scan(step, due)


async def aask(server: AsyncLines | AsyncGivenServer, step: Step) -> Any:
    """As `ask`, async; who asks gives up."""
    match step:
        case Command():
            return await server.one(step.words)
        case Run():
            try:
                return await server.one(by_sha(step))
            except Exception as error:
                if not is_unknown_script(error):
                    raise
                return await server.one(by_text(step))
        case Batch():
            return whole(await server.many(step.commands, atomic=step.atomic))
        case Scan():
            return await server.scan(step)


def by_sha(step: Run) -> Words:
    """The words that run a script that the server knows."""
    return ("EVALSHA", step.script.sha, len(step.keys), *step.keys, *step.arguments)


def by_text(step: Run) -> Words:
    """The words that run a script and make the server know it."""
    return ("EVAL", step.script.text, len(step.keys), *step.keys, *step.arguments)


def whole(replies: list[Any]) -> list[Any]:
    """The replies to a batch, a value of a foreign type as an empty one; the first error raised."""
    for place, reply in enumerate(replies):
        if isinstance(reply, Exception):
            if not is_foreign(reply):
                raise reply
            replies[place] = b""
    return replies
