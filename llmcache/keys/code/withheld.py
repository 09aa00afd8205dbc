"""What a function passes as `api_key=`: it stays out of the key, and is told by its name."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from llmcache.keys.code.syntax import FunctionNode
from llmcache.keys.secrets import SECRET_KEYWORDS

__all__ = ["Secrets"]


def shown(value: ast.expr) -> str:
    """An expression as its source, if that cannot hold the secret itself.

    That is a name, an attribute, and either looked up by a literal name; of all else, and of a
    default handed to a look-up, nothing is shown.
    """
    match value:
        case ast.Name() | ast.Attribute():
            return ast.unparse(value)
        case ast.Subscript(value=ast.Name() | ast.Attribute(), slice=ast.Constant()):
            return ast.unparse(value)
        case ast.Call(func=ast.Attribute() as called, args=[ast.Constant() as name, *_]) if (
            called.attr in {"get", "getenv"}
        ):
            return f"{ast.unparse(called)}({ast.unparse(name)})"
    return "an expression"


class Secrets:
    """What only ever goes to `api_key=`: the nodes there, and the local names that lead there."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.hidden: set[int] = set()
        self.shown: set[str] = set()

    @classmethod
    def of(cls, node: FunctionNode) -> Secrets:
        """Start with what is passed, then follow local names to what they were given."""
        found = cls()
        passed = [
            keyword.value
            for keyword in ast.walk(node)
            if isinstance(keyword, ast.keyword) and keyword.arg in SECRET_KEYWORDS
        ]
        loads = Counter(name.id for name in loaded_names(node))
        while passed:
            found.shown.update(shown(value) for value in passed)
            found.hidden.update(map(id, passed))
            within = Counter(
                name.id
                for value in ast.walk(node)
                if id(value) in found.hidden
                for name in loaded_names(value)
            )
            fresh = {name for name in within if within[name] >= loads[name]} - found.names
            found.names |= fresh
            passed = list(values_given_to(fresh, node))
        return found


def loaded_names(node: ast.AST) -> Iterator[ast.Name]:
    """All names read within a node."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
            yield inner


def values_given_to(names: set[str], node: ast.AST) -> Iterator[ast.expr]:
    """The right-hand sides of plain assignments to one of these names."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign):
            targets: list[ast.expr] = inner.targets
        elif isinstance(inner, ast.AnnAssign | ast.NamedExpr) and inner.value is not None:
            targets = [inner.target]
        else:
            continue
        if inner.value and any(isinstance(t, ast.Name) and t.id in names for t in targets):
            yield inner.value
