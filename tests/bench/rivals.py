"""One of the processes of `starts.measure_rivals`: 90 % reads, 10 % writes, for some seconds.

`python rivals.py <ours | diskcache> <path> <seed> <seconds> <threads>` prints JSON.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

KEYS = [f"{number * 2654435761 % (1 << 64):064x}" for number in range(2000)]
VALUE = b"v" * 1000

Store = tuple[Callable[[str], object], Callable[[str], object]]


def ours(path: str) -> Store:
    """Our get and put."""
    from llmcache.backends.base import Entry, Scope
    from llmcache.backends.sqlite import SQLiteBackend

    backend = SQLiteBackend(path, timeout=60.0)
    scope = Scope("", "shop.extract")

    def put(key: str) -> None:
        now = time.time()
        backend.put(key, Entry(VALUE, scope, now, now + 1000))

    return backend.get, put


def theirs(path: str) -> Store:
    """Diskcache's get and set, of the same bytes and the same life."""
    import diskcache

    cache: Any = diskcache.Cache(path, timeout=60)
    return cache.get, lambda key: cache.set(key, VALUE, expire=1000)


def measure(store: Store, chance: random.Random, seconds: float) -> dict[str, float]:
    """Operations a second, and percentiles in microseconds."""
    get, put = store
    gets: list[float] = []
    puts: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        key = chance.choice(KEYS)
        reads = chance.random() < 0.9
        (get if reads else put)(key)
        (gets if reads else puts).append(time.perf_counter() - began)
    return {
        "rate": (len(gets) + len(puts)) / seconds,
        "get_p50": sorted(gets)[len(gets) // 2] * 1e6,
        "get_p99": sorted(gets)[len(gets) * 99 // 100] * 1e6,
    }


def main(kind: str, path: str, seed: str, seconds: str, threads: str) -> None:
    """Fill once, say that it is ready, wait for the start, measure."""
    store = {"ours": ours, "diskcache": theirs}[kind](path)
    for key in KEYS[int(seed) :: 4]:
        store[1](key)
    print("ready", flush=True)  # noqa: T201 - to who started it
    sys.stdin.readline()
    chances = [random.Random(f"{seed} {number}") for number in range(int(threads))]  # noqa: S311 - a mix
    with ThreadPoolExecutor(int(threads)) as pool:
        found = list(pool.map(lambda chance: measure(store, chance, float(seconds)), chances))
    medians = {name: statistics.median(one[name] for one in found) for name in found[0]}
    print(json.dumps({**medians, "rate": sum(one["rate"] for one in found)}))  # noqa: T201 - the result


if __name__ == "__main__":
    main(*sys.argv[1:])
