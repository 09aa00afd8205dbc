"""A program as a user writes it: one cached function under the defaults, called twice.

Run as `asks_once.py openai|anthropic sync|async`; the base URL is in BASE_URL.
"""

from __future__ import annotations

import asyncio
import os
import sys

import instructor
from pydantic import BaseModel

from llmcache import cached_structured


class Contact(BaseModel):
    """What is asked for."""

    name: str
    phones: list[str]


PROVIDER, COLOUR = sys.argv[1:]


def connected(*, asynchronous: bool) -> instructor.Instructor | instructor.AsyncInstructor:
    """The real client of the provider."""
    options = {"base_url": os.environ["BASE_URL"], "api_key": "none", "max_retries": 0}
    if PROVIDER == "openai":
        import openai

        openai_kind = openai.AsyncOpenAI if asynchronous else openai.OpenAI
        return instructor.from_openai(openai_kind(**options))
    import anthropic

    anthropic_kind = anthropic.AsyncAnthropic if asynchronous else anthropic.Anthropic
    return instructor.from_anthropic(anthropic_kind(**options))


client = connected(asynchronous=COLOUR == "async")


@cached_structured(ttl="7d")
def extract(text: str) -> Contact:
    """Extract the contact."""
    return client.create(
        model="a-model",
        max_tokens=500,
        response_model=Contact,
        messages=[{"role": "user", "content": text}],
    )


@cached_structured(ttl="7d")
async def aextract(text: str) -> Contact:
    """As `extract`, async."""
    return await client.create(
        model="a-model",
        max_tokens=500,
        response_model=Contact,
        messages=[{"role": "user", "content": text}],
    )


async def twice() -> list[Contact]:
    """Ask twice in one loop."""
    return [await aextract("Ada, +44 1"), await aextract("Ada, +44 1")]


answers = asyncio.run(twice()) if COLOUR == "async" else [extract("Ada, +44 1") for _ in range(2)]
info = (aextract if COLOUR == "async" else extract).cache_info()
print(answers[0].model_dump_json(), answers[0] == answers[1], info.hits, info.misses)  # noqa: T201 - what the test reads
