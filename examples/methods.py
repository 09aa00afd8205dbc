"""Methods: `self` counts by the attributes that the body reads, whatever the object."""

from __future__ import annotations

from typing import Any, ClassVar

from stage import Person, about, stage

from llmcache import LRUBackend, cached_structured

BACKEND = LRUBackend()


class Extractor:
    """Asks with a temperature of its own."""

    style: ClassVar[str] = "briefly"

    def __init__(self, client: Any, temperature: float) -> None:
        self.client = client
        self.temperature = temperature
        self.asked = 0

    @cached_structured(backend=BACKEND)
    def run(self, text: str) -> Person:
        """The client and the temperature count; `asked`, which the body does not read, does not."""
        person: Person = self.client.create(**about(text), temperature=self.temperature)
        return person

    @classmethod
    @cached_structured(backend=BACKEND)
    def with_style(cls, client: Any, text: str) -> Person:
        """What is read of the class counts."""
        person: Person = client.create(**about(f"{cls.style}: {text}"))
        return person

    @staticmethod
    @cached_structured(backend=BACKEND)
    def plain(client: Any, text: str) -> Person:
        """As a function."""
        person: Person = client.create(**about(text))
        return person


with stage() as here:
    client = here.client()
    cold, warm = Extractor(client, 0.0), Extractor(client, 0.9)
    here.show("a method", lambda: cold.run("Ada is 36."))
    cold.asked = 1
    here.show("an attribute it does not read", lambda: cold.run("Ada is 36."))
    here.show("another object alike", lambda: Extractor(here.client(), 0.0).run("Ada is 36."))
    here.show("another temperature", lambda: warm.run("Ada is 36."))
    for name in ("with_style", "plain"):
        for note in (name, "again"):
            here.show(note, lambda name=name: getattr(Extractor, name)(client, "Bo is 7."))
    here.compare(lambda: cold.run("Ada is 36."), call=lambda: client.create(**about("Dee is 5.")))
