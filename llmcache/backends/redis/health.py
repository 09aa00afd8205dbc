"""What an operator wants to know of the server."""

from __future__ import annotations

from dataclasses import dataclass

from llmcache.backends.redis.steps import Command, Dialogue
from llmcache.clock import Clock

__all__ = ["ServerHealth", "ask_health"]


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """A server's own account of itself.

    Attributes:
        version: Of Redis, or of what Valkey says it is compatible with.
        policy: Its `maxmemory-policy`; with `noeviction` a full server refuses to store.
        max_bytes: Its `maxmemory`; 0: no bound but the machine's.
        used_bytes: What it uses now.
        persistent: Whether anything outlives a restart, by snapshots or by its log.
        replica: Whether it is one, and so takes no writes.
        clock_ahead: Seconds by which its clock is ahead of ours, within the round trip.
    """

    version: str
    policy: str
    max_bytes: int
    used_bytes: int
    persistent: bool
    replica: bool
    clock_ahead: float


def ask_health(clock: Clock) -> Dialogue[ServerHealth]:
    """Ask the server; on a cluster, whichever node the client prefers."""
    before = clock.time()
    seconds, microseconds = yield Command(("TIME",))
    ours = (before + clock.time()) / 2
    info = yield Command(("INFO",))
    return ServerHealth(
        version=str(info.get("redis_version", "unknown")),
        policy=str(info.get("maxmemory_policy", "unknown")),
        max_bytes=int(info.get("maxmemory", 0)),
        used_bytes=int(info.get("used_memory", 0)),
        persistent=bool(info.get("aof_enabled")) or info.get("rdb_saves", 0) > 0,
        replica=info.get("role") == "slave",
        clock_ahead=int(seconds) + int(microseconds) / 1e6 - ours,
    )
