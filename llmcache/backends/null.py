"""The backend that stores nothing."""

from __future__ import annotations

from collections.abc import Iterator

from llmcache.backends.base import BackendBase, Entry, Listed, Nothing, Scope

__all__ = ["NullBackend"]


class NullBackend(BackendBase):
    """Stores nothing, finds nothing, never fails: every call of the function runs.

    Concurrent callers in one process still share one running call; `mode="off"` ends that too.
    """

    blocking = False

    @property
    def description(self) -> str:
        """The URL."""
        return "null://"

    def get(self, key: str) -> Entry | Nothing:  # noqa: ARG002 - the protocol's signature
        """Always `ABSENT`."""
        return Nothing.ABSENT

    def put(self, key: str, entry: Entry) -> None:
        """Do nothing."""

    def delete(self, key: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Always False: nothing was there."""
        return False

    def close(self) -> None:
        """Do nothing."""

    async def aget(self, key: str) -> Entry | Nothing:
        """As `get`, async."""
        return self.get(key)

    async def aput(self, key: str, entry: Entry) -> None:
        """As `put`, async."""

    async def adelete(self, key: str) -> bool:
        """As `delete`, async."""
        return self.delete(key)

    async def aclose(self) -> None:
        """As `close`, async."""

    def epoch(self, key: str, scope: Scope) -> int:  # noqa: ARG002 - the protocol's signature
        """Always 0."""
        return 0

    def put_if(self, key: str, entry: Entry, epoch: int) -> bool:  # noqa: ARG002 - as above
        """Always False: not stored."""
        return False

    def invalidate(self, key: str, scope: Scope) -> bool:  # noqa: ARG002 - as above
        """Always False: nothing was there."""
        return False

    def advance(self, key: str, scope: Scope) -> int:  # noqa: ARG002 - as above
        """Always 0."""
        return 0

    def clear(self, scope: Scope) -> int:  # noqa: ARG002 - as above
        """Always 0."""
        return 0

    def entries(
        self,
        scope: Scope | None = None,  # noqa: ARG002 - the protocol's signature
        *,
        limit: int | None = None,  # noqa: ARG002 - as above
    ) -> Iterator[Listed]:
        """None."""
        return iter(())

    def count(self, scope: Scope | None = None) -> int:  # noqa: ARG002 - as above
        """Always 0."""
        return 0

    def size(self) -> int:
        """Always 0."""
        return 0

    def prune(self) -> int:
        """Always 0."""
        return 0
