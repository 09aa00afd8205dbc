"""OpenAI and Anthropic behind one function: the client is part of the question."""

from __future__ import annotations

from typing import Any

from stage import Person, about, stage

from llmcache import LRUBackend, cached_structured


@cached_structured(backend=LRUBackend())
def extract(client: Any, text: str) -> Person:
    """Who is it?"""
    person: Person = client.create(**about(text))
    return person


with stage() as here:
    names: tuple[Any, Any] = ("openai", "anthropic")
    for note in ("first", "new client"):
        for name in names:
            client = here.client(name)
            here.show(f"{name}, {note}", lambda client=client: extract(client, "Ada is 36."))
    here.compare(
        lambda: extract(client, "Ada is 36."), call=lambda: client.create(**about("Dee is 5."))
    )
