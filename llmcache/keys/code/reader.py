"""Reads the syntax of one function: what it reads, assigns, looks up and imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from llmcache.keys.code.chains import COMPUTED, Chain, is_item, item
from llmcache.keys.code.locals import Locals
from llmcache.keys.code.said import SAID, asked_by_name
from llmcache.keys.code.syntax import FunctionNode
from llmcache.keys.values.attributes import mangled

__all__ = ["DOCSTRING_READERS", "Reader"]

DOCSTRING_READERS = frozenset({"__doc__", "getdoc"})
MUTATORS = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem",
     "popleft", "remove", "setdefault", "update"}
)  # fmt: skip
"""Methods by which the containers of Python are changed."""


class Reader(ast.NodeVisitor):
    """Collects what a body reads and assigns beyond its own local names.

    Args:
        names: The global and free names.
        first: The first parameter.
        owner: The class in whose body the function stands, for names like `__x`.
        hidden: Nodes, by `id`, that are passed over.
        local: What is known of local names.
    """

    def __init__(
        self,
        *,
        names: frozenset[str],
        first: str | None,
        owner: str | None,
        hidden: set[int],
        local: Locals,
    ) -> None:
        self.names: set[str] = {*names, *local.imports}
        self.first = first
        self.owner = owner
        self.hidden = hidden
        self.aliases: dict[str, ast.expr] = {
            name: value for name, value in local.aliases.items() if name not in names
        }
        self.chains: set[Chain] = set()
        self.own: set[Chain] = set()
        self.whole: bool = False
        self.returned: bool = False
        self.assigned: set[Chain] = set()
        self.lookups: set[tuple[Chain, str | Chain]] = set()
        self.computed: set[Chain] = set()
        self.reads_docstring: bool = False
        self.asks: set[str] = set()

    def read(self, node: FunctionNode) -> None:
        """The body only: decorators, defaults and annotations count elsewhere or not at all."""
        self.visit_all([node.body] if isinstance(node, ast.Lambda) else node.body)

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        """One after the other, as far as they are there."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit(self, node: ast.AST) -> None:
        """Any node, unless it holds a secret."""
        if id(node) in self.hidden:
            return
        asked = asked_by_name(node)
        if asked:
            self.asks.add(asked)
        super().visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """A name, or what a local one stands for."""
        chain = self.chain_of(node) if isinstance(node.ctx, ast.Load) else None
        self.meet(chain or (self.mangled(node.id),), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Attributes that ask for more than they say count for that too."""
        if node.attr == "__subclasses__":
            self.computed.add((node.attr,))
        if node.attr in DOCSTRING_READERS:
            self.reads_docstring = True
            if node.attr == "__doc__" and not self.is_known(node.value):
                self.asks.add(SAID)
        self.visit_chain(node, node.ctx)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """`os.environ[name]` is a look-up."""
        chain = self.chain_of(node.value)
        if chain and isinstance(node.ctx, ast.Load):
            self.look_up(chain, node.slice)
        self.visit_chain(node, node.ctx)

    def visit_chain(self, node: ast.Attribute | ast.Subscript, context: ast.expr_context) -> None:
        """A chain as one, with the keys in it; anything else piece by piece."""
        chain = self.chain_of(node)
        if chain is None:
            self.generic_visit(node)
            return
        self.meet(chain, context)
        self.visit_keys(node)

    def visit_keys(self, below: ast.expr) -> None:
        """What stands between the brackets of a chain."""
        while isinstance(below, ast.Attribute | ast.Subscript):
            if isinstance(below, ast.Subscript):
                self.visit(below.slice)
            below = below.value

    def visit_Return(self, node: ast.Return) -> None:
        """`return self` hands it to nobody who could put it into a prompt."""
        if isinstance(node.value, ast.Name) and node.value.id == self.first:
            self.returned = True
        else:
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """What a local name stands for counts where the name is used."""
        target = node.targets[0]
        alias = isinstance(target, ast.Name) and self.aliases.get(target.id) is node.value
        if not (alias and self.chain_of(node.value)):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Calls that look up, that ask, and that change what they are called on."""
        attribute = self.literal_attribute(node)
        self.ask(node)
        if isinstance(node.func, ast.Name) and node.func.id in {"globals", "eval", "exec"}:
            self.computed.add((node.func.id,))
        if attribute:
            self.meet(attribute, ast.Load())
            self.visit_keys(node.args[0])
            for argument in node.args[2:]:
                self.visit(argument)
            return
        chain = self.chain_of(node.func)
        given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "key")]
        if chain and given:
            self.look_up(chain, given[0])
            if chain[-1] == "get" and isinstance(given[0], ast.Constant):
                self.meet((*chain, item(given[0].value)), ast.Load())
                self.visit_keys(node.func)
                for other in (*given[1:], *node.keywords):
                    self.visit(other)
                return
        if chain and chain[-1] in MUTATORS:
            self.meet((*chain[:-1], COMPUTED), ast.Store())
        self.generic_visit(node)

    def ask(self, node: ast.Call) -> None:
        """A call that asks what is said of its argument."""
        called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        name = called.id if isinstance(called, ast.Name) else called
        given = node.args[0] if node.args else None
        if (
            (name == "getdoc" and given and not self.is_known(given))
            or (name == "TypeAdapter" and isinstance(given, ast.Name | ast.Attribute))
            or (name == "getattr" and any(map(asked_by_name, node.args)))
        ):
            self.asks.add(SAID)

    def is_known(self, node: ast.expr) -> bool:
        """Whether an expression is a name, with attributes, that is not local."""
        chain = self.chain_of(node)
        known = {*self.names, "self", "cls", "super()"}
        return chain is not None and chain[0] in known and not any(map(is_item, chain))

    def visit_Compare(self, node: ast.Compare) -> None:
        """`"MODEL" in os.environ` is a look-up too."""
        chain = self.chain_of(node.comparators[0])
        if chain and isinstance(node.ops[0], ast.In | ast.NotIn):
            self.look_up(chain, node.left)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The annotation of a local name is never evaluated."""
        self.visit(node.target)
        if node.value:
            self.visit(node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Annotations in a class are evaluated, unlike those of local names."""
        self.visit_all([*node.decorator_list, *node.bases, *node.keywords])
        outer, self.owner = self.owner, node.name
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                self.visit(statement.annotation)
        self.visit_all(node.body)
        self.owner = outer

    def visit_FunctionDef(self, node: FunctionNode) -> None:
        """Decorators and defaults are evaluated outside; within, a parameter hides `self`."""
        given = node.args
        self.visit_all([*getattr(node, "decorator_list", []), *given.defaults, *given.kw_defaults])
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        hidden = self.first in [parameter.arg for parameter in named if parameter]
        outer, self.first = self.first, None if hidden else self.first
        self.read(node)
        self.first = outer

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """As `visit_FunctionDef`."""
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """As `visit_FunctionDef`."""
        self.visit_FunctionDef(node)

    def mangled(self, name: str) -> str:
        """A name as it is looked up."""
        return mangled(self.owner, name) if self.owner else name

    def meet(self, chain: Chain, context: ast.expr_context) -> None:
        """One use of a chain; local names are nobody's business."""
        root = chain[0]
        if chain[:2] == ("sys", "modules"):
            self.computed.add(("sys", "modules"))
        if root == "getdoc":
            self.reads_docstring = True
        if root not in self.names and root not in {self.first, "super()"}:
            return
        if not isinstance(context, ast.Load):
            self.assigned.add(chain)
        elif root not in {self.first, "super()"}:
            self.chains.add(chain)
        elif len(chain) > 1 and chain[1][0] != "[":
            self.own.add(chain)
        else:
            self.whole = True

    def look_up(self, chain: Chain, what: ast.expr) -> None:
        """A chain and what is looked up in it."""
        if chain[0] not in self.names:
            return
        if isinstance(what, ast.Name):
            what = self.aliases.get(what.id, what)
        if isinstance(what, ast.Constant):
            if isinstance(what.value, str | bytes):
                name = what.value
                self.lookups.add((chain, name if isinstance(name, str) else name.decode("latin-1")))
            return
        named = self.chain_of(what)
        if named and named[0] in self.names:
            self.lookups.add((chain, named))
        else:
            self.computed.add(chain)

    def chain_of(self, node: ast.expr, passed: frozenset[str] = frozenset()) -> Chain | None:
        """`a.b['c']` as a chain; `type(self)` is `self.__class__`, `super()` a root of its own."""
        steps: list[str] = []
        while isinstance(node, ast.Attribute | ast.Subscript):
            if isinstance(node, ast.Attribute):
                steps.append(self.mangled(node.attr))
            else:
                literal = isinstance(node.slice, ast.Constant)
                steps.append(item(node.slice.value) if literal else COMPUTED)  # type: ignore[attr-defined]
            node = node.value
        if isinstance(node, ast.Name):
            # Two may stand for each other.
            alias = None if node.id in passed else self.aliases.get(node.id)
            stands_for = self.chain_of(alias, passed | {node.id}) if alias else None
            if stands_for and (stands_for[0] in self.names or stands_for[0] == self.first):
                return (*stands_for, *reversed(steps))
            return (self.mangled(node.id), *reversed(steps))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self.chain_of_call(node.func.id, node.args, steps[::-1])
        return None

    def chain_of_call(self, called: str, args: list[ast.expr], steps: list[str]) -> Chain | None:
        """`type(self)`, `super()` and `globals()`, with what is read of them."""
        names = [arg.id if isinstance(arg, ast.Name) else None for arg in args]
        if called == "type" and self.first and names == [self.first]:
            return (self.first, "__class__", *steps)
        if called == "super" and not args and self.first and steps:
            return ("super()", *steps)
        if called == "globals" and not args and steps and steps[0].startswith("['"):
            self.names.add(steps[0][2:-2])
            return (steps[0][2:-2], *steps[1:])
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
