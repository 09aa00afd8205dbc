"""A piece of syntax as bytes that every Python agrees on.

Only what changes the meaning is written. Empty fields are left out, and with them the fields that
newer Pythons add. Positions, comments and formatting are not in the tree to begin with.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable

__all__ = ["dump_function"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
UNWRITTEN = frozenset({"ctx", "type_params"})
SECRET = b"<secret>"


def dump_function(node: FunctionNode, *, hidden: Collection[int] = ()) -> bytes:
    """The parameters and the body of a function, without name, decorators and docstring.

    Args:
        node: The function.
        hidden: Nodes, by `id`, that hold a secret: that something stands there counts, not what.
    """
    writer = Writer(hidden)
    writer.text(type(node).__name__)
    writer.parameters(node.args)
    if isinstance(node, ast.Lambda):
        writer.node(node.body)
    else:
        writer.nodes(without_docstring(node.body))
    return bytes(writer.out)


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements after the docstring, if there is one."""
    first = body[0] if body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[1:]
    return body


class Writer:
    """Writes nodes one after the other, each framed by its kind and the count of what follows."""

    def __init__(self, hidden: Collection[int]) -> None:
        self.out: bytearray = bytearray()
        self.hidden = hidden
        self.in_class: bool = False

    def text(self, text: str) -> None:
        payload = text.encode("utf-8", "surrogatepass")
        self.out += b"%d:" % len(payload)
        self.out += payload

    def nodes(self, nodes: Iterable[ast.AST]) -> None:
        listed = list(nodes)
        self.out += b"[%d:" % len(listed)
        for node in listed:
            self.node(node)

    def node(self, node: ast.AST) -> None:
        if id(node) in self.hidden:
            self.out += SECRET
            return
        if isinstance(node, ast.AnnAssign) and node.value is not None and not self.in_class:
            node = ast.Assign(targets=[node.target], value=node.value)
        self.text(type(node).__name__)
        self.special.get(type(node), Writer.fields)(self, node)

    def fields(self, node: ast.AST) -> None:
        for name, value in ast.iter_fields(node):
            if name in UNWRITTEN or value is None or value == []:
                continue
            self.text(name)
            self.value(value)
        self.out += b";"

    def value(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self.node(value)
        elif isinstance(value, list):
            self.out += b"[%d:" % len(value)
            for item in value:
                self.value(item)
        elif value is None:
            self.out += b"-"
        else:
            self.text(str(value))

    def parameters(self, arguments: ast.arguments) -> None:
        """Names and kinds; the values of the defaults count elsewhere."""
        for group in (arguments.posonlyargs, arguments.args, arguments.kwonlyargs):
            self.out += b"[%d:" % len(group)
            for parameter in group:
                self.text(parameter.arg)
        for single in (arguments.vararg, arguments.kwarg):
            self.text(single.arg if single else "")

    def inner_function(self, node: ast.AST) -> None:
        """A function in the body: its defaults and decorators are code of the outer one."""
        assert isinstance(node, FunctionNode)  # noqa: S101 - the caller has made sure of it  # nosec B101
        self.text(getattr(node, "name", ""))
        self.nodes(getattr(node, "decorator_list", []))
        self.parameters(node.args)
        self.value([*node.args.defaults, *node.args.kw_defaults])
        if isinstance(node, ast.Lambda):
            self.node(node.body)
            return
        within, self.in_class = self.in_class, False
        self.nodes(without_docstring(node.body))
        self.in_class = within

    def inner_class(self, node: ast.AST) -> None:
        """A class in the body: docstring and annotations stay, a schema is made of them."""
        within, self.in_class = self.in_class, True
        self.fields(node)
        self.in_class = within

    def annotated(self, node: ast.AST) -> None:
        assert isinstance(node, ast.AnnAssign)  # noqa: S101 - the caller has made sure of it  # nosec B101
        self.node(node.target)
        self.value(node.annotation if self.in_class else None)
        self.value(node.value)

    def constant(self, node: ast.AST) -> None:
        assert isinstance(node, ast.Constant)  # noqa: S101 - the caller has made sure of it  # nosec B101
        value = node.value
        self.text(type(value).__name__)
        if isinstance(value, bytes):
            self.text(value.hex())
        elif isinstance(value, bool) or not isinstance(value, int | float | complex):
            self.text(str(value))
        else:
            self.text(exact_number(value))

    def joined(self, node: ast.AST) -> None:
        """An f-string, whose runs of plain text some Pythons split and some do not."""
        assert isinstance(node, ast.JoinedStr)  # noqa: S101 - the caller has made sure of it  # nosec B101
        pieces: list[ast.AST | str] = []
        for piece in node.values:
            if not isinstance(piece, ast.Constant):
                pieces.append(piece)
            elif pieces and isinstance(pieces[-1], str):
                pieces[-1] += str(piece.value)
            elif piece.value != "":
                pieces.append(str(piece.value))
        self.out += b"[%d:" % len(pieces)
        for part in pieces:
            self.value(part)

    special: dict[type[ast.AST], Callable[[Writer, ast.AST], None]] = {  # noqa: RUF012 - a constant
        ast.FunctionDef: inner_function,
        ast.AsyncFunctionDef: inner_function,
        ast.Lambda: inner_function,
        ast.ClassDef: inner_class,
        ast.AnnAssign: annotated,
        ast.Constant: constant,
        ast.JoinedStr: joined,
    }


def exact_number(value: complex) -> str:
    """A number with all its digits; decimal text would be cut or refused for very long ones."""
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, float):
        return value.hex()
    return f"{value.real.hex()} {value.imag.hex()}"
