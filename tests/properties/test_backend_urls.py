"""No text whatever makes the URL table raise anything but a `ConfigurationError`, or do I/O."""

from __future__ import annotations

import contextlib
import string
from urllib.parse import quote

import hypothesis.strategies as st
from hypothesis import assume, example, given

from llmcache import ConfigurationError
from llmcache.backends import SQLiteBackend, open_backend

schemes = st.sampled_from(["memory", "sqlite", "default", "null", "memory+sqlite", "x", ""])
rests = st.text(st.sampled_from("/?&=#%:@.~[] abz019_\\\x00é" + string.whitespace), max_size=30)
options = st.sampled_from(["", "?max_entries=", "?max_bytes=", "?timeout=", "?near_ttl="])


@given(schemes, rests, options, rests)
@example("memory", "", "?max_entries=", "9" * 5000)
@example("sqlite", "///a", "?timeout=", "1" + "0" * 400)
@example("sqlite", "///a", "?max_bytes=", "1" + "0" * 400)
def test_a_text_is_a_url_or_refused(scheme: str, rest: str, option: str, value: str) -> None:
    with contextlib.suppress(ConfigurationError):
        open_backend(f"{scheme}://{rest}{option}{value}").close()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_any_path_can_be_written(path: str) -> None:
    assume(path.strip("./") and path != ":memory:")
    backend = open_backend(f"sqlite:////srv/{quote(path)}")
    assert isinstance(backend, SQLiteBackend)
    assert str(backend.path).startswith("/")
    assert backend.path.name == [part for part in path.split("/") if part not in {"", "."}][-1] or (
        ".." in path
    )
    backend.close()
