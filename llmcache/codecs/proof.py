"""The proof that what comes back is what went in: a comparison that trusts no class.

Types must be the same, floats the same bits (any NaN is like any other), models the same in
values, fields set, extras and private attributes. No `__eq__` of the user's classes runs.
"""

from __future__ import annotations

import enum
import math
from typing import Any

from pydantic import BaseModel

from llmcache.codecs.catalogue import Catalogue
from llmcache.codecs.encode import Writer, json_text
from llmcache.codecs.leaves import LEAVES, TAGS
from llmcache.codecs.outcomes import Unstorable, full_name
from llmcache.codecs.registry import registered_for
from llmcache.codecs.state import (
    EXTRA,
    FIELDS_SET,
    PRIVATE,
    Form,
    attributes,
    base_of,
    form_of,
    model_dict,
    model_slot,
    plain_value,
)

__all__ = ["Proof"]

SCALARS = frozenset({bool, int, str, type(None)})


class Proof:
    """One comparison of an original with what was restored from its bytes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def same(self, original: Any, restored: Any) -> None:
        """Nothing where they are the same.

        Raises:
            Unstorable: Naming the first part that differs.
        """
        kind = type(restored)
        if type(original) is not kind and self.catalogue.nearest(type(original)) is not kind:
            raise differs(original, f"it would come back as {full_name(kind)}")
        if kind in SCALARS:
            demand(original == restored, original)
        elif kind is float:
            demand(same_float(original, restored), original)
        elif kind is list or kind is tuple:
            self.items(original, restored)
        elif kind is dict:
            self.mapping(original, restored)
        elif kind is set or kind is frozenset:
            demand(self.elements(original) == self.elements(restored), original)
        else:
            self.objects(original, restored, kind)

    def objects(self, original: Any, restored: Any, kind: type) -> None:
        """Two values of a class."""
        if (pair := registered_for(kind)) is not None:
            self.same(pair.encode(original), pair.encode(restored))
        elif (tag := TAGS.get(kind)) is not None:
            self.items(LEAVES[tag].parts(original), LEAVES[tag].parts(restored))
            demand(LEAVES[tag].holds or repr(original) == repr(restored), original)
        elif isinstance(restored, BaseModel):
            self.models(original, restored)
        elif isinstance(restored, enum.Enum):
            demand(original is restored, original)
        else:
            if (base := base_of(kind)) is not None:
                self.same(plain_value(original, base), plain_value(restored, base))
            self.named(original, attributes(original), attributes(restored))

    def models(self, original: BaseModel, restored: BaseModel) -> None:
        """Two models, by state."""
        self.named(original, model_dict(original), model_dict(restored))
        names = model_slot(FIELDS_SET, original), model_slot(FIELDS_SET, restored)
        if names[0] != names[1]:
            raise differs(original, "which of its fields were set would be lost")
        for slot in (EXTRA, PRIVATE):
            before, after = model_slot(slot, original), model_slot(slot, restored)
            demand(form_of(before) == form_of(after), original)
            if form_of(before) == Form.FULL:
                self.named(original, before, after)

    def named(self, owner: Any, original: dict[str, Any], restored: dict[str, Any]) -> None:
        """Two sets of attributes, in their order, which dumps show."""
        if list(original) != list(restored):
            raise differs(owner, "its attributes would not be the same")
        for name, part in original.items():
            try:
                self.same(part, restored[name])
            except Unstorable as refusal:
                raise refusal.inside(name) from None

    def items(self, original: Any, restored: Any) -> None:
        """Two sequences."""
        demand(len(original) == len(restored), original)
        for index, part in enumerate(original):
            try:
                self.same(part, restored[index])
            except Unstorable as refusal:
                raise refusal.inside(f"[{index}]") from None

    def mapping(self, original: dict[Any, Any], restored: dict[Any, Any]) -> None:
        """Two dicts, in their order."""
        self.items(list(original), list(restored))
        self.items(list(original.values()), list(restored.values()))

    def elements(self, items: Any) -> list[str]:
        """A set as something that can be compared without asking its elements."""
        if not hasattr(self, "writer"):
            self.writer: Writer = Writer(self.catalogue)
        return sorted(json_text(self.writer.value(item, 0)) for item in items)


def same_float(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other and math.copysign(1, one) == math.copysign(1, other)


def differs(value: Any, reason: str) -> Unstorable:
    return Unstorable(reason, type_name=full_name(type(value)))


def demand(holds: bool, value: Any) -> None:  # noqa: FBT001 - the condition is what is demanded
    if not holds:
        raise differs(value, "it would come back different")
