"""What a store is asked where a process asks it for a key for the first time."""

from __future__ import annotations

from typing import Any

import pytest

from llmcache import LRUBackend, SQLiteBackend, TieredBackend
from llmcache.backends.default import DefaultBackend


class Watched(SQLiteBackend):
    """A file whose claims are counted."""

    claims = 0

    def claim(self, *args: Any, **named: Any) -> Any:
        self.claims += 1
        return super().claim(*args, **named)


@pytest.mark.parametrize("in_front", ["nothing", "memory", "the default's memory"])
def test_a_hit_of_a_file_is_a_read_and_no_claim(made, tmp_path, in_front):
    """A claim of a file waits for a thread; that of a server takes no longer than a read."""
    with Watched(tmp_path / "a.db") as file:
        made(backend=file)("known")
        assert file.claims == 1
        with Watched(tmp_path / "a.db") as later:
            backends = {
                "nothing": later,
                "memory": TieredBackend(LRUBackend(), later),
                "the default's memory": DefaultBackend(LRUBackend(), later, later.path),
            }
            ask = made(backend=backends[in_front])
            assert ask("known").number == 1
            assert ask.cache_info().hits == 1
            assert later.claims == 0
