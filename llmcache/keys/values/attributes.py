"""What an instance holds, read without running code of its class."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from typing import Any

__all__ = [
    "attributes",
    "class_name",
    "computed_names",
    "declared_names",
    "derives",
    "mangled",
    "module_name",
    "said_by",
]

NOT_STATE = frozenset({"__dict__", "__weakref__", "__orig_class__"})


def module_name(name: str) -> str:
    """The name of a module by which it can be imported.

    `python -m app` and `import app` give one name. A script has no such name and is `__main__`, in
    a worker process too, where multiprocessing gives it another one.
    """
    if name not in {"__main__", "__mp_main__"}:
        return name
    main = sys.modules.get(name) or sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    return spec.name if spec is not None else "__main__"


def class_name(kind: type) -> str:
    """`module:qualname`, the same in every process."""
    return f"{module_name(kind.__module__)}:{kind.__qualname__}"


def derives(kind: type, base: object) -> bool:
    """Whether `base` is `kind` or one of its bases; metaclasses have no say in it."""
    return any(one is base for one in kind.__mro__)


def declared_names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass or attrs class, and the slots of any class, without doubles."""
    declared = said_by(kind, "__dataclass_fields__") is not None
    fields = [field.name for field in dataclasses.fields(kind)] if declared else []
    fields += [attribute.name for attribute in said_by(kind, "__attrs_attrs__") or ()]
    fields += [name for base in reversed(kind.__mro__) for name in slots_of(base)]
    return tuple(dict.fromkeys(name for name in fields if name not in NOT_STATE))


def said_by(kind: type, name: str) -> Any:
    """What a class or a base says of itself, where no metaclass that answers any name is asked."""
    return inspect.getattr_static(kind, name, None)


def slots_of(base: type) -> list[str]:
    """The slots that a class adds; those of the standard library are caches or part of the form.

    attrs keeps there what it has computed, besides the fields.
    """
    library = base.__module__.partition(".")[0] in sys.stdlib_module_names
    if library or "__attrs_attrs__" in base.__dict__:
        return []
    slots = base.__dict__.get("__slots__", ())
    names = [slots] if isinstance(slots, str) else [*slots]
    return [mangled(base.__name__, name) for name in names]


def mangled(owner: str, name: str) -> str:
    """A name as it is looked up where it is written in the body of a class."""
    if not name.startswith("__") or name.endswith("__") or not owner.strip("_"):
        return name
    return f"_{owner.lstrip('_')}{name}"


def computed_names(kind: type) -> frozenset[str]:
    """Names in an instance that are no state: where `cached_property`, of any library, keeps it."""
    return NOT_STATE | frozenset(
        name
        for base in kind.__mro__
        for name, member in base.__dict__.items()
        if type(member).__name__ == "cached_property"
    )


def attributes(
    value: object, declared: tuple[str, ...], left_out: frozenset[str]
) -> dict[str, Any]:
    """The instance's attributes: those declared, as far as they are set, and its `__dict__`."""
    held: dict[str, Any] = {}
    for name in declared:
        try:
            held[name] = getattr(value, name)
        except AttributeError:
            continue
    own = getattr(value, "__dict__", None)
    if type(own) is dict:
        held.update(own)
    for name in left_out:
        held.pop(name, None)
    return held
