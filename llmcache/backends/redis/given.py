"""Clients that the caller opened, asked the way that redis-py and valkey-py have in common."""

from __future__ import annotations

from typing import Any

from llmcache.backends.redis.address import Client, is_cluster
from llmcache.backends.redis.alarms import Alarms
from llmcache.backends.redis.steps import BATCH, Scan, Words

__all__ = ["AsyncGivenServer", "GivenServer"]

AS_BYTES: dict[str, Any] = {"NEVER_DECODE": []}
"""The option for one command: bytes, also from a client that decodes its replies."""


class GivenServer:
    """A server, or a cluster, by the caller's sync client, whose own time-outs hold."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def one(self, words: Words, due: float) -> Any:  # noqa: ARG002 - see the class
        """As `Lines.one`."""
        return self.client.execute_command(*words, **AS_BYTES)

    def many(self, commands: list[Words], due: float, *, atomic: bool) -> list[Any]:  # noqa: ARG002 - see the class
        """As `Lines.many`."""
        pipeline = filled(self.client, commands, atomic=atomic)
        replies: list[Any] = pipeline.execute(raise_on_error=atomic)
        return replies

    def scan(self, step: Scan, due: float) -> tuple[Any, list[bytes]]:  # noqa: ARG002 - see the class
        """As `Lines.scan`."""
        return scanned(step, self.client.scan(**scan_arguments(self.client, step), **AS_BYTES))


class AsyncGivenServer:
    """As `GivenServer`, by an asyncio client, for the running event loop."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.alarms: Alarms = Alarms()

    async def one(self, words: Words) -> Any:
        """As `GivenServer.one`, async."""
        return await self.client.execute_command(*words, **AS_BYTES)

    async def many(self, commands: list[Words], *, atomic: bool) -> list[Any]:
        """As `GivenServer.many`, async."""
        pipeline = filled(self.client, commands, atomic=atomic)
        replies: list[Any] = await pipeline.execute(raise_on_error=atomic)
        return replies

    async def scan(self, step: Scan) -> tuple[Any, list[bytes]]:
        """As `GivenServer.scan`, async."""
        arguments = scan_arguments(self.client, step)
        return scanned(step, await self.client.scan(**arguments, **AS_BYTES))


def filled(client: Client, commands: list[Words], *, atomic: bool) -> Any:
    """A pipeline with these commands, not yet sent."""
    pipeline = client.pipeline(transaction=atomic)
    for words in commands:
        pipeline.execute_command(*words, **AS_BYTES)
    return pipeline


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
