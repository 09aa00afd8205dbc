"""The completion comes with a hit too, as the SDK's own class: tokens, id and all."""

from __future__ import annotations

from typing import Any

from stage import Person, about, stage

from llmcache import LRUBackend, cached_client, cached_structured, record

with stage() as here:
    client = here.client()
    cached = cached_client(client, backend=LRUBackend())

    def ask() -> str:
        """The person and the completion, in short."""
        person, completion = cached.create_with_completion(**about("Ada is 36."))
        tokens = completion.usage.total_tokens
        return f"{person}, {type(completion).__name__} {completion.id} of {tokens} tokens"

    with record() as calls:
        for note in ("first", "again"):
            here.show(note, ask)
    for event in calls:
        print(f"  {type(event).__name__}: {event.input_tokens} in, {event.output_tokens} out")

    @cached_structured(backend=LRUBackend())
    def extract(text: str) -> tuple[Person, Any]:
        """The same in a function of one's own."""
        pair: tuple[Person, Any] = client.create_with_completion(**about(text))
        return pair

    here.show("a function", lambda: extract("Bo is 7.")[1].id)
    here.show("again", lambda: extract("Bo is 7.")[1].id)
    here.compare(ask, call=lambda: client.create(**about("Dee is 5.")))
