"""What every example stands on: a provider, a directory of its own, and counted figures.

Without arguments a provider on this machine answers, with no key and no network. With `--real` it
is the real one, with the key in `OPENAI_API_KEY` or `ANTHROPIC_API_KEY`.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import instructor
from pydantic import BaseModel

from llmcache.clock import SYSTEM
from llmcache.testing import LoopbackProvider

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
DELAY = 0.05
"""Seconds that the provider on this machine takes; a real one takes twenty to a thousand times as
long."""


class Person(BaseModel):
    """Somebody in a text."""

    name: str
    age: int


class Stage:
    """One run of an example.

    Attributes:
        directory: Gone when the example ends.
        requests: How many requests Instructor has sent.
    """

    def __init__(self, directory: Path, provider: LoopbackProvider | None) -> None:
        self.directory = directory
        self.provider = provider
        self.requests = 0

    def client(
        self,
        name: Literal["openai", "anthropic"] = "openai",
        *,
        asynchronous: bool = False,
        **options: Any,
    ) -> Any:
        """An Instructor client with a default model, whose requests are counted."""
        if self.provider is None:
            chosen = f"{name}/{MODELS[name]}"
            client = instructor.from_provider(chosen, async_client=asynchronous, **options)
        else:
            client = self.provider.instructor(
                name, asynchronous=asynchronous, model=MODELS[name], **options
            )
        if name == "anthropic":
            client.kwargs.setdefault("max_tokens", 500)
        client.on("completion:kwargs", self.count)
        return client

    def count(self, *_: Any, **__: Any) -> None:
        """One more request."""
        self.requests += 1

    def show(self, what: str, ask: Callable[[], Any]) -> Any:
        """Ask, and print what came of it, how many requests it took, and how long."""
        before, began = self.requests, SYSTEM.monotonic()
        answer = ask()
        self.tell(what, answer, before, began)
        return answer

    def tell(self, what: str, answer: Any, before: int, began: float) -> None:
        """Print one line."""
        took, sent = (SYSTEM.monotonic() - began) * 1000, self.requests - before
        print(f"{what:<34}{sent} requests {took:9.2f} ms   {answer}")

    def compare(self, ask: Callable[[], Any], *, call: Callable[[], Any]) -> None:
        """Print what a hit takes against a call; `ask` has been answered before."""
        began = SYSTEM.monotonic()
        call()
        called = SYSTEM.monotonic() - began
        hit = min(timed(ask) for _ in range(50))
        print(f"a call {called * 1000:.1f} ms, a hit {hit * 1000:.3f} ms: {called / hit:,.0f} to 1")


def timed(ask: Callable[[], Any]) -> float:
    """The seconds that a call takes."""
    began = SYSTEM.monotonic()
    ask()
    return SYSTEM.monotonic() - began


@contextlib.contextmanager
def stage(*, real: bool = False) -> Iterator[Stage]:
    """A stage, real where that is said here or on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--real", action="store_true", help="ask the real provider")
    real = parser.parse_args().real or real
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        provider = None if real else stack.enter_context(LoopbackProvider(delay=DELAY))
        yield Stage(Path(directory), provider)


def about(text: str) -> dict[str, Any]:
    """The request that most examples make."""
    return {"response_model": Person, "messages": [{"role": "user", "content": text}]}
