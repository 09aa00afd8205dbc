"""How long answers live: by option, by call, by what the answer says; and what may follow."""

from __future__ import annotations

from datetime import timedelta

from stage import Person, about, stage

from llmcache import LRUBackend, cached_client, cached_structured, configure
from llmcache.testing import ManualClock

with stage() as here:
    clock = ManualClock()  # so that nobody has to wait for a week
    configure(clock=clock)
    client = here.client()

    @cached_structured(backend=LRUBackend(clock=clock), ttl="7d", stale_if_error="30d")
    def extract(text: str) -> Person:
        """Who is it?"""
        person: Person = client.create(**about(text))
        return person

    here.show("first", lambda: extract("Ada is 36."))
    clock.advance("6d")
    here.show("after six days", lambda: extract("Ada is 36."))
    clock.advance("2d")
    here.show("after eight", lambda: extract("Ada is 36."))
    here.compare(lambda: extract("Ada is 36."), call=lambda: client.create(**about("Dee is 5.")))

    def life(person: Person) -> timedelta:
        """The young change sooner."""
        return timedelta(days=person.age)

    cached = cached_client(here.client(), backend=LRUBackend(clock=clock), ttl=life)
    person = here.show("a client; ttl by the answer", lambda: cached.create(**about("Bo is 7.")))
    clock.advance(timedelta(days=person.age + 1))
    here.show("one day too late", lambda: cached.create(**about("Bo is 7.")))
    here.show("ttl of one call", lambda: cached.create(**about("Cy is 81."), cache_ttl="1h"))
    clock.advance("2h")
    here.show("two hours later", lambda: cached.create(**about("Cy is 81."), cache_ttl="1h"))
    configure(clock=ManualClock())
