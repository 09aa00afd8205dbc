"""What is said of code beside what it does: it counts where code asks for it.

A body that names what it asks about, as `tool.__doc__` does, has that one docstring count. One that
asks of whatever comes along, as `[tool.__doc__ for tool in TOOLS]` does, has all of them count that
the whole function reads: it is an *inquiry*, and the key is made anew with an eye on that.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

__all__ = ["FIELDS_SET", "SAID", "Inquiry", "asked_by_name"]

SAID: Final = "docstrings and annotations"
FIELDS_SET: Final = "fields set"
BY_NAME: Mapping[str, str] = {
    **dict.fromkeys(
        ("__annotations__", "__signature__", "__annotate__", "signature", "get_type_hints",
         "get_annotations", "getfullargspec", "getsource", "getsourcelines", "validate_call"), SAID
    ),
    **dict.fromkeys(
        ("exclude_unset", "model_fields_set", "__pydantic_fields_set__", "__fields_set__"),
        FIELDS_SET,
    ),
}  # fmt: skip
"""Names that a body uses, as attribute, keyword, function or text, and what they ask for."""


class Inquiry(Exception):  # noqa: N818 - not a failure: the key is made anew
    """Code was met that asks for what does not count otherwise.

    Attributes:
        facets: What for.
    """

    def __init__(self, facets: frozenset[str]) -> None:
        super().__init__(facets)
        self.facets = facets


def asked_by_name(node: ast.AST) -> str | None:
    """What a single node of a body asks for; None: nothing."""
    match node:
        case (
            ast.Attribute(attr=name)
            | ast.Name(id=name)
            | ast.keyword(arg=str() as name)
            | ast.Constant(value=str() as name)
        ) if name in BY_NAME and (name.startswith("_") or not isinstance(node, ast.Constant)):
            return BY_NAME[name]
        case ast.Constant(value="exclude_unset" | "model_fields_set"):
            return FIELDS_SET
        case ast.Constant(value="__doc__"):
            return SAID
    return None
