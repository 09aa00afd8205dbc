"""Models that plain JSON says all about: which they are, and what reads them.

The reader is pydantic's own, compiled from the layout of the fields and not from the class's
schema. It knows of no validator, alias, default factory or hook of the class, so none can run.
"""

from __future__ import annotations

import enum
import hashlib
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import SchemaValidator

from llmcache.codecs.layout import (
    PLAIN,
    SEQUENCES,
    Field,
    Irregular,
    Layout,
    Schema,
    mapping,
    members,
    nullable,
    row,
    scalar,
    sequence,
    unset_value,
)
from llmcache.codecs.origin import DIGEST_LENGTH
from llmcache.codecs.registry import registered_for
from llmcache.codecs.sdk import is_sdk_class
from llmcache.codecs.state import (
    EXTRA,
    FIELDS_SET,
    MODEL_DICT,
    PRIVATE,
    Form,
    form_of,
    model_slot,
    slots_of,
)

__all__ = ["Regular"]


def options() -> dict[str, Any]:
    """How pydantic-core is kept from putting the validators of the classes in place of ours.

    Empty where it cannot be told, as before pydantic 2.13: instances are put together here then.
    """
    try:
        SchemaValidator({"type": "any"}, None, _use_prebuilt=False)
    except TypeError:
        return {}
    return {"_use_prebuilt": False}


OPTIONS = options()


def is_regular(kind: type[BaseModel]) -> bool:
    """Whether an instance can be all that its fields are, and is made without code of its class."""
    if not kind.__pydantic_complete__:
        kind.model_rebuild(raise_errors=False)
    return (
        kind.__pydantic_complete__
        and kind.__new__ is object.__new__
        and not (kind.__pydantic_root_model__ or is_sdk_class(kind))
        and not (kind.__private_attributes__ or slots_of(kind))
    )


class ModelLayout:
    """The instances of one regular class; `fields` come later, as they may lead back to it."""

    def __init__(self, kind: type[BaseModel], number: int) -> None:
        self.kind = kind
        self.reference: str = str(number)
        self.extra = Form.EMPTY if kind.model_config.get("extra") == "allow" else Form.NOTHING
        self.fields: list[Field] = []
        self.names: tuple[str, ...] = tuple(kind.model_fields)
        self.name_set: frozenset[str] = frozenset(self.names)

    def place(self) -> Layout:
        """Where such an instance stands."""
        schema = {"type": "definition-ref", "schema_ref": self.reference}
        return Layout(f"#{self.reference}", schema, self.write)

    @property
    def text(self) -> str:
        """As that of a layout."""
        fields = ",".join(field.text for field in self.fields)
        return f"{self.kind.__qualname__}{'+' if self.extra else ''}({fields})"

    @property
    def schema(self) -> Schema:
        """As that of a layout."""
        fields: Schema = {
            "type": "model-fields",
            "fields": {field.name: field.schema for field in self.fields},
            "extra_behavior": "allow" if self.extra else "ignore",
        }
        if OPTIONS:
            return {"type": "model", "cls": self.kind, "schema": fields, "ref": self.reference}
        put = {"type": "no-info", "function": self.put_together}
        return {"type": "function-after", "function": put, "schema": fields, "ref": self.reference}

    def put_together(self, parts: tuple[Any, Any, Any]) -> Any:
        """An instance, made as pydantic-core makes it."""
        made: Any = object.__new__(self.kind)
        for slot, part in zip(
            (MODEL_DICT, EXTRA, FIELDS_SET, PRIVATE), (*parts, None), strict=True
        ):
            slot.__set__(made, part)
        return made

    def write(self, value: Any) -> dict[str, Any]:
        """As that of a layout."""
        if type(value) is not self.kind:
            raise Irregular
        return self.write_state(value)

    def write_state(self, value: Any) -> dict[str, Any]:
        """The fields that were set, of an instance of the class or of a twin of it."""
        state, fields_set = MODEL_DICT.__get__(value), model_slot(FIELDS_SET, value)
        if tuple(state) != self.names or type(fields_set) is not set:
            raise Irregular
        forms = form_of(model_slot(EXTRA, value)), form_of(model_slot(PRIVATE, value))
        if forms != (self.extra, Form.NOTHING) or not fields_set <= self.name_set:
            raise Irregular
        found: dict[str, Any] = {}
        for field in self.fields:
            item = state[field.name]
            if field.name in fields_set:
                found[field.name] = field.layout.write(item)
            elif not field.is_unset(item):
                raise Irregular
        return found


