"""What one function does and what it reads, from its syntax.

A *lookup* is a chain that is subscripted or called with a literal, or with another chain, as
`os.environ["MODEL"]` is.
"""

from __future__ import annotations

import dis
import hashlib
import types
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from llmcache.keys.code.chains import Chain, settled
from llmcache.keys.code.locals import Locals, Origin
from llmcache.keys.code.reader import Reader
from llmcache.keys.code.syntax import FunctionNode, dump_function
from llmcache.keys.code.withheld import Secrets

__all__ = ["SELF_NAMES", "Body", "Chain", "body_of_syntax", "class_around", "outer_names"]

SELF_NAMES = frozenset({"self", "cls"})
GLOBAL_USES = frozenset(
    {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"}
)


class Body(NamedTuple):
    """One function's own code.

    Attributes:
        digest: Of the code; 32 bytes.
        from_source: Whether it was made from syntax, and so is the same on every Python.
        chains: What is read through global, free and imported names.
        own: What is read through the first parameter; it matters where that is an instance or
            class whose method this is.
        whole: Whether that parameter is used in another way than by a known attribute.
        returned: Whether it is returned.
        assigned: Chains that the body itself assigns.
        left_out: What is read of those, and therefore does not count.
        lookups: See above.
        imports: Where the names come from that the body imports.
        secret_parameters: Parameters that are used for nothing but `api_key=`.
        computed_lookups: Chains that are looked up by a name that the syntax does not say.
        reads_docstring: Whether a docstring may be read.
        asks: What is asked of whatever comes along.
        withheld: What is passed as `api_key=`, as far as it can be shown.
    """

    digest: bytes
    from_source: bool
    chains: frozenset[Chain]
    own: frozenset[Chain] = frozenset()
    whole: bool = False
    returned: bool = False
    assigned: frozenset[Chain] = frozenset()
    left_out: frozenset[Chain] = frozenset()
    lookups: frozenset[tuple[Chain, str | Chain]] = frozenset()
    imports: Mapping[str, frozenset[Origin]] = MappingProxyType({})
    secret_parameters: frozenset[str] = frozenset()
    computed_lookups: frozenset[Chain] = frozenset()
    reads_docstring: bool = False
    asks: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()


def body_of_syntax(node: FunctionNode, code: types.CodeType) -> Body:
    """The body of a function whose syntax is known to be that of `code`."""
    secrets, local = Secrets.of(node), Locals.of(node)
    reader = Reader(
        names=outer_names(code),
        first=code.co_varnames[0] if code.co_argcount else None,
        owner=class_around(code),
        hidden=secrets.hidden,
        local=local,
    )
    reader.read(node)
    chains, left_out = settled(reader.chains, reader.assigned)
    own, own_left_out = settled(reader.own, reader.assigned)
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return Body(
        digest=hashlib.sha256(dump_function(node, hidden=secrets.hidden)).digest(),
        from_source=True,
        chains=frozenset(chains),
        own=frozenset(chain if chain[0] == "super()" else chain[1:] for chain in own),
        whole=reader.whole,
        returned=reader.returned,
        assigned=frozenset(reader.assigned),
        left_out=frozenset(left_out | own_left_out),
        lookups=frozenset(reader.lookups),
        imports={name: frozenset(origins) for name, origins in local.imports.items()},
        secret_parameters=frozenset(secrets.names.intersection(parameters)),
        computed_lookups=frozenset(reader.computed),
        reads_docstring=reader.reads_docstring,
        asks=frozenset(reader.asks),
        withheld=frozenset(secrets.shown),
    )


def class_around(code: types.CodeType) -> str | None:
    """The class in whose body a function stands, or the function that it stands in."""
    around = code.co_qualname.split(".")[:-1]
    while around[-1:] == ["<locals>"]:
        around = around[:-2]
    return around[-1] if around else None


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
