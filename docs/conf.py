"""How the pages are built: Sphinx, MyST and furo, with no look-up over the network."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx

project = "llmcache"
author = "The llmcache developers"
copyright = f"2026, {author}"  # noqa: A001 - the name that Sphinx reads
release = metadata.version("llmcache-structured")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"llmcache {release}"
default_role = "code"  # docstrings write names in single backticks

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_use_ivar = True  # attributes are told on the class, once
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
python_use_unqualified_type_names = True

FENCE = re.compile(r"^( *)```\w*$")
PAGES = {"README.md": "index.md"} | {
    f"{name}.md": f"{name.lower()}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")
}


def indent_drawings(_app: Sphinx, *about: object) -> None:
    """Turn a fenced block of a docstring into the literal block that Sphinx reads."""
    lines = about[-1]
    assert isinstance(lines, list)  # noqa: S101 - for the type checker: the event's contract
    inside = False
    for number, line in enumerate(lines):
        if FENCE.match(line):
            inside = not inside
            lines[number] = "::\n" if inside else ""
        elif inside:
            lines[number] = f"    {line}"
    lines[:] = "\n".join(lines).split("\n")


def point_into_docs(_app: Sphinx, _path: Path, _parent: str, content: list[str]) -> None:
    """Links of the pages in the project's root lead from there; here they lead from docs/."""
    text = content[0].replace("](docs/", "](")
    for outside, inside in PAGES.items():
        text = text.replace(f"]({outside})", f"]({inside})")
    content[0] = text


def setup(app: Sphinx) -> None:
    """Connect both, as Sphinx asks for."""
    app.connect("autodoc-process-docstring", indent_drawings)
    app.connect("include-read", point_into_docs)
