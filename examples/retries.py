"""Retries: those of Instructor, tenacity and stamina, above the cache and below it."""

from __future__ import annotations

import stamina
import tenacity
from stage import Person, Stage, about, stage

from llmcache import LRUBackend, cached_structured


class Flaky:
    """A client whose connection drops before every second request gets through."""

    def __init__(self, here: Stage) -> None:
        self.client = here.client()
        self.tried = 0

    def create(self, text: str) -> Person:
        """Ask, or fail."""
        self.tried += 1
        if self.tried % 2:
            raise ConnectionError("dropped")
        person: Person = self.client.create(**about(text))
        return person


with stage() as here:
    flaky = Flaky(here)
    twice = tenacity.retry(stop=tenacity.stop_after_attempt(2))

    @cached_structured(backend=LRUBackend())
    @twice
    def below(text: str) -> Person:
        """Tried again below the cache: one miss, however often it takes."""
        return flaky.create(text)

    @stamina.retry(on=ConnectionError, attempts=2, wait_initial=0.0, wait_jitter=0.0)
    @cached_structured(backend=LRUBackend())
    def above(text: str) -> Person:
        """Tried again above the cache: errors are never stored, the second try is."""
        return flaky.create(text)

    for extract in (below, above):
        here.show(f"retries {extract.__name__}", lambda extract=extract: extract("Ada is 36."))
        here.show("again", lambda extract=extract: extract("Ada is 36."))
    print(f"{flaky.tried} tries, {here.requests} requests")
    here.compare(
        lambda: below("Ada is 36."), call=lambda: flaky.client.create(**about("Dee is 5."))
    )
