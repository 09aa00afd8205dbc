"""Whose code it is."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from llmcache.keys.key import FunctionKeys
from llmcache.keys.project import Project, installed, outside, owns


def module(name: str, file: str | None) -> types.ModuleType:
    made = types.ModuleType(name)
    if file is not None:
        made.__file__ = file
    return made


@pytest.mark.parametrize(
    ("file", "by_others"),
    [
        ("/shop/app.py", False),
        ("/venv/lib/python3.11/site-packages/lib.py", True),
        ("/usr/lib/python3/dist-packages/lib.py", True),
        (types.__file__, True),
    ],
)
def test_a_file_tells_whether_it_was_installed(file: str, *, by_others: bool) -> None:
    assert installed(file) is by_others


SITE = "/venv/lib/python3.11/site-packages/"


@pytest.mark.parametrize(
    ("name", "file", "owned"),
    [
        ("shop", SITE + "shop.py", True),
        ("shop.prices", SITE + "shop/prices.py", True),
        ("shopping", SITE + "shopping.py", False),
        ("extra", SITE + "extra.py", True),
        ("vendor.ours", SITE + "vendor/ours.py", True),
        ("vendor.ours.deep", SITE + "vendor/ours/deep.py", True),
        ("vendor.others", SITE + "vendor/others.py", False),
        ("vendor.ours_not", SITE + "vendor/ours_not.py", False),
        ("local", "/home/me/local.py", True),
        ("json", "/home/me/json.py", False),
        ("nowhere", None, True),
        ("__main__", None, True),
        ("__mp_main__", None, True),
        ("llmcache.keys.key", "/home/me/llmcache/keys/key.py", False),
        ("llmcache.demo.app", "/home/me/llmcache/demo/app.py", True),
    ],
)
def test_a_module_is_the_projects_by_its_package_or_its_place(
    name: str,
    file: str | None,
    monkeypatch: pytest.MonkeyPatch,
    *,
    owned: bool,
) -> None:
    owns.cache_clear()
    monkeypatch.setitem(sys.modules, name, module(name, file))
    assert Project("shop", ("extra", "vendor.ours")).owns(name) is owned
    owns.cache_clear()


def test_code_of_no_module_is_the_projects_and_builtins_are_not() -> None:
    project = Project("shop")
    assert project.owns(None)
    assert project.owns("not_loaded_at_all")
    assert not project.owns("builtins")
    assert not project.owns("sys")


def test_a_package_that_is_not_loaded_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project_of_file.py").touch()
    (tmp_path / "project_of_folder").mkdir()
    away = tmp_path / "site-packages"
    (away / "project_elsewhere").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(away)
    outside.cache_clear()
    names = ("project_of_file", "project_of_folder", "project_elsewhere", "project_nowhere", "json")
    assert [outside(name) for name in names] == [False, False, True, True, True]
    project = Project("project_elsewhere", ("project_nowhere",))
    assert [project.may_load(f"{name}.deep") for name in names] == [True, True, True, True, False]
    outside.cache_clear()


def test_a_module_that_is_loaded_may_be_loaded_where_it_is_owned() -> None:
    assert not Project("shop").may_load("json")
    assert Project("shop").may_load(__name__)


def ask(text: str) -> str:
    return text


class Shop:
    def ask(self, text: str) -> str:
        return text


def test_the_home_of_a_function_is_its_package() -> None:
    home = FunctionKeys(ask).planner.references.project.home
    assert home == __name__.partition(".")[0]


def test_a_method_may_be_given_its_object_by_name() -> None:
    keys, shop = FunctionKeys(Shop.ask), Shop()
    assert keys.subject((), {"text": "x", "self": shop}) is shop
    assert keys.subject((shop, "x"), {}) is shop
    assert FunctionKeys(ask).subject(("x",), {}) is None
