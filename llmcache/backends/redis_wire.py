"""Carries the steps of a dialogue to the server and the replies back: once sync, once async.

What the client library raises becomes `BackendUnavailableError` here and nowhere else. A server
that does not answer opens the breaker; one that answers with an error (full, read-only, loading,
moved) does not, as asking it costs little and it may serve reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from llmcache.backends.patience import remaining
from llmcache.backends.redis_address import Client, is_cluster
from llmcache.backends.redis_breaker import Breaker
from llmcache.backends.redis_clients import Clients
from llmcache.backends.redis_steps import BATCH, Batch, Command, Dialogue, Run, Scan, Step
from llmcache.errors import BackendUnavailableError

__all__ = ["Wire"]

Answer = TypeVar("Answer")

AS_BYTES: dict[str, Any] = {"NEVER_DECODE": []}
"""redis-py's option for one command: bytes, also from a client that decodes its replies."""

BUSY_LOOP = 0.05
"""Seconds by which an alarm comes late when the event loop, not the server, was slow."""


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
        loop = self.clients.loop_for_threads()
        if loop is not None:
            return asyncio.run_coroutine_threadsafe(self.arun(operation, dialogue), loop).result()
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
            return await asyncio.to_thread(self.run, operation, dialogue)
        try:
            step = next(dialogue)
            while True:
                step = dialogue.send(await self.aask(operation, step))
        except StopIteration as ended:
            answer: Answer = ended.value
            return answer

    def ask(self, operation: str, step: Step) -> Any:
        """Carry one step."""
        self.admit(operation)
        client = self.clients.for_thread()
        try:
            reply = self.asked(client, step)
        except self.failures as error:
            return self.reply_or_failure(operation, step, error)
        self.breaker.answered()
        return reply

    async def aask(self, operation: str, step: Step) -> Any:
        """As `ask`, async."""
        seconds = self.admit(operation)
        client = await self.clients.for_loop()
        try:
            reply = await within(seconds, self.aasked(client, step))
        except self.failures as error:
            return self.reply_or_failure(operation, step, error)
        self.breaker.answered()
        return reply

    def asked(self, client: Client, step: Step) -> Any:
        """The reply, over a new connection where the one from the pool was dead already."""
        try:
            return ask(client, step)
        except self.failures as error:
            if not is_cut(error):
                raise
            return ask(client, step)

    async def aasked(self, client: Client, step: Step) -> Any:
        """As `asked`, async."""
        try:
            return await aask(client, step)
        except self.failures as error:
            if not is_cut(error):
                raise
            return await aask(client, step)

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
            raise self.unavailable(operation, f"it did not answer; asked again in {wait:.1f} s")
        return seconds

    def reply_or_failure(self, operation: str, step: Step, error: Exception) -> bytes:
        """The reply that stands for an error, where there is one.

        Raises:
            BackendUnavailableError: For all others.
        """
        text = str(error).partition(", with args")[0]  # what follows may quote an entry
        if is_reply(error):
            self.breaker.answered()
            if isinstance(step, Command) and step.foreign is not None and is_foreign(error):
                return step.foreign
        else:
            self.breaker.failed()
        raise self.unavailable(operation, f"{type(error).__name__}: {text}") from error

    def unavailable(self, operation: str, why: str) -> BackendUnavailableError:
        """The error that says what was tried, where, and why it failed."""
        return BackendUnavailableError(
            f"{self.description} failed at {operation}: {why}",
            backend=self.description,
            operation=operation,
        )


def ask(client: Client, step: Step) -> Any:
    """Carry one step with a sync client."""
    match step:
        case Command():
            return client.execute_command(*step.words, **AS_BYTES)
        case Run():
            try:
                return client.execute_command(*by_sha(step), **AS_BYTES)
            except Exception as error:
                if not is_unknown_script(error):
                    raise
                return client.execute_command(*by_text(step), **AS_BYTES)
        case Batch():
            pipeline = client.pipeline(transaction=step.atomic)
            for words in step.commands:
                pipeline.execute_command(*words, **AS_BYTES)
            return whole(pipeline.execute(raise_on_error=step.atomic))
        case Scan():
            return scanned(step, client.scan(**scan_arguments(client, step), **AS_BYTES))


async def aask(client: Client, step: Step) -> Any:
    """As `ask`, async."""
    match step:
        case Command():
            return await client.execute_command(*step.words, **AS_BYTES)
        case Run():
            try:
                return await client.execute_command(*by_sha(step), **AS_BYTES)
            except Exception as error:
                if not is_unknown_script(error):
                    raise
                return await client.execute_command(*by_text(step), **AS_BYTES)
        case Batch():
            pipeline = client.pipeline(transaction=step.atomic)
            for words in step.commands:
                pipeline.execute_command(*words, **AS_BYTES)
            return whole(await pipeline.execute(raise_on_error=step.atomic))
        case Scan():
            return scanned(step, await client.scan(**scan_arguments(client, step), **AS_BYTES))


def by_sha(step: Run) -> tuple[Any, ...]:
    """The words that run a script that the server knows."""
    return ("EVALSHA", step.script.sha, len(step.keys), *step.keys, *step.arguments)


def by_text(step: Run) -> tuple[Any, ...]:
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


def scan_arguments(client: Client, step: Scan) -> dict[str, Any]:
    """How to ask for the next keys: of the one server, or of the next node that has more."""
    wanted: dict[str, Any] = {"match": step.pattern, "count": BATCH}
    if step.position is None:
        return wanted
    if not is_cluster(client):
        return {**wanted, "cursor": step.position}
    node, cursor = next(iter(step.position.items()))
    target = client.get_node(node_name=node)  # type: ignore[attr-defined]
    return {**wanted, "cursor": cursor, "target_nodes": target}


def scanned(step: Scan, reply: tuple[Any, list[bytes]]) -> tuple[Any, list[bytes]]:
    """The next position, None at the end, and the keys found."""
    position, keys = reply
    if isinstance(position, dict):
        position = {**(step.position or {}), **position}
        position = {node: cursor for node, cursor in position.items() if cursor}
    return position or None, keys


def is_reply(error: Exception) -> bool:
    """Whether the server answered, if with an error: told by the name, as libraries differ."""
    names = {base.__name__ for base in type(error).__mro__}
    return bool(names & {"ResponseError", "BusyLoadingError"})


def is_cut(error: Exception) -> bool:
    """Whether a connection that was there ended, as by a restart or an idle limit on the way."""
    return type(error).__name__ == "ConnectionError" and " connecting to " not in str(error)


def is_unknown_script(error: Exception) -> bool:
    """Whether the server was restarted, or never ran this script."""
    return type(error).__name__ == "NoScriptError"


def is_foreign(error: Exception) -> bool:
    """Whether the key holds something of another type than ours."""
    return str(error).startswith("WRONGTYPE")


async def within(seconds: float, reply: Awaitable[Answer]) -> Answer:
    """Wait for a reply, but not longer than that.

    Time in which the event loop itself was busy is given back once: the reply may have arrived
    meanwhile, and the alarm would be handled before it.

    Raises:
        TimeoutError: It took longer.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds

    def rang() -> None:
        late = loop.time() - due
        limit.reschedule(loop.time() + (min(late, seconds) if late > BUSY_LOOP else 0))

    async with asyncio.timeout(None) as limit:
        alarm = loop.call_at(due, rang)
        try:
            return await reply
        finally:
            alarm.cancel()
