"""What is known of the local names of a function."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from llmcache.keys.code.syntax import FunctionNode

__all__ = ["Locals", "Origin"]

READS_LOCALS = frozenset({"locals", "vars", "dir", "eval", "exec"})


class Origin(NamedTuple):
    """Where a name comes from that the body imports.

    Attributes:
        level: How many packages up, as in `from ..prompts`.
        module: The module that is named.
        attribute: What is taken from it; empty: the module itself.
        top: Whether `import a.b` binds `a`.
    """

    level: int
    module: str
    attribute: str = ""
    top: bool = False


class Locals(NamedTuple):
    """What is known of local names: chains and texts they stand for, when given once."""

    aliases: dict[str, ast.expr]
    imports: dict[str, set[Origin]]

    @classmethod
    def of(cls, node: FunctionNode) -> Locals:
        """Look over a whole function."""
        stored: Counter[str] = Counter()
        given: dict[str, ast.expr] = {}
        imports: dict[str, set[Origin]] = {}
        for inner in ast.walk(node):
            match inner:
                case (
                    ast.Name(id=name, ctx=ast.Store() | ast.Del())
                    | ast.arg(arg=name)
                    | ast.FunctionDef(name=name)
                    | ast.AsyncFunctionDef(name=name)
                    | ast.ExceptHandler(name=str(name))
                    | ast.MatchAs(name=str(name))
                    | ast.MatchStar(name=str(name))
                    | ast.MatchMapping(rest=str(name))
                ):
                    stored[name] += 1
                case ast.ClassDef(name=name):
                    stored.update([name, *stored_within(inner)])
                case ast.Name(id=name) if name in READS_LOCALS:
                    stored.update(stored_within(node))
                case ast.Global(names=names) | ast.Nonlocal(names=names):
                    stored.update(dict.fromkeys(names, 2))
                case ast.Import() | ast.ImportFrom():
                    for name, origin in origins_of(inner):
                        imports.setdefault(name, set()).add(origin)
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_plain(value):
                    given[name] = value
        once = {n: value for n, value in given.items() if stored[n] == 1 and n not in imports}
        return cls(once, imports)


def stored_within(node: ast.AST) -> Iterator[str]:
    """The names assigned in a node that are read without being named: each counts once more."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id


def is_plain(value: ast.expr) -> bool:
    """Whether it is a text, or a name with attributes."""
    while isinstance(value, ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name | ast.Constant)


def origins_of(node: ast.Import | ast.ImportFrom) -> list[tuple[str, Origin]]:
    """The names that an import binds."""
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        return [(n.asname or n.name, Origin(node.level, module, n.name)) for n in node.names]
    return [
        (name.asname or name.name.partition(".")[0], Origin(0, name.name, "", not name.asname))
        for name in node.names
    ]
