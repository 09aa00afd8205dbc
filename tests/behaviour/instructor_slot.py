"""A pytest plugin that runs Instructor's own cache tests on `InstructorCache`.

Loaded with `-p instructor_slot` before any test of Instructor's is imported. Only what those tests
say to the constructors is translated; `get` and `set` are those of `InstructorCache`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import instructor.cache

from llmcache import LRUBackend, SQLiteBackend
from llmcache.integrations.instructor import InstructorCache


class AutoCache(InstructorCache):
    """In memory, as many entries as are asked for."""

    def __init__(self, maxsize: int = 128) -> None:
        if maxsize <= 0:
            raise ValueError("maxsize must be > 0")
        super().__init__(LRUBackend(max_entries=maxsize))


class DiskCache(InstructorCache):
    """In a file of the directory; `_cache` is what is to be closed."""

    def __init__(self, directory: str = ".instructor_cache", **_options: Any) -> None:
        self._cache = SQLiteBackend(Path(directory) / "answers.db")
        super().__init__(self._cache)


instructor.cache.AutoCache = AutoCache  # type: ignore[misc] # the replacement under test
instructor.cache.DiskCache = DiskCache  # type: ignore[misc] # as above
