"""From a code object back to the syntax that it was compiled from.

A file may have been edited since it was loaded, or never have been there. So the syntax found by
name and first line is compiled again and believed only where that gives the loaded code.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import functools
import linecache
import operator
import os
import threading
import types
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from llmcache.keys.code.syntax import FunctionNode

__all__ = ["find_syntax"]

COMPARED = (
    "co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_argcount",
    "co_posonlyargcount", "co_kwonlyargcount", "co_exceptiontable",
)  # fmt: skip
FUTURES = (
    functools.reduce(
        operator.or_,
        (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names),
    )
    & ~0xFFFF
)
"""Flags of future imports, which `exec` takes over from whoever calls it."""

TRIES = 5
"""How often a file is parsed where Python 3.11 loses count, as it does when code that runs in the
middle of that, such as a finalizer, parses too."""

compiling: threading.RLock = threading.RLock()
os.register_at_fork(  # a child would wait for ever for a thread that it does not have
    before=compiling.acquire, after_in_parent=compiling.release, after_in_child=compiling.release
)


def find_syntax(code: types.CodeType, module_globals: dict[str, Any]) -> FunctionNode | None:
    """The function's node, or None where no source is there that compiles to this very code."""
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, module_globals)
    parsed = parse("".join(lines), code.co_filename) if lines else None
    if parsed is None:
        return None
    place = (code.co_firstlineno, code.co_name)
    nodes, codes = parsed.nodes.get(place, []), parsed.codes.get(place, [])
    if len(nodes) > 1:
        nodes = [node for node in nodes if covers(node, code)]
    if len(nodes) == 1 and any(same_code(code, other) for other in codes):
        return nodes[0]
    return None


class Parsed(NamedTuple):
    """The functions of one file by first line and name, as syntax and as code."""

    nodes: dict[tuple[int, str], list[FunctionNode]]
    codes: dict[tuple[int, str], list[types.CodeType]]


@functools.lru_cache(maxsize=16)
def parse(source: str, filename: str) -> Parsed | None:
    """Parse and compile one file, kept for the next function of it; None where neither works."""
    try:
        tree, module = compiled(source, filename)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return None
    nodes: dict[tuple[int, str], list[FunctionNode]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            nodes[first_line(node), getattr(node, "name", "<lambda>")].append(node)
    codes: dict[tuple[int, str], list[types.CodeType]] = defaultdict(list)
    for code in nested_codes(module):
        codes[code.co_firstlineno, code.co_name].append(code)
    return Parsed(nodes, codes)


def compiled(source: str, filename: str) -> tuple[ast.Module, types.CodeType]:
    """A file as syntax and as code."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(SystemError):
            return compiled_once(source, filename)
    return compiled_once(source, filename)


def compiled_once(source: str, filename: str) -> tuple[ast.Module, types.CodeType]:
    with compiling, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source, filename)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return tree, compile(tree, filename, "exec", flags, dont_inherit=True)


def first_line(node: FunctionNode) -> int:
    """Where the code object says the function begins: at its first decorator."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(int(decorator.lineno) for decorator in decorators)])


def nested_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """All code objects within one."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from nested_codes(constant)


def covers(node: FunctionNode, code: types.CodeType) -> bool:
    """Whether the code's positions lie in the body of this node; tells lambdas of a line apart."""
    if not isinstance(node, ast.Lambda):
        return True
    body = node.body
    starts = {
        (line, column)
        for line, _, column, end in code.co_positions()
        if line is not None and column is not None and end
    }
    return (body.lineno, body.col_offset) == min(starts, default=None)


def same_code(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two code objects do the same; line tables and file names are no matter."""
    kinds = one.co_flags & ~FUTURES == other.co_flags & ~FUTURES
    if not kinds or any(getattr(one, name) != getattr(other, name) for name in COMPARED):
        return False
    return len(one.co_consts) == len(other.co_consts) and all(
        same_code(mine, theirs)
        if isinstance(mine, types.CodeType) and isinstance(theirs, types.CodeType)
        else type(mine) is type(theirs) and repr_of(mine) == repr_of(theirs)
        for mine, theirs in zip(one.co_consts, other.co_consts, strict=True)
    )


def repr_of(constant: object) -> object:
    """A constant in a form in which 1, 1.0, True and -0.0 are all different."""
    if isinstance(constant, frozenset):
        return frozenset((type(item), repr(item)) for item in constant)
    return repr(constant)
