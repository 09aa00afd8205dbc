"""A worker process that asks once and says how far it is.

Run as `worker_leads.py DATABASE ANSWER`. It prints `computing` when its function runs, which then
waits for a line on standard input; `held` when another process turns out to compute; and last
what it was answered.
"""

from __future__ import annotations

import sys
from typing import Any

from llmcache import SQLiteBackend, cached_structured, configure

DATABASE, ANSWER = sys.argv[1], int(sys.argv[2])
configure(backend_timeout="1m")


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


class Telling(SQLiteBackend):
    """Says when a claim finds the lease taken."""

    def claim(self, *args: Any, **named: Any) -> Any:
        found = super().claim(*args, **named)
        if found.held is not None:
            say("held")
        return found


with Telling(DATABASE) as backend:

    @cached_structured(backend=backend, name="ask", version=1)
    def ask(text: str) -> int:
        say("computing")
        sys.stdin.readline()
        return ANSWER

    say(ask("a"))
