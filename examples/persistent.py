"""Answers in a file: they outlive the process, and a changed prompt asks anew."""

from __future__ import annotations

from stage import Person, Stage, about, stage

from llmcache import SQLiteBackend, cached_structured


def run(here: Stage, note: str) -> None:
    """What one process would do: open the file, ask, close it."""
    client = here.client()
    with SQLiteBackend(here.directory / "answers.db", max_bytes=50_000_000) as backend:

        @cached_structured(backend=backend, name="extract")
        def extract(text: str) -> Person:
            """Who is it?"""
            person: Person = client.create(**about(text))
            return person

        here.show(note, lambda: [extract(f"Number {n} is {20 + n}.").age for n in range(5)])
        here.compare(
            lambda: extract("Number 1 is 21."), call=lambda: client.create(**about("Dee is 5."))
        )
        print(f"{extract.cache_info().currsize} answers kept")


with stage() as here:
    run(here, "five texts")
    run(here, "the file opened again")
