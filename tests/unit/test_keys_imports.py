"""What a name leads to that a body imports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcache.keys.code.imports import absolute, imported
from llmcache.keys.code.locals import Origin
from llmcache.keys.code.pieces import MISSING
from llmcache.keys.project import Project, outside
from llmcache.keys.values.canonical import FileNeeded

SOURCES = {
    "__init__.py": "",
    "tax.py": "RATE = 19",
    "deep/__init__.py": "",
    "deep/levy.py": "RATE = 7",
    "broken.py": "raise RuntimeError",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A package that is not loaded, and whose project it is."""
    for name, source in SOURCES.items():
        file = tmp_path / "imported_shop" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    outside.cache_clear()
    yield Project("imported_shop")
    for name in [name for name in sys.modules if name.partition(".")[0] == "imported_shop"]:
        del sys.modules[name]
    outside.cache_clear()


def found(project: Project, origin: Origin, *, files: bool = True) -> Any:
    return imported(origin, {"__package__": "imported_shop"}, project, files=files)


def test_a_module_of_the_project_is_loaded(shop: Project) -> None:
    assert found(shop, Origin(0, "imported_shop.tax", "RATE")) == 19
    assert found(shop, Origin(0, "imported_shop.tax")).RATE == 19
    assert found(shop, Origin(1, "tax", "RATE")) == 19
    assert found(shop, Origin(0, "imported_shop.deep", "levy")).RATE == 7
    assert found(shop, Origin(0, "imported_shop.deep.levy", top=True)).__name__ == "imported_shop"


def test_nothing_is_loaded_where_no_file_may_be_read(shop: Project) -> None:
    for origin in (
        Origin(0, "imported_shop.tax", "RATE"),
        Origin(0, "imported_shop.tax", top=True),
        Origin(1, "tax"),
    ):
        with pytest.raises(FileNeeded):
            found(shop, origin, files=False)
    found(shop, Origin(0, "imported_shop.tax"))
    assert found(shop, Origin(0, "imported_shop.tax", "RATE"), files=False) == 19


@pytest.mark.parametrize(
    "origin",
    [
        Origin(0, "imported_shop.broken", "RATE"),
        Origin(0, "imported_shop.nowhere"),
        Origin(0, "imported_shop.tax", "NOTHING"),
        Origin(0, "imported_shop.deep", "nothing"),
        Origin(0, "nowhere_at_all", top=True),
        Origin(0, ""),
        Origin(3, ""),
    ],
)
def test_what_is_not_to_be_had_is_missing(shop: Project, origin: Origin) -> None:
    assert found(shop, origin) is MISSING


def test_nothing_of_somebody_else_is_loaded(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    assert found(shop, Origin(0, "this")) is MISSING
    assert "this" not in sys.modules
    assert found(shop, Origin(0, "sys")) is sys


@pytest.mark.parametrize(
    ("origin", "around", "name"),
    [
        (Origin(0, "shop.tax"), {}, "shop.tax"),
        (Origin(1, "tax"), {"__package__": "shop"}, "shop.tax"),
        (Origin(2, "tax"), {"__package__": "shop.deep"}, "shop.tax"),
        (Origin(1, ""), {"__package__": "shop"}, "shop"),
        (Origin(1, "tax"), {"__name__": "shop.prices"}, "shop.tax"),
        (Origin(1, "tax"), {"__name__": "shop", "__path__": []}, "shop.tax"),
        (Origin(1, "tax"), {"__name__": "prices"}, "tax"),
        (Origin(1, "tax"), {}, "tax"),
        (Origin(3, "tax"), {"__package__": "shop"}, "tax"),
    ],
)
def test_a_relative_name_is_that_of_the_package_around(
    origin: Origin, around: dict[str, Any], name: str
) -> None:
    assert absolute(origin, around) == name
