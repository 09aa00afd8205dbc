"""A worker process: meets the others at a barrier, asks, prints what it was answered.

Run as `worker_asks.py PROVIDER DATABASE THREADS COLOUR`; lines on standard input let it go on.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import instructor
import openai
from pydantic import BaseModel

from llmcache import cached_structured, configure


class Answer(BaseModel):
    """What is asked for."""

    name: str
    amount: int


URL, DATABASE, THREADS, COLOUR = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
configure(backend_timeout="1m")
client = instructor.from_openai(openai.OpenAI(base_url=URL, api_key="k", max_retries=0))
aclient = instructor.from_openai(openai.AsyncOpenAI(base_url=URL, api_key="k", max_retries=0))


@cached_structured(backend=DATABASE)
def ask(text: str) -> Answer:
    """Ask the provider."""
    return client.create(
        model="gpt", response_model=Answer, messages=[{"role": "user", "content": text}]
    )


@cached_structured(backend=DATABASE)
async def aask(text: str) -> Answer:
    """As `ask`, async."""
    return await aclient.create(
        model="gpt", response_model=Answer, messages=[{"role": "user", "content": text}]
    )


runner = asyncio.Runner()


def answers(text: str) -> list[str]:
    """Ask at once from all threads, or from as many tasks."""
    if COLOUR == "sync":
        with ThreadPoolExecutor(THREADS) as pool:
            return [answer.model_dump_json() for answer in pool.map(ask, [text] * THREADS)]

    async def all_tasks() -> list[str]:
        found = await asyncio.gather(*[aask(text) for _ in range(THREADS)])
        return [answer.model_dump_json() for answer in found]

    return runner.run(all_tasks())


print(json.dumps({"pid": os.getpid()}), flush=True)  # noqa: T201 - what the test reads
for line in sys.stdin:
    print(json.dumps(answers(line.strip())), flush=True)  # noqa: T201 - as above
