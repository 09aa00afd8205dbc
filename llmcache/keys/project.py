"""Whose code is it: the project's counts by what it does, everybody else's by its name.

The project is the top-level package of the decorated function, wherever it is installed, and
whatever lies neither under site-packages nor in the standard library.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
import sysconfig
import types
from pathlib import Path
from typing import NamedTuple

__all__ = ["SDKS", "Project", "module_identity", "shown_module"]

OWN = "llmcache"
MAIN = frozenset({"__main__", "__mp_main__"})
STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
INSTALLED = ("site-packages", "dist-packages")
SDKS = frozenset({"openai", "anthropic", "instructor", "pydantic", "pydantic_core"})


def main_names(name: str) -> tuple[str, str]:
    """What stands for `__main__`, or for what a worker process calls it, in words and in keys.

    It is the name that it is imported by, so that `python -m app` and `import app` agree. A script
    is called by its file, and in keys by its place too, so that two of one name stay apart. At a
    prompt there is neither, and the name stays.
    """
    main = sys.modules.get(name) or sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name), str(spec.name)
    file = getattr(main, "__file__", None)
    if not file:
        return "__main__", "__main__"
    return script_names(file)


@functools.lru_cache(maxsize=8)
def script_names(file: str) -> tuple[str, str]:
    """The names of a script: its own, and with a digest of where it lies."""
    path = Path(file).resolve()
    place = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return path.stem, f"{path.stem}@{place}"


def shown_module(name: str | None) -> str:
    """The name of a module in explanations."""
    return main_names(name)[0] if name in MAIN else name or "<unknown>"


def module_identity(name: str | None) -> str:
    """The name of a module in keys."""
    return main_names(name)[1] if name in MAIN else name or "<unknown>"


class Project(NamedTuple):
    """What belongs to the user.

    Attributes:
        home: The top-level package of the decorated function.
        added: More packages that count as the project's, by name.
    """

    home: str
    added: tuple[str, ...] = ()

    def owns(self, module: str | None) -> bool:
        """Whether code of `module` counts by what it does."""
        return owns(self, module or "<unknown>")

    def may_load(self, module: str) -> bool:
        """Whether a module that code of the project imports is the project's, loaded or not."""
        if module in sys.modules:
            return self.owns(module)
        top = module.partition(".")[0]
        return top in {self.home, *self.added} or not outside(top)

    def wrote(self, function: types.FunctionType) -> bool:
        """Whether a function was written in the project: `wraps` gives it another's module."""
        return owns(self, function.__globals__.get("__name__") or "<unknown>")

    def fields_count(self, module: str) -> bool:
        """Whether a model of `module` counts by its fields: all but those of the SDKs.

        Fields of an SDK's own classes come and go with its releases, and keys survive those.
        """
        top = module.partition(".")[0]
        return top not in SDKS or top in {self.home, *self.added}


@functools.lru_cache(maxsize=256)
def outside(top: str) -> bool:
    """Whether a package that is not loaded is the standard library's, somebody else's or nowhere.

    It is looked for without being loaded.
    """
    if top in sys.stdlib_module_names:
        return True
    spec = importlib.util.find_spec(top)
    places = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
    return not places or any(installed(place) for place in places)


def installed(file: str) -> bool:
    """Whether a file belongs to the standard library or to an installed package."""
    return INSTALLED[0] in file or INSTALLED[1] in file or file.startswith(STDLIB)


@functools.lru_cache(maxsize=4096)
def owns(project: Project, module: str) -> bool:
    """See `Project.owns`; asked often, answered once."""
    top = module.partition(".")[0]
    if top == OWN:
        return module.startswith(f"{OWN}.demo")
    if module in MAIN or top in {project.home, *project.added}:
        return True
    if any(module == name or module.startswith(f"{name}.") for name in project.added):
        return True
    if top in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return module not in sys.modules or top not in sys.builtin_module_names
    return not installed(file)
