"""What one function does and what it reads, from its syntax.

A *chain* is a name with the attributes read through it: `prompts.EXTRACT` is `("prompts",
"EXTRACT")`. A *lookup* is a chain that is subscripted or called with a literal, or with another
chain, as `os.environ["MODEL"]` is.
"""

from __future__ import annotations

import ast
import dis
import hashlib
import types
from dataclasses import dataclass

from llmcache.keys.syntax import FunctionNode, dump_function
from llmcache.keys.withheld import Secrets

__all__ = ["SELF_NAMES", "Body", "Chain", "assigned", "body_of_syntax", "outer_names"]

Chain = tuple[str, ...]
SELF_NAMES = frozenset({"self", "cls"})
DOCSTRING_READERS = frozenset({"__doc__", "getdoc"})
GLOBAL_USES = frozenset(
    {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"}
)


@dataclass(frozen=True, slots=True)
class Body:
    """One function's own code.

    Attributes:
        digest: Of the code; 32 bytes.
        from_source: Whether it was made from syntax, and so is the same on every Python.
        chains: What is read through global and free names.
        own: What is read through the first parameter, where that is `self` or `cls`.
        whole: Whether that parameter is used in another way than by a known attribute.
        assigned: Chains that the body itself assigns.
        lookups: See above.
        secret_parameters: Parameters that are used for nothing but `api_key=`.
        computed_lookups: Chains that are looked up by a name that the syntax does not say.
        reads_docstring: Whether a docstring may be read.
        withheld: What is passed as `api_key=`, as far as it can be shown.
    """

    digest: bytes
    from_source: bool
    chains: frozenset[Chain]
    own: frozenset[Chain] = frozenset()
    whole: bool = False
    assigned: frozenset[Chain] = frozenset()
    lookups: frozenset[tuple[Chain, str | Chain]] = frozenset()
    secret_parameters: frozenset[str] = frozenset()
    computed_lookups: frozenset[Chain] = frozenset()
    reads_docstring: bool = False
    withheld: frozenset[str] = frozenset()


def assigned(chain: Chain, body: Body) -> bool:
    """Whether the body itself assigns what the chain passes through."""
    return any(chain[: len(written)] == written for written in body.assigned)


def body_of_syntax(node: FunctionNode, code: types.CodeType) -> Body:
    """The body of a function whose syntax is known to be that of `code`."""
    secrets = Secrets.of(node)
    reader = Reader(names=outer_names(code), first=first_parameter(code), hidden=secrets.hidden)
    reader.read(node)
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return Body(
        digest=hashlib.sha256(dump_function(node, hidden=secrets.hidden)).digest(),
        from_source=True,
        chains=frozenset(reader.chains),
        own=frozenset(reader.own),
        whole=reader.whole,
        assigned=frozenset(reader.assigned),
        lookups=frozenset(reader.lookups),
        secret_parameters=frozenset(secrets.names.intersection(parameters)),
        computed_lookups=frozenset(reader.computed),
        reads_docstring=reader.reads_docstring,
        withheld=frozenset(secrets.shown),
    )


def outer_names(code: types.CodeType) -> frozenset[str]:
    """The global and free names that a function and the functions within it use."""
    names = set(code.co_freevars)
    pending = [code]
    while pending:
        current = pending.pop()
        for instruction in dis.get_instructions(current):
            if instruction.opname in GLOBAL_USES:
                names.add(instruction.argval)
        pending += [const for const in current.co_consts if isinstance(const, types.CodeType)]
    return frozenset(names)


def first_parameter(code: types.CodeType) -> str | None:
    """The first parameter where it is called `self` or `cls`."""
    first = code.co_varnames[0] if code.co_argcount else ""
    return first if first in SELF_NAMES else None


class Reader(ast.NodeVisitor):
    """Collects what a body reads and assigns beyond its own local names."""

    def __init__(self, *, names: frozenset[str], first: str | None, hidden: set[int]) -> None:
        self.names = names
        self.first = first
        self.hidden = hidden
        self.chains: set[Chain] = set()
        self.own: set[Chain] = set()
        self.whole: bool = False
        self.assigned: set[Chain] = set()
        self.lookups: set[tuple[Chain, str | Chain]] = set()
        self.computed: set[Chain] = set()
        self.reads_docstring: bool = False

    def read(self, node: FunctionNode) -> None:
        """The body only: decorators, defaults and annotations count elsewhere or not at all."""
        for statement in [node.body] if isinstance(node, ast.Lambda) else node.body:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        if id(node) not in self.hidden:
            super().visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self.meet((node.id,), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in DOCSTRING_READERS:
            self.reads_docstring = True
        chain = self.chain_of(node)
        if chain:
            self.meet(chain, node.ctx)
        else:
            self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        chain = self.chain_of(node.value)
        if chain and not isinstance(node.ctx, ast.Load):
            self.assigned.add(chain)
            self.visit(node.slice)
            return
        if chain:
            self.look_up(chain, node.slice)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        attribute = self.literal_attribute(node)
        if attribute:
            self.meet(attribute, ast.Load())
            for argument in node.args[2:]:
                self.visit(argument)
            return
        chain = self.chain_of(node.func)
        if chain and node.args:
            self.look_up(chain, node.args[0])
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value:
            self.visit(node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Annotations in a class are evaluated, unlike those of local names."""
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                self.visit(statement.annotation)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        own = [parameter.arg for parameter in [*node.args.posonlyargs, *node.args.args]]
        outer, self.first = self.first, None if self.first in own else self.first
        for part in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults, *node.body):
            if part is not None:
                self.visit(part)
        self.first = outer

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def meet(self, chain: Chain, context: ast.expr_context) -> None:
        """One use of a chain; local names are nobody's business."""
        root = chain[0]
        if root == "getdoc":
            self.reads_docstring = True
        if root not in self.names and root not in {self.first, "super()"}:
            return
        if not isinstance(context, ast.Load):
            self.assigned.add(chain)
        elif root not in {self.first, "super()"}:
            self.chains.add(chain)
        elif len(chain) > 1:
            self.own.add(chain[1:] if root == self.first else chain)
        else:
            self.whole = True

    def look_up(self, chain: Chain, what: ast.expr) -> None:
        if chain[0] not in self.names:
            return
        if isinstance(what, ast.Constant):
            if isinstance(what.value, str):
                self.lookups.add((chain, what.value))
            return
        named = self.chain_of(what)
        if named and named[0] in self.names:
            self.lookups.add((chain, named))
        else:
            self.computed.add(chain)

    def chain_of(self, node: ast.expr) -> Chain | None:
        """`a.b.c` as a chain; `type(self)` is `self.__class__`, `super()` a root of its own."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            return (node.id, *reversed(attributes))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            names = [arg.id if isinstance(arg, ast.Name) else None for arg in node.args]
            if node.func.id == "type" and names == [self.first]:
                return (str(self.first), "__class__", *reversed(attributes))
            if node.func.id == "super" and not names and self.first and attributes:
                return ("super()", *reversed(attributes))
        return None

    def literal_attribute(self, node: ast.Call) -> Chain | None:
        """`getattr(self, "model")` and `hasattr`, as the chain `self.model`."""
        if not (isinstance(node.func, ast.Name) and node.func.id in {"getattr", "hasattr"}):
            return None
        chain = self.chain_of(node.args[0]) if len(node.args) > 1 else None
        name = node.args[1] if chain else None
        if chain and isinstance(name, ast.Constant) and isinstance(name.value, str):
            return (*chain, name.value)
        return None
