"""What a function does and reads where its source is not to be had: from its bytecode.

The digest then holds for one version of Python only, and `api_key=` cannot be told from any other
keyword; secrets are known by their names alone.
"""

from __future__ import annotations

import dis
import hashlib
import sys
import types
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from llmcache.keys.code.body import Body, outer_names
from llmcache.keys.code.chains import Chain, settled
from llmcache.keys.code.locals import Origin
from llmcache.keys.code.reader import DOCSTRING_READERS
from llmcache.keys.code.source import repr_of

__all__ = ["body_of_bytecode", "digest_of_template"]

ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
STORES = frozenset({"STORE_FAST", "STORE_DEREF", "STORE_GLOBAL", "STORE_NAME"})
OUTER_STORES = frozenset({"STORE_GLOBAL", "STORE_DEREF"})
SILENT = frozenset({"CACHE", "PUSH_NULL", "PRECALL", "EXTENDED_ARG", "NOP", "LOAD_CLOSURE"})


def body_of_bytecode(code: types.CodeType) -> Body:
    """The body of any function; nested ones are read with it."""
    chains: set[Chain] = set()
    own: set[Chain] = set()
    assigned: set[Chain] = set()
    lookups: set[tuple[Chain, str | Chain]] = set()
    whole, first, imports = False, first_of(code), imports_of(code)
    for current in all_codes(code):
        for chain, written, literal in chains_of(current, outer_names(code), first, imports):
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
        imports={name: frozenset(origins) for name, origins in imports.items()},
        reads_docstring=any(DOCSTRING_READERS & {*each.co_names} for each in all_codes(code)),
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


class Step(NamedTuple):
    """One instruction; those that handle two local names at once are two."""

    name: str
    value: Any


def steps_of(code: types.CodeType) -> list[Step]:
    """The instructions that say something; a cell handed to an inner function is read there."""
    steps: list[Step] = []
    cells = {*code.co_cellvars, *code.co_freevars}
    for one in dis.get_instructions(code):
        if one.opname in SILENT or (one.opname == "LOAD_FAST" and one.argval in cells):
            continue
        if isinstance(one.argval, tuple) and "_FAST_" in one.opname:
            halves = [half + "_FAST" for half in one.opname.split("_FAST") if half]
            steps += map(Step, (half.removeprefix("_") for half in halves), one.argval)
        else:
            steps.append(Step(one.opname, one.argval))
    return steps


def imports_of(code: types.CodeType) -> dict[str, set[Origin]]:
    """Where the names come from that the code imports."""
    found: dict[str, set[Origin]] = {}
    for current in all_codes(code):
        steps = steps_of(current)
        for index, step in enumerate(steps):
            if step.name == "IMPORT_NAME":
                level, attributes = steps[index - 2].value, steps[index - 1].value
                for name, origin in bound(steps[index + 1 :], step.value, level, attributes):
                    found.setdefault(name, set()).add(origin)
    return found


def bound(
    steps: list[Step], module: str, level: int, attributes: tuple[str, ...] | None
) -> Iterator[tuple[str, Origin]]:
    """The names that one import statement binds, out of the instructions that follow it."""
    if attributes is None:
        stored = next(step.value for step in steps if step.name in STORES)
        top = not steps[0].name.startswith("IMPORT_FROM")
        yield stored, Origin(level, module, "", top and stored == module.partition(".")[0])
        return
    for place, step in enumerate(steps[: 2 * len(attributes)]):
        if step.name == "IMPORT_FROM" and steps[place + 1].name in STORES:
            yield steps[place + 1].value, Origin(level, module, step.value)


def chains_of(
    code: types.CodeType, names: frozenset[str], first: str, imports: Collection[str]
) -> Iterator[tuple[Chain, bool, object]]:
    """Each chain, whether it is assigned, and the constant that is loaded next, if one is."""
    steps = steps_of(code)
    for index, step in enumerate(steps):
        root = root_of(step, names, first, imports)
        if step.name in OUTER_STORES and step.value in names and step.value not in imports:
            yield (step.value,), True, None
        if root is None:
            continue
        end = index + 1
        augmented = end < len(steps) and steps[end].name == "COPY"
        end += augmented
        while end < len(steps) and steps[end].name in ATTRIBUTES:
            end += 1
        following = steps[end] if end < len(steps) else step
        attributes = [str(one.value) for one in steps[index + 1 + augmented : end]]
        if following.name == "STORE_ATTR":
            yield (root, *attributes, str(following.value)), True, None
        else:
            literal = following.value if following.name == "LOAD_CONST" else None
            yield (root, *attributes), augmented, literal


def root_of(step: Step, names: frozenset[str], first: str, imports: Collection[str]) -> str | None:
    """The name that an instruction leaves on the stack, where a chain may begin with it."""
    if not step.name.startswith("LOAD_") or step.name in ATTRIBUTES or step.name == "LOAD_CONST":
        return None
    last = step.value[-1] if isinstance(step.value, tuple) else step.value
    if last == first or last in imports:
        return str(last)
    return last if "FAST" not in step.name and last in names else None


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


def digest_of_template(value: object) -> bytes | None:
    """What a template of Jinja was compiled to, as it keeps no text; None: it is none."""
    jinja = sys.modules.get("jinja2")
    if jinja is None or not isinstance(value, jinja.Template):
        return None
    blocks = [value.blocks[name] for name in sorted(value.blocks)]
    state = hashlib.sha256()
    for function in (value.root_render_func, *blocks):
        state.update(digest_of(function.__code__))
    return state.digest()
