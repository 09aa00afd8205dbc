"""Errors and warnings: one tree, facts as attributes, and fit to cross a process pool."""

from __future__ import annotations

import inspect
import pickle

import pytest

from llmcache import errors

TREE = {
    "LLMCacheError": ("Exception",),
    "ConfigurationError": ("LLMCacheError", "ValueError"),
    "BackendError": ("LLMCacheError",),
    "BackendUnavailableError": ("BackendError",),
    "BackendCorruptError": ("BackendError",),
    "UncacheableArgumentError": ("LLMCacheError", "TypeError"),
    "CacheMissError": ("LLMCacheError", "LookupError"),
    "LLMCacheWarning": ("UserWarning",),
    "BackendWarning": ("LLMCacheWarning",),
    "UncacheableResultWarning": ("LLMCacheWarning",),
    "ConfigurationWarning": ("LLMCacheWarning",),
}

FACTS = [
    (errors.ConfigurationError, {"name": "ttl", "value": "-1", "allowed": "above 0"}),
    (errors.BackendError, {"backend": "sqlite:///a.db", "operation": "put"}),
    (errors.BackendUnavailableError, {"backend": "sqlite:///a.db", "operation": "open"}),
    (errors.BackendCorruptError, {"backend": "sqlite:///a.db", "operation": "get"}),
    (
        errors.UncacheableArgumentError,
        {"parameter": "docs", "path": "docs[3].client", "type_name": "app.Client"},
    ),
    (
        errors.CacheMissError,
        {"function": "app.extract", "key": "0" * 64, "explanation": "nothing stored"},
    ),
]


def test_the_tree_is_exactly_this() -> None:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    assert {kind.__name__: tuple(base.__name__ for base in kind.__bases__) for kind in classes} == (
        TREE
    )
    assert sorted(TREE) == errors.__all__


def test_the_docstring_draws_every_class() -> None:
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in TREE)


@pytest.mark.parametrize(("kind", "facts"), FACTS)
def test_facts_are_attributes_and_optional(
    kind: type[errors.LLMCacheError], facts: dict[str, str]
) -> None:
    assert vars(kind("what to do next", **facts)) == facts  # type: ignore[call-arg] # kinds differ
    assert vars(kind("what to do next")) == dict.fromkeys(facts, "")


@pytest.mark.parametrize(("kind", "facts"), FACTS)
def test_an_error_crosses_a_process_pool_whole(
    kind: type[errors.LLMCacheError], facts: dict[str, str]
) -> None:
    error = kind("what to do next", **facts)  # type: ignore[call-arg] # kinds differ
    restored = pickle.loads(pickle.dumps(error))  # what a process pool does
    assert type(restored) is kind
    assert str(restored) == "what to do next"
    assert vars(restored) == facts
