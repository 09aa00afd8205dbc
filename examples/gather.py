"""Many at once: equal questions share one call, and a hit never blocks the loop."""

from __future__ import annotations

import asyncio

from stage import Person, Stage, about, stage

from llmcache import LRUBackend, cached_structured
from llmcache.clock import SYSTEM


async def main(here: Stage) -> None:
    """Twelve callers, three questions."""
    client = here.client(asynchronous=True)

    @cached_structured(backend=LRUBackend())
    async def extract(text: str) -> Person:
        """Who is it?"""
        person: Person = await client.create(**about(text))
        return person

    texts = ["Ada is 36.", "Bo is 7.", "Cy is 81."] * 4
    for note in ("twelve callers at once", "again"):
        before, began = here.requests, SYSTEM.monotonic()
        people = await asyncio.gather(*map(extract, texts))
        here.tell(note, f"{len(people)} answers", before, began)
    print(extract.cache_info())
    took = []
    for ask in (lambda: client.create(**about("Dee is 5.")), lambda: extract("Bo is 7.")):
        began = SYSTEM.monotonic()
        await ask()
        took.append(SYSTEM.monotonic() - began)
    print(f"a call {took[0] * 1000:.1f} ms, a hit {took[1] * 1000:.3f} ms")
    await client.client.close()


with stage() as here:
    asyncio.run(main(here))
