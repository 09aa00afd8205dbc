"""A key that needs a file is asked for again where files may be read, and is then made."""

from __future__ import annotations

from typing import Any

import pytest

from llmcache.keys.key import FunctionKeys
from llmcache.keys.values.canonical import FileNeeded


class First:
    def told(self) -> str:
        return "first"


class Second:
    def told(self) -> str:
        return "second"


class Holder:
    kind: Any = First

    def make(self) -> Any:
        return self.kind()


holder = Holder()


def reads(text: str) -> str:
    return holder.make().told() + text


def test_what_appears_after_the_names_were_followed_is_read_where_files_may_be(monkeypatch):
    FunctionKeys(reads).digest(("a",), {})
    keys = FunctionKeys(reads)
    before = keys.digest(("a",), {}, files=False)
    monkeypatch.setattr(holder, "kind", Second, raising=False)
    with pytest.raises(FileNeeded):
        keys.digest(("a",), {}, files=False)
    assert keys.digest(("a",), {}) != before
