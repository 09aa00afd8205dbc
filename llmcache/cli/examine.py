"""What the doctor looks at, one finding or more from each look. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

from llmcache.backends.base import Backend
from llmcache.backends.default import DefaultBackend
from llmcache.cli.findings import Finding, fine, hint, problem
from llmcache.cli.health_of_files import look_at_file
from llmcache.cli.health_of_installation import look_at_installation
from llmcache.cli.health_of_use import look_at_use
from llmcache.cli.stores import file_of, now, opened
from llmcache.errors import BackendError

__all__ = ["examined"]

MOST_SKEW = 5.0
FULL = 0.9
UNUSABLE = ("store", "integrity")


def examined(url: str | None) -> list[Finding]:
    """All findings; the store is not opened where its file is damaged."""
    found = list(look_at_installation())
    with opened(url) as store:
        file = file_of(store)
        if file is not None:
            found += look_at_file(file, bound_of(store))
        if any(each.grade == "problem" and each.about in UNUSABLE for each in found):
            return found
        server = list(look_at_server(store))
        found += server
        if server and server[0].grade == "problem":
            return found
        if file is None or file.exists():
            try:
                found += look_at_use(store, now())
            except BackendError as error:
                found.append(problem("store", str(error)))
    return found


def bound_of(store: object) -> int | None:
    """The bound of a file store in bytes, behind memory too; opens nothing."""
    store = store.file if isinstance(store, DefaultBackend) else getattr(store, "far", store)
    bounds = getattr(store, "bounds", None)
    return None if bounds is None else int(bounds.bytes)


def look_at_server(store: Backend) -> Iterator[Finding]:
    """A Redis server: whether it answers, evicts, persists, takes writes, and its clock."""
    server = getattr(store, "far", store) if file_of(store) is None else store
    if not hasattr(server, "health"):
        return
    try:
        health = server.health()
    except BackendError as error:
        yield problem("server", str(error))
        return
    yield fine("server", f"{server.description} answers, version {health.version}.")
    if health.replica:
        yield problem("server", "It is a replica and takes no writes: use the primary's URL.")
    if health.max_bytes and health.policy == "noeviction":
        text = "A full server refuses to store (maxmemory-policy noeviction): set allkeys-lru."
        yield hint("server", text)
    if health.max_bytes and health.used_bytes > FULL * health.max_bytes:
        yield hint("server", "More than nine tenths of maxmemory are used.")
    if not health.persistent:
        yield hint("server", "Nothing outlives a restart of it: no snapshots and no log are kept.")
    if abs(health.clock_ahead) > MOST_SKEW:
        ahead = f"Its clock differs by {health.clock_ahead:.0f} s: set both by NTP."
        yield problem("clock", ahead)