class Regular:
    """One regular class and all that its fields lead to.

    Raises:
        Irregular: Where the class is not regular.

    Attributes:
        digest: What tells its layout from others; it covers the classes of its fields too.
    """

    def __init__(self, kind: type) -> None:
        if not issubclass(kind, BaseModel) or not is_regular(kind):
            raise Irregular
        self.models: dict[type, ModelLayout] = {}
        self.enums: set[type] = set()
        self.root: ModelLayout = self.model(kind)
        text = "\n".join(model.text for model in self.models.values())
        self.digest: str = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]

    def model(self, kind: type[BaseModel]) -> ModelLayout:
        """The layout of a regular class, made once."""
        found = self.models.get(kind)
        if found is None:
            found = self.models[kind] = ModelLayout(kind, len(self.models))
            for name, field in kind.model_fields.items():
                layout = self.layout(field.annotation)
                unset = unset_value(field.default, field.default_factory, layout)
                found.fields.append(Field(name, layout, unset))
        return found

    def layout(self, annotation: Any) -> Layout:
        """What an annotation allows for."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self.layout(arguments[0])
        if origin is Union or origin is types.UnionType:
            return self.union(arguments)
        if origin is Literal:
            return self.union(tuple({type(choice): None for choice in arguments}))
        if origin is not None:
            return self.container(origin, arguments)
        return self.named(annotation) if isinstance(annotation, type) else PLAIN

    def container(self, origin: Any, arguments: tuple[Any, ...]) -> Layout:
        """What stands before the brackets of an annotation, with what stands in them."""
        if origin is dict and arguments[0] is str:
            return mapping(self.layout(arguments[1]))
        if origin is tuple and arguments[-1:] != (...,):
            return row([self.layout(argument) for argument in arguments])
        if origin in SEQUENCES:
            return sequence(SEQUENCES[origin], self.layout(arguments[0]))
        return PLAIN

    def union(self, choices: tuple[Any, ...]) -> Layout:
        """One layout and perhaps None; where there are several, JSON alone does not tell which."""
        layouts = [self.layout(choice) for choice in choices if choice is not type(None)]
        return nullable(layouts[0]) if len(layouts) == 1 else PLAIN

    def named(self, kind: type) -> Layout:
        """A class."""
        if issubclass(kind, BaseModel):
            return self.model(kind).place() if is_regular(kind) else PLAIN
        if issubclass(kind, enum.Enum):
            self.enums.add(kind)
            return members(kind)
        return scalar(kind)

    def write(self, value: Any) -> Any:
        """The JSON of an instance, or of a list of instances.

        Raises:
            Irregular: Where plain JSON does not say all about this one.
        """
        if any(registered_for(kind) for kind in (*self.models, *self.enums)):
            raise Irregular
        if type(value) is list:
            return [self.root.write(item) for item in value]
        return self.root.write_state(value)

    def reader(self, *, of_list: bool) -> Callable[[bytes], Any]:
        """What reads the JSON of an instance, or of a list of instances."""
        root = self.root.place().schema
        schema: Any = {
            "type": "definitions",
            "schema": {"type": "list", "items_schema": root} if of_list else root,
            "definitions": [model.schema for model in self.models.values()],
        }
        return SchemaValidator(schema, None, **OPTIONS).validate_json
