"""The kinds of classes that have fields, each as the same list of fields."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from llmcache.keys.project import SDKS
from llmcache.keys.values.attributes import said_by

__all__ = ["Field", "fields_of", "generated", "is_hook", "is_said", "shown_by", "validators_of"]

PARSING = ("field_validators", "validators", "root_validators", "model_validators")
HOOKS = (
    "model_post_init", "__post_init__", "__get_pydantic_core_schema__", "__init__", "__new__",
    "__get_pydantic_json_schema__", "__attrs_post_init__", "_missing_", "validate",
    "model_json_schema", "model_validate", "model_validate_json", "model_validate_strings",
    "model_construct", "openai_schema", "anthropic_schema", "gemini_schema", "from_response",
)  # fmt: skip
"""What a class may have of its own for what a provider is told of it and how its answer is parsed:
pydantic's names, and those that Instructor calls."""
PLAIN = ("default", "default_factory", "alias", "validation_alias", "title", "description",
         "examples", "json_schema_extra", "discriminator", "deprecated", "validate_default",
         "field_title_generator")  # fmt: skip
UNSAID = frozenset({"NoneType", "PydanticUndefinedType", "_Nothing"})
MADE = ("__dataclass_fields__", "__attrs_attrs__")
"""What class decorators leave that write methods."""


class Field(NamedTuple):
    """One field: its annotation, and everything else that was said about it."""

    name: str
    annotation: Any
    aspects: dict[str, Any]


def fields_of(kind: type) -> list[Field] | None:
    """The fields in their order; None for a class that is not made of fields."""
    for test, fields in READERS:
        if test(kind):
            return fields(kind)
    return None


def is_pydantic(kind: type) -> bool:
    """A model or a dataclass of pydantic's; `BaseModel` itself says nothing."""
    ours = kind.__module__.partition(".")[0] == "pydantic"
    return not ours and said_of_fields(kind) is not None


def said_of_fields(kind: type) -> dict[str, Any] | None:
    """What pydantic keeps of the fields; where that is depends on its release."""
    kept = (said_by(kind, name) for name in ("__pydantic_fields__", "model_fields"))
    return next((fields for fields in kept if isinstance(fields, dict)), None)


def is_said(value: object) -> bool:
    """Whether something was said; libraries have values of their own for nothing."""
    return type(value).__name__ not in UNSAID


def is_typeddict(kind: type) -> bool:
    """Those of typing_extensions too, which `typing` does not know."""
    return issubclass(kind, dict) and said_by(kind, "__required_keys__") is not None


def pydantic_fields(kind: Any) -> list[Field]:
    """The fields of a model; one whose forward references are still open is completed first."""
    if not getattr(kind, "__pydantic_complete__", True):
        if hasattr(kind, "model_rebuild"):
            kind.model_rebuild(raise_errors=False)
        else:
            sys.modules["pydantic.dataclasses"].rebuild_dataclass(kind, raise_errors=False)
    fields = said_of_fields(kind) or {}
    return [Field(name, info.annotation, pydantic_aspects(info)) for name, info in fields.items()]


def pydantic_aspects(info: Any) -> dict[str, Any]:
    """What was said about a field, without what pydantic fills in by itself."""
    said = {name: value for name in PLAIN if is_said(value := getattr(info, name, None))}
    if info.default is None:
        said["default"] = None
    if said.get("validation_alias") == said.get("alias"):
        said.pop("validation_alias", None)
    if info.metadata:
        said["constraints"] = list(info.metadata)
    return said


def dataclass_fields(kind: Any) -> list[Field]:
    """The fields of a dataclass, as it is made: those of `InitVar` and `ClassVar` are none."""
    found = hints(kind)
    fields = []
    for field in dataclasses.fields(kind):
        aspects: dict[str, Any] = {}
        if field.default is not dataclasses.MISSING:
            aspects["default"] = field.default
        if field.default_factory is not dataclasses.MISSING:
            aspects["default_factory"] = field.default_factory
        if field.metadata:
            aspects["metadata"] = dict(field.metadata)
        if not field.init:
            aspects["init"] = False
        fields.append(Field(field.name, found.get(field.name, field.type), aspects))
    return fields


