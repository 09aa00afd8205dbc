"""The changes that a mutation run tries: each is one small fault in one place of a file.

Left alone is what no test should hold fast, or what is no decision: docstrings, texts for people
(a string with a space in it, all strings of a `raise` or of a log line), f-strings, annotations
and type aliases, `__all__`, what only a type checker reads, decorators.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Break: ast.Continue,
    ast.Continue: ast.Break,
}
LOGGED = frozenset({"debug", "info", "warn", "warning", "error", "exception"})
NAMED = frozenset({"cast", "ContextVar", "NewType", "ParamSpec", "TypeVar"})
Change = tuple[str, ast.AST, str]


@dataclass(frozen=True)
class Mutant:
    """One fault: what stands at two offsets of a file, in bytes, becomes something else."""

    path: str
    operator: str
    statement: int
    line: int
    last_line: int
    start: int
    end: int
    becomes: str
    at_import: bool

    def applied_to(self, source: bytes) -> bytes:
        """The file with the fault in it."""
        return source[: self.start] + self.becomes.encode() + source[self.end :]


def shown(node: ast.AST) -> str:
    """An expression as it can stand anywhere."""
    return f"({ast.unparse(node)})"


def altered(node: ast.AST, **fields: Any) -> str:
    """The source of an expression with other fields."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return shown(changed)


def comparison(node: ast.Compare) -> Iterator[Change]:
    for place, operator in enumerate(node.ops):
        ops = [*node.ops[:place], SWAPPED[type(operator)](), *node.ops[place + 1 :]]
        yield "comparison", node, altered(node, ops=ops)


def arithmetic(node: ast.BinOp) -> Iterator[Change]:
    if type(node.op) in SWAPPED:
        yield "arithmetic", node, altered(node, op=SWAPPED[type(node.op)]())


def in_place(node: ast.AugAssign) -> Iterator[Change]:
    if type(node.op) in SWAPPED:
        yield "arithmetic", node, altered(node, op=SWAPPED[type(node.op)]())[1:-1]


def junction(node: ast.BoolOp) -> Iterator[Change]:
    yield "and, or", node, altered(node, op=SWAPPED[type(node.op)]())


def denial(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Not):
        yield "negation", node, shown(node.operand)


def condition(node: ast.If | ast.While | ast.IfExp) -> Iterator[Change]:
    denied = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    if not denied and not isinstance(node.test, ast.Compare):
        yield "negation", node.test, f"(not {shown(node.test)})"


def constant(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool():
            yield "constant", node, str(not node.value)
        case int() | float():
            yield "off by one", node, shown(ast.Constant(node.value + 1))
        case str() if " " not in node.value:
            yield "constant", node, repr("XX" + node.value)
        case bytes():
            yield "constant", node, repr(b"XX" + node.value)


def returned(node: ast.Return) -> Iterator[Change]:
    if node.value is not None and not isinstance(node.value, ast.Constant):
        yield "return None", node, "return None"


def raised(node: ast.Raise) -> Iterator[Change]:
    yield "removal", node, "pass"
    if node.exc is not None:
        yield "exception", node.exc, "RuntimeError()"


def handled(node: ast.ExceptHandler) -> Iterator[Change]:
    if isinstance(node.type, ast.Tuple):
        for left_out in node.type.elts:
            rest = [each for each in node.type.elts if each is not left_out]
            yield "exception", node.type, altered(node.type, elts=rest)[1:-1]
    elif node.type is not None:
        yield "exception", node.type, "()"


def jump(node: ast.Break | ast.Continue) -> Iterator[Change]:
    yield "jump", node, "continue" if isinstance(node, ast.Break) else "break"


def call(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, ast.Call | ast.Await):
        yield "removal", node, "pass"


def assignment(node: ast.Assign) -> Iterator[Change]:
    if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
        yield "removal", node, "pass"


def deletion(node: ast.Delete) -> Iterator[Change]:
    yield "removal", node, "pass"


OPERATORS: dict[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
    ast.Compare: comparison,
    ast.BinOp: arithmetic,
    ast.AugAssign: in_place,
    ast.BoolOp: junction,
    ast.UnaryOp: denial,
    ast.If: condition,
    ast.While: condition,
    ast.IfExp: condition,
    ast.Constant: constant,
    ast.Return: returned,
    ast.Raise: raised,
    ast.ExceptHandler: handled,
    ast.Break: jump,
    ast.Continue: jump,
    ast.Expr: call,
    ast.Assign: assignment,
    ast.Delete: deletion,
}


def name_of(function: ast.expr) -> str:
    """The last part of what is called."""
    return getattr(function, "attr", "") or getattr(function, "id", "")


def is_alias(node: ast.AST) -> bool:
    """Whether a statement names a type."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript() | ast.BinOp()):
            return name.istitle()
    return False


def left_alone(node: ast.AST) -> set[int]:
    """The children, by identity, in which nothing is changed."""
    alone: list[ast.AST | None] = []
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            alone = [node.returns, *node.decorator_list]
        case ast.ClassDef():
            alone = [*node.decorator_list]
        case ast.arg() | ast.AnnAssign():
            alone = [node.annotation]
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            alone = [node.test, *node.body]
        case ast.Expr(value=ast.Constant()) | ast.JoinedStr():
            alone = [*ast.iter_child_nodes(node)]
        case ast.Call() if name_of(node.func) in NAMED:
            alone = [*node.args[:1]]
        case ast.Assign(targets=[ast.Name(id="__all__" | "__slots__")]):
            alone = [node.value]
    return {id(each) for each in alone}


def is_text(node: ast.AST) -> bool:
    """Whether the strings of a node are for people."""
    if isinstance(node, ast.Raise):
        return True
    return isinstance(node, ast.Call) and name_of(node.func) in LOGGED


def changes(
    node: ast.AST, statement: int = 0, *, texts: bool = False, inside: bool = False
) -> Iterator[tuple[Change, int, bool]]:
    """All changes in a node, from the top; with each, its statement's line, and if at import."""
    if isinstance(node, ast.stmt):
        statement = node.lineno
    is_string = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    spared = isinstance(node, ast.If) and name_of(node.test) == "TYPE_CHECKING"
    logs = isinstance(node, ast.Expr) and is_text(node.value)
    if not (is_string and texts) and not spared and not logs:
        for change in OPERATORS.get(type(node), lambda _: iter(()))(node):
            yield change, statement, not inside
    alone = left_alone(node)
    body = set()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        body = {id(each) for each in node.body}
    for child in ast.iter_child_nodes(node):
        if id(child) not in alone and not is_alias(child):
            within = inside or id(child) in body
            yield from changes(child, statement, texts=texts or is_text(node), inside=within)


def mutants_of(path: str, source: bytes) -> list[Mutant]:
    """Every fault that can be put into a file, in the order of its lines."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: dict[tuple[int, int, str], Mutant] = {}
    for (operator, node, becomes), statement, at_import in changes(ast.parse(source)):
        place: Any = node
        start = starts[place.lineno - 1] + place.col_offset
        end = starts[place.end_lineno - 1] + place.end_col_offset
        lines = (place.lineno, place.end_lineno)
        mutant = Mutant(path, operator, statement, *lines, start, end, becomes, at_import)
        if is_python(mutant.applied_to(source)):
            found.setdefault((start, end, becomes), mutant)
    return sorted(found.values(), key=lambda each: (each.line, each.start))


def is_python(source: bytes) -> bool:
    """Whether a file still compiles."""
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
