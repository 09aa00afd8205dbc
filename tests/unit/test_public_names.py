"""The names that users may rely on: none goes, and none comes unnoticed."""

from __future__ import annotations

import importlib
import inspect

import pytest

import llmcache

PUBLIC = [
    "BackendCorruptError",
    "BackendError",
    "BackendFailure",
    "BackendUnavailableError",
    "BackendWarning",
    "Bypass",
    "CacheInfo",
    "CacheKey",
    "CacheMissError",
    "ConfigurationError",
    "ConfigurationWarning",
    "Event",
    "Explanation",
    "Hit",
    "LLMCacheError",
    "LLMCacheWarning",
    "LRUBackend",
    "MISSING",
    "Miss",
    "NullBackend",
    "RedisBackend",
    "SQLiteBackend",
    "Stale",
    "Store",
    "TieredBackend",
    "UncacheableArgumentError",
    "UncacheableResultWarning",
    "Wait",
    "cached_client",
    "cached_structured",
    "configure",
    "disabled",
    "mode",
    "on_event",
    "open_backend",
    "record",
    "register_codec",
    "register_key_type",
    "reset_configuration",
]


def test_the_public_names_are_exactly_these() -> None:
    assert sorted(llmcache.__all__) == sorted(PUBLIC)


def test_dir_shows_every_public_name() -> None:
    assert set(PUBLIC) <= set(dir(llmcache))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(llmcache, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert value.__doc__


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'cached_structure'"):
        _ = llmcache.cached_structure  # type: ignore[attr-defined] # the mistake under test


def test_the_decorated_function_has_exactly_this_handle() -> None:
    @llmcache.cached_structured(backend="memory://")
    def ask(text: str) -> str:
        return text

    handle = {name for name in dir(type(ask)) if name.startswith("cache_")}
    assert handle == {
        "cache_backend",
        "cache_clear",
        "cache_explain",
        "cache_info",
        "cache_invalidate",
        "cache_key",
        "cache_peek",
        "cache_refresh",
        "cache_with",
    }
    assert list(inspect.signature(ask).parameters) == ["text"]


def test_counts_have_exactly_these_names() -> None:
    @llmcache.cached_structured(backend="memory://")
    def ask(text: str) -> str:
        return text

    info = ask.cache_info()
    names = ("hits", "misses", "stale", "waits", "errors", "bypassed", "currsize")
    assert [getattr(info, name) for name in names] == [0] * 7


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("llmcache.backends", ["Backend"]),
        ("llmcache.integrations.instructor", ["InstructorCache", "cached_client"]),
        ("llmcache.testing", ["BackendContract", "LoopbackProvider", "ManualClock"]),
    ],
)
def test_what_is_opted_into_is_where_the_pages_say(module: str, names: list[str]) -> None:
    found = importlib.import_module(module)
    assert [name for name in names if not hasattr(found, name)] == []
