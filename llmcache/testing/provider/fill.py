"""A value for any JSON schema: always the same for one seed, mostly another for another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmcache.testing.provider.patterns import UnfillableError, matching
from llmcache.testing.provider.scalars import WORDS, Dice, Schema, integer, number, text

__all__ = ["fill"]

LEAN_FROM = 6
"""From this depth on optional parts are left out, so that recursive schemas end."""
DEEPEST = 60
MADE_BY: dict[str, Callable[[Schema, Dice], Any]] = {
    "string": text,
    "integer": integer,
    "number": number,
    "boolean": lambda _plain, dice: bool(dice.below(2)),
    "null": lambda _plain, _dice: None,
}


def fill(schema: Any, seed: str) -> Any:
    """A value that is valid for `schema`, chosen by `seed`.

    Follows local `$ref`, `allOf`, `anyOf`, `oneOf`, `const`, `enum`, types, bounds, the usual
    formats and plain patterns. `not`, `if` and `dependentRequired` are not followed.

    Raises:
        UnfillableError: The schema has no finite value, refers elsewhere, or wants a text that
            only a regular expression engine could find.
    """
    return Filler(schema).value(schema, Dice(seed), 0)


class Filler:
    """Fills the parts of one root schema."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def resolved(self, schema: Any) -> Schema:
        """The schema with `$ref` and `allOf` taken in."""
        plain: dict[str, Any] = dict(schema) if isinstance(schema, Mapping) else {}
        while (reference := plain.pop("$ref", None)) is not None:
            plain = {**self.target(reference), **plain}
        for part in plain.pop("allOf", ()):
            plain = merged(plain, self.resolved(part))
        return plain

    def target(self, reference: str) -> Schema:
        found = self.root
        for step in reference.removeprefix("#").split("/")[1:]:
            try:
                found = found[step.replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError):
                raise UnfillableError(f"{reference} leads nowhere") from None
        return found if isinstance(found, Mapping) else {}

    def value(self, schema: Any, dice: Dice, depth: int) -> Any:
        if depth > DEEPEST:
            raise UnfillableError("the schema has no finite value")
        plain = self.resolved(schema)
        if "const" in plain:
            return plain["const"]
        if options := plain.get("enum"):
            return options[dice.below(len(options))]
        for union in ("anyOf", "oneOf"):
            if options := plain.get(union):
                rest = {name: part for name, part in plain.items() if name != union}
                return self.one_of(options, rest, dice, depth)
        return self.typed(plain, dice, depth)

    def one_of(self, options: list[Any], rest: Schema, dice: Dice, depth: int) -> Any:
        """The option that the dice, or the depth, names; the next one where that has no value."""
        kinds = [self.resolved(option).get("type") for option in options]
        if "number" in kinds:
            # A Decimal's schema is "number or string", and not every string is a Decimal.
            pairs = zip(options, kinds, strict=True)
            options = [option for option, kind in pairs if kind != "string"]
        start = dice.below(len(options), salt="option")
        order = [*options[start:], *options[:start]]
        if depth >= LEAN_FROM:
            order.sort(key=lambda option: self.least_depth(option, ()))
        failure = UnfillableError("a union without options")
        for option in order:
            try:
                return self.value(merged(rest, self.resolved(option)), dice, depth)
            except UnfillableError as error:
                failure = error
        raise failure

    def least_depth(self, schema: Any, above: tuple[str, ...]) -> float:
        """How deep the shallowest value is; infinite where a schema needs itself."""
        reference = schema.get("$ref", "") if isinstance(schema, Mapping) else ""
        if reference and reference in above:
            return math.inf
        above = (*above, reference) if reference else above
        plain = self.resolved(schema)
        if options := plain.get("anyOf") or plain.get("oneOf"):
            return min(self.least_depth(option, above) for option in options)
        if "properties" in plain:
            needed = (plain["properties"].get(name) for name in plain.get("required", ()))
            return 1 + max((self.least_depth(part, above) for part in needed), default=0)
        if plain.get("minItems"):
            return 1 + self.least_depth(plain.get("items"), above)
        return 0

    def typed(self, plain: Schema, dice: Dice, depth: int) -> Any:
        kind = plain.get("type") or kind_of(plain)
        if isinstance(kind, list):
            kinds = [k for k in kind if k in MADE_BY] if depth >= LEAN_FROM else kind
            kind = (kinds or kind)[dice.below(len(kinds or kind), salt="type")]
        if kind == "object":
            return dict(self.members(plain, dice, depth))
        if kind == "array":
            return self.items(plain, dice, depth)
        return MADE_BY.get(kind, text)(plain, dice)

    def members(self, plain: Schema, dice: Dice, depth: int) -> Iterator[tuple[str, Any]]:
        properties = plain.get("properties", {})
        required = set(plain.get("required", ()))
        for name, part in properties.items():
            if name in required or depth < LEAN_FROM:
                yield name, self.value(part, dice.at(name), depth + 1)
        for name in sorted(required - set(properties)):
            yield name, self.value({}, dice.at(name), depth + 1)
        for pattern, part in plain.get("patternProperties", {}).items():
            inner = dice.at(pattern)
            yield matching(pattern, inner.sequence()), self.value(part, inner, depth + 1)
        if (free := plain.get("additionalProperties")) and not properties:
            least = plain.get("minProperties", 0)
            wanted = max(least, min(1 + dice.below(2), plain.get("maxProperties", 2)))
            for position in range(wanted if depth < LEAN_FROM else least):
                inner = dice.at(position)
                yield self.free_name(plain, inner, position), self.value(free, inner, depth + 1)

    def free_name(self, plain: Schema, dice: Dice, position: int) -> str:
        if (names := plain.get("propertyNames")) is not None:
            return str(self.value({"type": "string", **self.resolved(names)}, dice.at("name"), 0))
        return f"{WORDS[dice.below(len(WORDS), salt='name')]}_{position + 1}"

    def items(self, plain: Schema, dice: Dice, depth: int) -> list[Any]:
        leading = plain.get("prefixItems", [])
        made = [self.value(part, dice.at(i), depth + 1) for i, part in enumerate(leading)]
        least = plain.get("minItems", 0)
        most = plain.get("maxItems", max(least, 3))
        if "items" not in plain and leading:
            most = min(most, len(leading))
        wanted = least if depth >= LEAN_FROM else max(least, min(most, 1 + dice.below(3)))
        attempts = iter(range(len(leading), len(leading) + 20 * (wanted + 1)))
        while len(made) < wanted and (position := next(attempts, None)) is not None:
            candidate = self.value(plain.get("items", {}), dice.at(position), depth + 1)
            if not plain.get("uniqueItems") or candidate not in made:
                made.append(candidate)
        return made


def merged(first: Schema, second: Schema) -> dict[str, Any]:
    """Both schemas at once: properties and required names joined, the second one wins."""
    joined = {**first, **second}
    if "properties" in first and "properties" in second:
        joined["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        joined["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    return joined


def kind_of(plain: Schema) -> str:
    """The type of a schema that does not name one."""
    if "properties" in plain or "additionalProperties" in plain:
        return "object"
    if "items" in plain or "prefixItems" in plain:
        return "array"
    return "string"
