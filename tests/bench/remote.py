"""Redis: a hit beside the bare GET that it cannot do without, and calls while nobody listens."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from answers import PROMPTS, Small, made
from hits import warm
from measuring import awaited, interleaved, repeated
from ours import asked, asked_async, redis_backend
from report import Report

__all__ = ["measure_redis"]

NOBODY = "redis://127.0.0.1:1/0"


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
                "GET and decode": repeated(bare(client.get, key), clock),
                "Redis": warm(asked(backend, kind), prompt, clock),
                "GET and decode, async": awaited(loop, abare(asynchronous.get, key), clock),
                "Redis, async": awaited(loop, partial(asked_async(backend, kind), prompt), clock),
            },
            rounds,
        )
        loop.run_until_complete(asynchronous.aclose())
        loop.run_until_complete(backend.aclose())
        loop.close()
        client.close()
    report.line("Redis on this machine, hits", "median", found)
    for colour in ("", ", async"):
        what = f"Redis hit{colour}, over a bare GET and its decoding"
        report.ratio(what, found[f"Redis{colour}"], found[f"GET and decode{colour}"], 1.5)
    measure_refusal(report)


def bare(get: Callable[[str], Any], key: str) -> Callable[[], Small]:
    """The least that a hit takes: redis-py's own `get`, and pydantic."""
    return lambda: Small.model_validate_json(get(key))


def abare(get: Callable[[str], Awaitable[Any]], key: str) -> Callable[[], Awaitable[Small]]:
    """As `bare`, async."""

    async def found() -> Small:
        return Small.model_validate_json(await get(key))

    return found


def measure_refusal(report: Report) -> None:
    """What calls take, all in all, while nobody listens: the first, and the median of the next."""
    call = asked(NOBODY, Small)
    clock = time.perf_counter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        taken = [repeated(partial(call, str(number)), clock)(1) for number in range(101)]
    report.seconds("first call while nobody listens", taken[0], 0.6)
    report.seconds("the next calls while nobody listens", median(taken[1:]), 0.001)
