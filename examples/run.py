"""Every feature once, quickly: `python examples/run.py`. With real calls: `run_real.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Literal

import instructor
from stage import Person, Stage, about, stage

import llmcache
from llmcache import LRUBackend, cached_client, cached_structured
from llmcache.integrations.instructor import InstructorCache
from llmcache.testing import ManualClock

outages: list[str] = []


def decorator(here: Stage) -> None:
    """One line above a function."""
    client = here.client()

    @cached_structured(backend=LRUBackend())
    def extract(text: str) -> Person:
        """Who is it?"""
        person: Person = client.create(**about(text))
        return person

    here.show("a call", lambda: extract("Ada is 36."))
    here.show("a hit", lambda: extract(text="Ada is 36."))
    here.compare(lambda: extract("Ada is 36."), call=lambda: client.create(**about("Dee is 5.")))


def handle(here: Stage) -> None:
    """What a cached function can be asked."""
    client = here.client()

    @cached_structured(backend=LRUBackend())
    def extract(text: str, *, temperature: float = 0.0) -> Person:
        """Who is it?"""
        person: Person = client.create(**about(text), temperature=temperature)
        return person

    extract("Ada is 36.")
    print(extract.cache_explain("Ada is 36.", temperature=1.0))
    here.show("cache_peek", lambda: extract.cache_peek("Ada is 36."))
    here.show("cache_refresh", lambda: extract.cache_refresh("Ada is 36."))
    here.show("cache_invalidate", lambda: extract.cache_invalidate("Ada is 36."))
    here.show("cache_with(sample=2)", lambda: extract.cache_with(sample=2)("Ada is 36."))
    here.show("cache_clear", extract.cache_clear)
    print(extract.cache_info())


def modes(here: Stage) -> None:
    """What the cache does, for a block."""
    client = cached_client(here.client(), backend=LRUBackend())
    chosen: tuple[Literal["readonly", "on", "offline", "refresh", "off"], ...]
    chosen = ("readonly", "on", "offline", "refresh", "off")
    for name in chosen:
        with llmcache.mode(name):
            here.show(f"mode {name}", lambda: client.create(**about("Ada is 36.")))


def staleness(here: Stage) -> None:
    """An expired answer is better than none."""
    clock = ManualClock()
    llmcache.configure(clock=clock)
    client = here.client()

    @cached_structured(backend=LRUBackend(clock=clock), ttl="1h", stale_if_error="1d", version=1)
    def extract(text: str) -> Person:
        """Who is it?"""
        if outages:
            raise ConnectionError(outages[0])
        person: Person = client.create(**about(text))
        return person

    here.show("fresh", lambda: extract("Ada is 36."))
    clock.advance("2h")
    outages.append("the provider is down")
    here.show("expired, and the call fails", lambda: extract("Ada is 36."))
    outages.clear()
    llmcache.reset_configuration()


def clients(here: Stage) -> None:
    """A whole client, cached."""
    client: Any = cached_client(here.client(), backend=LRUBackend(), ttl="7d")
    for note in ("create", "again"):
        here.show(note, lambda: client.create(**about("Ada is 36.")))
    for note in ("create_with_completion", "again"):
        here.show(
            note, lambda: type(client.create_with_completion(**about("Bo is 7."))[1]).__name__
        )
    for note in ("create_iterable", "again"):
        here.show(note, lambda: len(list(client.create_iterable(**about("Ada is 36, Bo is 7.")))))
    for note in ("an int", "again"):
        here.show(
            note, lambda: client.create(**{**about("How old is Ada, 36?"), "response_model": int})
        )
    here.show("temperature=1", lambda: client.create(**about("Ada is 36."), temperature=1))
    here.show("cache_sample=2", lambda: client.create(**about("Ada is 36."), cache_sample=2))
    here.show("user='u-1'", lambda: client.create(**about("Ada is 36."), user="u-1"))
    print(client.cache_info())


def slot(here: Stage) -> None:
    """The cache for Instructor's own `cache=`."""
    cache = InstructorCache(LRUBackend(), ttl="1h")
    client = here.client(**cache.options("examples"))
    for note in ("Instructor's own slot", "again"):
        here.show(note, lambda: client.create(**about("Ada is 36.")))


def streams(here: Stage) -> None:
    """A generator, stored at its end."""
    client = here.client()

    @cached_structured(backend=LRUBackend())
    def people(text: str) -> Iterator[Person]:
        """Each as soon as it is there."""
        yield from client.create_iterable(**about(text))

    for note in ("a generator", "again"):
        here.show(note, lambda: len(list(people("Ada is 36, Bo is 7."))))


def at_once(here: Stage) -> None:
    """Ten tasks, one question."""

    async def ask() -> str:
        client = cached_client(here.client(asynchronous=True), backend=LRUBackend())
        asked = (client.create(**about("Ada is 36.")) for _ in range(10))
        people = await asyncio.gather(*asked)
        await client.client.close()  # type: ignore[union-attr] # an SDK's own
        return f"{len(people)} answers, {len(set(map(id, people)))} objects"

    here.show("ten at once", lambda: asyncio.run(ask()))


def events(here: Stage) -> None:
    """What was spent, and what was saved."""
    client = cached_client(here.client(), backend=LRUBackend())
    with llmcache.record() as calls:
        for text in ("Ada is 36.", "Ada is 36.", "Ada is 36."):
            client.create(**about(text))
    for kind, word in ((llmcache.Miss, "spent"), (llmcache.Hit, "saved")):
        tokens = sum((e.input_tokens or 0) + (e.output_tokens or 0) for e in calls.of(kind))
        print(f"{len(calls.of(kind))} {kind.__name__}: {tokens} tokens {word}")


FEATURES: tuple[Callable[[Stage], None], ...] = (
    decorator, handle, modes, staleness, clients, slot, streams, at_once, events,
)  # fmt: skip


def tour(*, real: bool = False) -> None:
    """All of them, in turn."""
    with stage(real=real) as here:
        for feature in FEATURES:
            print(f"\n{feature.__name__.replace('_', ' ')}: {feature.__doc__}")
            feature(here)
        print(f"\n{here.requests} requests in all, with Instructor {instructor.__version__}")


if __name__ == "__main__":
    tour()
