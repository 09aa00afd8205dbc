"""What a function does and reads where its source is not to be had: from its bytecode.

The digest then holds for one version of Python only, and `api_key=` cannot be told from any other
keyword; secrets are known by their names alone.
"""

from __future__ import annotations

import dis
import hashlib
import sys
import types
from collections.abc import Iterator

from llmcache.keys.body import Body, outer_names
from llmcache.keys.chains import Chain, settled
from llmcache.keys.source import repr_of

__all__ = ["body_of_bytecode"]

ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
SILENT = frozenset({"CACHE", "PUSH_NULL", "PRECALL", "EXTENDED_ARG", "NOP"})


def body_of_bytecode(code: types.CodeType) -> Body:
    """The body of any function; nested ones are read with it."""
    chains: set[Chain] = set()
    own: set[Chain] = set()
    assigned: set[Chain] = set()
    lookups: set[tuple[Chain, str | Chain]] = set()
    whole, first = False, first_of(code)
    for current in all_codes(code):
        for chain, written, literal in chains_of(current, outer_names(code), first):
            if written:
                assigned.add(chain)
            elif chain[0] != first:
                chains.add(chain)
            elif len(chain) > 1:
                own.add(chain)
            else:
                whole = True
            if isinstance(literal, str):
                lookups.add((chain, literal))
    counting, left_out = settled(chains, assigned)
    of_first, own_left_out = settled(own, assigned)
    return Body(
        digest=digest_of(code),
        from_source=False,
        chains=frozenset(counting),
        own=frozenset(chain[1:] for chain in of_first),
        left_out=frozenset(left_out | own_left_out),
        whole=whole,
        assigned=frozenset(assigned),
        lookups=frozenset(lookups),
        reads_docstring="__doc__" in code.co_names,
    )


def first_of(code: types.CodeType) -> str:
    """The name of the first parameter, or nothing."""
    return code.co_varnames[0] if code.co_argcount else ""


def all_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code object and all within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from all_codes(constant)


def chains_of(
    code: types.CodeType, names: frozenset[str], first: str
) -> Iterator[tuple[Chain, bool, object]]:
    """Each chain, whether it is assigned, and the constant that is loaded next, if one is."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in SILENT]
    for index, step in enumerate(steps):
        root = root_of(step, names, first)
        if step.opname in {"STORE_GLOBAL", "STORE_DEREF"} and step.argval in names:
            yield (step.argval,), True, None
        if root is None:
            continue
        end = index + 1
        augmented = end < len(steps) and steps[end].opname == "COPY"
        end += augmented
        while end < len(steps) and steps[end].opname in ATTRIBUTES:
            end += 1
        following = steps[end] if end < len(steps) else step
        attributes = [str(one.argval) for one in steps[index + 1 + augmented : end]]
        if following.opname == "STORE_ATTR":
            yield (root, *attributes, str(following.argval)), True, None
        else:
            literal = following.argval if following.opname == "LOAD_CONST" else None
            yield (root, *attributes), augmented, literal


def root_of(step: dis.Instruction, names: frozenset[str], first: str) -> str | None:
    """The name that an instruction leaves on the stack, where a chain may begin with it."""
    if not step.opname.startswith("LOAD_") or step.opname in ATTRIBUTES:
        return None
    last = step.argval[-1] if isinstance(step.argval, tuple) else step.argval
    if "FAST" in step.opname or (step.opname == "LOAD_DEREF" and last == first):
        return last if last == first else None
    return last if step.opname != "LOAD_CONST" and last in names else None


def digest_of(code: types.CodeType) -> bytes:
    """Instructions, names and constants, under the tag of this Python."""
    state = hashlib.sha256(str(sys.implementation.cache_tag).encode())
    for current in all_codes(code):
        plain = [repr_of(c) for c in current.co_consts if not isinstance(c, types.CodeType)]
        ordered = [sorted(c) if isinstance(c, frozenset) else c for c in plain]
        names = (current.co_names, current.co_varnames, current.co_freevars, current.co_cellvars)
        payload = repr((current.co_name, current.co_flags, names, ordered)).encode(
            "utf-8", "surrogatepass"
        )
        for part in (current.co_code, current.co_exceptiontable, payload):
            state.update(b"%d:" % len(part) + part)
    return state.digest()
