"""The keys of fixed functions and types never change: not with Python, pydantic or a release.

A changed digest loses every answer that users have stored. Run this file as a program to add the
digests of new functions and types; it never changes one that is there.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.key import FunctionKeys
from llmcache.keys.project import Project

HERE = Path(__file__).parent
PINNED = HERE / "function_vectors.json"


def loaded(name: str) -> ModuleType:
    """A file beside this one, as a module of its own name however this file is imported."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


APPS = [
    loaded(name) for name in ("function_vectors_app", "reading_vectors_app", "type_vectors_app")
]
FUNCTIONS = {name: made for app in APPS for name, made in getattr(app, "FUNCTIONS", {}).items()}
TYPES = {name: (app.__name__, kind) for app in APPS for name, kind in app.TYPES.items()}


def digest_of_function(name: str) -> str:
    function, args, kwargs, options = FUNCTIONS[name]
    return FunctionKeys(function, **options).digest(args, kwargs)


def digest_of_type(name: str) -> str:
    home, kind = TYPES[name]
    return Fingerprints(Project(home)).of_type(kind).hex()


def pinned() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(PINNED.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_key_of_a_function_is_what_it_always_was(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME_OF_VECTORS", "h")
    assert digest_of_function(name) == pinned()["functions"][name]


@pytest.mark.parametrize("name", TYPES)
def test_the_fingerprint_of_a_type_is_what_it_always_was(name: str) -> None:
    assert digest_of_type(name) == pinned()["types"][name]


def test_every_function_was_read_from_its_source() -> None:
    for function, args, kwargs, options in FUNCTIONS.values():
        assert not [
            why
            for why in FunctionKeys(function, **options).key(args, kwargs).unkeyed
            if "bytecode" in why
        ]


def test_every_function_and_type_is_pinned_and_no_two_are_alike() -> None:
    assert set(FUNCTIONS) == set(pinned()["functions"])
    assert set(TYPES) == set(pinned()["types"])
    digests = [*pinned()["functions"].values(), *pinned()["types"].values()]
    assert len(set(digests)) == len(digests)


if __name__ == "__main__":
    known = pinned() if PINNED.exists() else {"functions": {}, "types": {}}
    functions = {name: digest_of_function(name) for name in FUNCTIONS}
    types = {name: digest_of_type(name) for name in TYPES}
    merged = {
        "functions": functions | known["functions"],
        "types": types | known["types"],
    }
    PINNED.write_text(json.dumps(merged, indent=1, sort_keys=True) + "\n", encoding="utf-8")
