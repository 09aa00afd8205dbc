"""A machine of its own: asks the model through the cache, prints what it was answered.

Run as `redis_machine.py MODEL_SOCKET BACKEND CALLERS COLOUR`; each line on standard input is a
question, put by all callers at once.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

from llmcache import cached_structured, configure

MODEL, BACKEND, CALLERS, COLOUR = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
configure(backend_timeout="1m")


@cached_structured(backend=BACKEND, version=1)
def ask(text: str) -> str:
    """One request, on a connection of its own."""
    with socket.socket(socket.AF_UNIX) as model:
        model.connect(MODEL)
        model.sendall(text.encode() + b"\n")
        return model.makefile().readline()


@cached_structured(backend=BACKEND, version=1)
async def aask(text: str) -> str:
    """As `ask`, async."""
    reader, writer = await asyncio.open_unix_connection(MODEL)
    writer.write(text.encode() + b"\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def all_tasks(text: str) -> list[str]:
    """Ask from as many tasks as there are callers."""
    return await asyncio.gather(*[aask(text) for _ in range(CALLERS)])


with asyncio.Runner() as runner, ThreadPoolExecutor(CALLERS) as pool:
    sys.stdout.write(json.dumps("ready") + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        text = line.strip()
        if COLOUR == "async":
            answers = runner.run(all_tasks(text))
        else:
            answers = list(pool.map(ask, [text] * CALLERS))
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()
