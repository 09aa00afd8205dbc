"""Streams: stored when they have come to their end, replayed item by item."""

from __future__ import annotations

from collections.abc import Iterator

from stage import Person, about, stage

from llmcache import LRUBackend, cached_client, cached_structured

with stage() as here:
    client = here.client()

    @cached_structured(backend=LRUBackend())
    def people(text: str) -> Iterator[Person]:
        """Each as soon as it is there."""
        yield from client.create_iterable(**about(text))

    for note in ("a generator", "again"):
        here.show(note, lambda: [person.name for person in people("Ada is 36, Bo is 7.")])

    cached = cached_client(client, backend=LRUBackend())
    for note in ("create_iterable", "again"):
        here.show(note, lambda: len(list(cached.create_iterable(**about("Ada is 36, Bo is 7.")))))
    for note in ("create_partial", "again"):
        here.show(note, lambda: len(list(cached.create_partial(**about("Ada is 36.")))))

    first = next(iter(people("Cy is 81, Dee is 5.")))
    print(f"{first.name} was enough; what was not read to its end is not stored")
    here.show("so it is asked anew", lambda: len(list(people("Cy is 81, Dee is 5."))))
    here.compare(
        lambda: list(people("Ada is 36, Bo is 7.")),
        call=lambda: list(client.create_iterable(**about("Eve is 50."))),
    )
