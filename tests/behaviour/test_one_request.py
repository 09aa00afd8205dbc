"""Exactly one request reaches the provider, however many ask at once in one process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import instructor
import pytest
from pydantic import BaseModel

from llmcache import LRUBackend, SQLiteBackend, cached_structured
from llmcache.testing import LoopbackProvider

THREADS, TASKS = 50, 100
RUNS = [pytest.param(2, id="2 runs"), pytest.param(100, id="100", marks=pytest.mark.endurance)]


class Answer(BaseModel):
    name: str
    amount: int


@pytest.fixture
def provider(provider: LoopbackProvider) -> LoopbackProvider:
    """So slow that all callers meet."""
    provider.delay = 0.3
    return provider


@pytest.fixture(params=["memory", "file"])
def backend(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Any]:
    with LRUBackend() if request.param == "memory" else SQLiteBackend(tmp_path / "a.db") as made:
        yield made


def ask_through(client: Any, text: str) -> Any:
    """One request, or the coroutine of one."""
    return client.create(
        model="gpt", response_model=Answer, messages=[{"role": "user", "content": text}]
    )


@pytest.mark.parametrize("runs", RUNS)
def test_fifty_threads_make_one_request(provider, backend, runs):
    client = instructor.from_openai(provider.openai_client())
    together = threading.Barrier(THREADS)

    @cached_structured(backend=backend)
    def ask(text: str) -> Answer:
        return ask_through(client, text)

    def meet_and_ask(text: str) -> str:
        together.wait(60)
        return ask(text).model_dump_json()

    with ThreadPoolExecutor(THREADS) as pool:
        for run in range(runs):
            found = list(pool.map(meet_and_ask, [str(run)] * THREADS))
            assert (len(found), len(set(found)), provider.count) == (THREADS, 1, run + 1)


@pytest.mark.parametrize("runs", RUNS)
def test_two_hundred_tasks_in_two_loops_make_one_request(provider, backend, runs):
    together = threading.Barrier(2)

    def in_own_loop(_: int) -> list[set[str]]:
        sdk = provider.async_openai_client()
        client = instructor.from_openai(sdk)

        @cached_structured(backend=backend, name="ask", version=1)
        async def ask(text: str) -> Answer:
            return await ask_through(client, text)

        async def all_runs() -> list[set[str]]:
            found = []
            async with sdk:
                for run in range(runs):
                    await asyncio.to_thread(together.wait, 60)
                    answers = await asyncio.gather(*[ask(str(run)) for _ in range(TASKS)])
                    found.append({answer.model_dump_json() for answer in answers})
            return found

        return asyncio.run(all_runs())

    with ThreadPoolExecutor(2) as pool:
        here, there = pool.map(in_own_loop, range(2))
    assert here == there
    assert {len(answers) for answers in here} == {1}
    assert provider.count == runs
