"""What a hit on a wide model takes, beside Instructor's own cache in the same run."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from typing import Any, Literal, Optional

import instructor
import pytest
from instructor.cache import AutoCache
from pydantic import BaseModel, Field, create_model

from llmcache import LRUBackend, cached_client
from llmcache.testing.provider import LoopbackProvider

MOST = 1e-3
"""Seconds for a hit."""
SHARE = 20
"""How many times as long Instructor's own may take."""


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    city: str = Field(description="without the postal code")


KINDS: list[Any] = [str, int, float, bool, Optional[str], list[str], Literal["a", "b"], Address]  # noqa: UP045 - users write both
FIELDS: dict[str, Any] = {
    f"field_{n}": (KINDS[n % len(KINDS)], Field(description=f"what is under {n} of the form"))
    for n in range(60)
}
ASKED: dict[str, Any] = {
    "response_model": create_model("Form", **FIELDS),
    "model": "some-model",
    "messages": [
        {"role": "system", "content": "Extract the form."},
        {"role": "user", "content": "A line of it.\n" * 100},
    ],
}


def seconds(ask: Callable[[], Any], number: int) -> float:
    """The best of five runs, for one call, in time of this process: others may be busy."""
    return min(timeit.repeat(ask, number=number, repeat=5, timer=time.process_time)) / number


@pytest.mark.bench
def test_a_hit_on_sixty_fields_is_quick_and_a_twentieth_of_instructors_own() -> None:
    with LoopbackProvider() as provider:
        ours: Any = cached_client(provider.instructor(), backend=LRUBackend())
        theirs = instructor.from_openai(provider.openai_client(), cache=AutoCache())
        for client in (ours, theirs):
            client.create(**ASKED)
        hit = seconds(lambda: ours.create(**ASKED), 100)
        own = seconds(lambda: theirs.create(**ASKED), 5)
        assert provider.count == 2
    print(  # noqa: T201 - the figure is what it is run for
        f"cached_client {hit * 1e6:.0f} us, AutoCache {own * 1e6:.0f} us, {own / hit:.0f} to 1"
    )
    assert hit < MOST
    assert hit < own / SHARE
