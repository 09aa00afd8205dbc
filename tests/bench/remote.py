"""Redis: a hit beside the bare GET that it cannot do without."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from hashlib import sha256
from pathlib import Path

from answers import PROMPTS, Small, made
from hits import warm
from measuring import awaited, interleaved, repeated
from ours import asked, asked_async, redis_backend
from report import Report

__all__ = ["measure_redis"]


def measure_redis(report: Report, directory: Path, rounds: int) -> None:
    """Sync and async, on a server of our own on loopback."""
    with redis_backend() as pair:
        if pair is None:
            report.missing.append("Redis: neither redis-server nor valkey-server is installed")
            return
        import redis

        server, backend = pair
        prompt, kind = PROMPTS[200], Small
        client = redis.Redis.from_url(server.url)
        key = sha256(prompt.encode()).hexdigest()
        client.set(key, made(kind).model_dump_json())
        clock = time.perf_counter
        loop = asyncio.new_event_loop()
        asynchronous = redis.asyncio.Redis.from_url(server.url)
        found = interleaved(
            {
                "bare GET": repeated(partial(client.get, key), clock),
                "Redis": warm(asked(backend, kind), prompt, clock),
                "bare GET, async": awaited(loop, partial(asynchronous.get, key), clock),
                "Redis, async": awaited(loop, partial(asked_async(backend, kind), prompt), clock),
            },
            rounds,
        )
        loop.run_until_complete(asynchronous.aclose())
        loop.run_until_complete(backend.aclose())
        loop.close()
        client.close()
    report.line("Redis on this machine, hits", "median", found)
