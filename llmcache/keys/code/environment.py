"""Which variables of the environment a body reads."""

from __future__ import annotations

import os
import re
import types
from collections.abc import Callable

from llmcache.keys.code.body import Body
from llmcache.keys.code.chains import Chain

__all__ = ["BY_COMPUTED_NAME", "is_environment", "variables_read"]

EXPANDED = re.compile(r"\$(?:\{([^}]*)\}|(\w+))|%(\w+)%")
BY_COMPUTED_NAME = "read by a name that is computed"
AS_A_WHOLE = "read as a whole"


def is_environment(value: object) -> bool:
    """`os.environ` or what reads it, which count by the variables that are looked up."""
    return value is os.environ or value is os.getenv or value is getattr(os, "environb", None)


def is_lookup(value: object) -> bool:
    """Those, and the look-ups that are methods of the former."""
    if isinstance(value, types.MethodType):
        return is_environment(value.__self__)
    return is_environment(value)


def variables_read(body: Body, reach: Callable[[Chain], object]) -> tuple[set[str], set[str]]:
    """The variables by name; and the ways in which others are read, whose names nobody knows."""
    names, unknown, looked_up = set[str](), set[str](), set[Chain](body.computed_lookups)
    for chain, what in body.lookups:
        looked_up.add(chain)
        target = reach(chain)
        if is_lookup(target) or target is os.path.expandvars:
            said = what if isinstance(what, str) else reach(what)
            if not isinstance(said, str):
                unknown.add(BY_COMPUTED_NAME)
            elif is_lookup(target):
                names.add(said)
            else:
                names.update("".join(found) for found in EXPANDED.findall(said))
    for chain in body.computed_lookups:
        target = reach(chain)
        if is_lookup(target) or target is os.path.expandvars:
            unknown.add(BY_COMPUTED_NAME)
    for chain in body.chains - looked_up:
        if is_lookup(reach(chain)):
            unknown.add(AS_A_WHOLE)
    return names, unknown