def attrs_fields(kind: Any) -> list[Field]:
    """The fields of an attrs class."""
    found = hints(kind)
    fields = []
    for attribute in kind.__attrs_attrs__:
        aspects = {
            name: value
            for name in ("default", "validator", "converter", "alias")
            if is_said(value := getattr(attribute, name, None))
        }
        if not attribute.init:
            aspects["init"] = False
        fields.append(Field(attribute.name, found.get(attribute.name, attribute.type), aspects))
    return fields


def hints(kind: Any) -> dict[str, Any]:
    """The evaluated annotations; those that cannot be evaluated stay text."""
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - what is asked runs code of the user's, which may raise anything
        found: dict[str, Any] = {}
        for known in reversed(kind.__mro__):
            scope = vars(sys.modules.get(known.__module__, typing))
            for name, text in inspect.get_annotations(known).items():
                found[name] = scope.get(text, text) if isinstance(text, str) else text
        return found


def typeddict_fields(kind: Any) -> list[Field]:
    """The keys, and whether each has to be there."""
    required = kind.__required_keys__
    return [Field(name, hint, {"required": name in required}) for name, hint in hints(kind).items()]


def namedtuple_fields(kind: Any) -> list[Field]:
    """The fields; those made without annotations have none."""
    found, defaults = hints(kind), kind._field_defaults
    return [
        Field(name, found.get(name, Any), {"default": defaults[name]} if name in defaults else {})
        for name in kind._fields
    ]


READERS: list[tuple[Callable[[type], bool], Callable[[Any], list[Field]]]] = [
    (is_pydantic, pydantic_fields),
    (lambda kind: said_by(kind, "__dataclass_fields__") is not None, dataclass_fields),
    (is_typeddict, typeddict_fields),
    (lambda kind: issubclass(kind, tuple) and hasattr(kind, "_fields"), namedtuple_fields),
    (lambda kind: said_by(kind, "__attrs_attrs__") is not None, attrs_fields),
]


def validators_of(kind: type) -> Iterator[tuple[str, Any]]:
    """The functions that take part in parsing, with what tells when each of them runs."""
    infos = said_by(kind, "__pydantic_decorators__")
    for group in PARSING:
        for name, decorator in getattr(infos, group, {}).items():
            info = decorator.info
            when = (info.mode, getattr(info, "fields", ()))
            yield f"{group} {name} {when}", decorator.func
    for known in kind.__mro__:
        top = known.__module__.partition(".")[0]
        if top not in SDKS and top not in sys.stdlib_module_names:
            for name in HOOKS:
                hook = known.__dict__.get(name)
                hook = getattr(hook, "cproperty", hook)  # Instructor's property of a class
                inner = getattr(hook, "__func__", hook)
                ours = getattr(inner, "__module__", None) == known.__module__
                if ours and not generated(inner, known):
                    yield name, hook


def shown_by(kind: type) -> Iterator[tuple[str, str]]:
    """What a class says of how its instances are written out, beyond the code that it has."""
    for name, info in (said_of_fields(kind) or {}).items():
        yield from said_of(name, info, serialization_alias=None, exclude=None, repr=True)
    computed = getattr(said_by(kind, "__pydantic_decorators__"), "computed_fields", {})
    for name, decorator in computed.items():
        yield from said_of(name, decorator.info, alias=None, title=None, description=None)
        yield f"{name} computed", repr(decorator.info.repr)
    for name, field in (said_by(kind, "__dataclass_fields__") or {}).items():
        yield from said_of(name, field, repr=True)


def said_of(name: str, info: Any, **unsaid: Any) -> Iterator[tuple[str, str]]:
    """What is said of a field beyond what is said of any."""
    for aspect, usual in unsaid.items():
        value = getattr(info, aspect, usual)
        if value != usual:
            yield f"{name} {aspect}", repr(value)


def is_hook(name: str, base: type) -> bool:
    """Whether it is a hook of pydantic's own, which calls nothing but what is counted anyway."""
    return name in HOOKS and base.__module__.partition(".")[0] in SDKS


def generated(function: Any, kind: type) -> bool:
    """Whether a class decorator wrote the method: it says nothing that the fields do not."""
    if not any(said_by(kind, name) is not None for name in MADE) and not issubclass(kind, tuple):
        return False
    file: str = getattr(getattr(function, "__code__", None), "co_filename", "")
    special = getattr(function, "__name__", "").startswith("__")
    return special and (file == "<string>" or file.startswith("<attrs "))
