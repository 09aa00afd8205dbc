"""What a name leads to that a body imports.

A module of the project is loaded here when the first call has not done so yet, as the body will do
it in any case; the key would otherwise depend on whether it is. Nothing of anybody else's is
loaded: a costly import in a body may stand there to be spared on a hit.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

from llmcache.keys.code.locals import Origin
from llmcache.keys.code.pieces import MISSING
from llmcache.keys.project import Project
from llmcache.keys.values.canonical import FileNeeded

__all__ = ["imported"]


def imported(origin: Origin, around: dict[str, Any], project: Project, *, files: bool) -> object:
    """The object that an import in a body binds; MISSING where it is not to be had.

    Args:
        origin: What is imported.
        around: The globals of the function, for relative imports.
        project: Whose modules may be loaded.
        files: Whether files may be read, as loading a module does.

    Raises:
        FileNeeded: A module has to be loaded, and `files` is false.
    """
    name = absolute(origin, around)
    module = loaded(name, project, files=files)
    if origin.top:
        return sys.modules.get(name.partition(".")[0], MISSING)
    if not origin.attribute or module is MISSING:
        return module
    found = getattr(module, origin.attribute, MISSING)
    if found is MISSING and hasattr(module, "__path__"):
        found = loaded(f"{name}.{origin.attribute}", project, files=files)
    return found


def absolute(origin: Origin, around: dict[str, Any]) -> str:
    """The full name of the module."""
    if not origin.level:
        return origin.module
    package = around.get("__package__")
    if package is None:
        name = str(around.get("__name__", ""))
        package = name if "__path__" in around else name.rpartition(".")[0]
    try:
        return importlib.util.resolve_name("." * origin.level + origin.module, str(package))
    except ImportError:
        return origin.module


def loaded(name: str, project: Project, *, files: bool) -> object:
    """A module, loaded if it is the project's."""
    if name in sys.modules or not name or not project.may_load(name):
        return sys.modules.get(name, MISSING)
    if not files:
        raise FileNeeded
    try:
        return importlib.import_module(name)  # noqa: TID251 - written as an import in the function itself
    except Exception:  # noqa: BLE001 - the module is the user's and may raise anything; the body will too
        return MISSING
