"""Which answer a request gets: scripted ones first, then made-up ones."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from llmcache.testing.provider.answers import Answer, Failure
from llmcache.testing.provider.request import Request

__all__ = ["Script"]

Outcome = Answer | Failure


class Script:
    """A queue that each request takes one answer from, or one function of the request."""

    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.queue: deque[Any] = deque()
        self.function: Callable[[Request], Any] | None = None

    def set(self, answers: tuple[Any, ...]) -> None:
        """Replace what was scripted before."""
        only = answers[0] if len(answers) == 1 else None
        with self.lock:
            self.function = only if callable(only) else None
            self.queue = deque(() if self.function else answers)

    def take(self) -> Any:
        """The next scripted thing; None where nothing is left."""
        with self.lock:
            if self.function is not None:
                return self.function
            return self.queue.popleft() if self.queue else None

    @staticmethod
    def outcome(scripted: Any, request: Request) -> Outcome:
        """What a scripted thing means for this request; functions are asked now."""
        said = scripted(request) if callable(scripted) else scripted
        if said is None:
            return Answer()
        if isinstance(said, Answer | Failure):
            return said
        if isinstance(said, BaseModel):
            said = said.model_dump(mode="json")
        return Answer(value=said)
