"""Names with what is read through them, and what is left of them where the body writes too.

A *chain* is a name, then attributes (`"model"`) and items: `"['total']"` where the key is written
out, `"[]"` where it is computed. The step `"~"` says that the body changes what is read here, if
that is a container.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

__all__ = [
    "CHANGED",
    "COMPUTED",
    "Chain",
    "attributes_of",
    "is_item",
    "item",
    "settled",
    "shown_chain",
]

Chain = tuple[str, ...]
COMPUTED = "[]"
CHANGED = "~"


def item(key: object) -> str:
    """The step to an item by its key."""
    return f"[{key!r}]"


def is_item(step: str) -> bool:
    """Whether a step leads to an item, not to an attribute."""
    return step.startswith("[")


def shown_chain(chain: Chain) -> str:
    """A chain as it is written."""
    steps = (step if is_item(step) else f".{step}" for step in chain if step != CHANGED)
    return "".join(steps).removeprefix(".")


def settled(reads: Iterable[Chain], writes: Iterable[Chain]) -> tuple[set[Chain], set[Chain]]:
    """What counts of what a body reads, and what does not since the body itself assigns it.

    A container that the body puts items into counts by the items that it reads by other literal
    keys. One that it writes nothing into counts as a whole, whichever items are read.
    """
    given = {chain for chain in writes if not any(map(is_item, chain))}
    items = {up_to_item(chain) for chain in writes} - given
    filled = {chain[:-1] for chain in items}
    counting, left_out = set[Chain](), set[Chain]()
    for chain in reads:
        fine = narrowed(chain, filled)
        if any(chain[: len(written)] == written for written in given) or up_to_item(fine) in items:
            left_out.add(fine)
        else:
            counting.add(fine)
    return counting, left_out


def narrowed(chain: Chain, filled: set[Chain]) -> Chain:
    """A chain with the one item that matters, or none."""
    for end in range(1, len(chain) + 1):
        if chain[:end] in filled:
            container, rest = chain[:end], chain[end:]
            if rest[:1] == ("get",) and any(map(is_item, rest[1:2])):
                rest = rest[1:]
            if rest and is_item(rest[0]) and rest[0] != COMPUTED:
                return (*container, rest[0], *attributes_of(rest[1:]))
            return (*container, CHANGED, *attributes_of(rest))
    return attributes_of(chain)


def attributes_of(chain: Chain) -> Chain:
    """The steps before the first item."""
    return tuple(takewhile(lambda step: not is_item(step), chain))


def up_to_item(chain: Chain) -> Chain:
    """The steps up to the first item, that included."""
    return chain[: len(attributes_of(chain)) + 1]
