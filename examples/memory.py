"""Answers in memory, the least recently used leaving first."""

from __future__ import annotations

from stage import Person, about, stage

from llmcache import LRUBackend, cached_structured

with stage() as here:
    client = here.client()

    @cached_structured(backend=LRUBackend(max_entries=2))
    def extract(text: str) -> Person:
        """Who is it?"""
        person: Person = client.create(**about(text))
        return person

    here.show("first", lambda: extract("Ada is 36."))
    here.show("again", lambda: extract("Ada is 36."))
    here.show("a second", lambda: extract("Bo is 7."))
    here.show("a third: the oldest leaves", lambda: extract("Cy is 81."))
    here.show("the first again", lambda: extract("Ada is 36."))
    print(extract.cache_info())
    here.compare(lambda: extract("Ada is 36."), call=lambda: client.create(**about("Dee is 5.")))
