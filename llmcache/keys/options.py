"""The options of a decorator that shape its keys, checked when it is applied."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmcache.errors import ConfigurationError

__all__ = ["checked_depends_on", "checked_key", "checked_name", "checked_version"]


def checked_name(name: object) -> str | None:
    """`name=`: text that is not empty."""
    if name is None or (isinstance(name, str) and name):
        return name
    raise refused("name", name, "text that is not empty, such as 'invoices.extract'")


def checked_version(version: object) -> str | int | None:
    """`version=`: text or a whole number; True is most likely meant as something else."""
    if version is None or (isinstance(version, str | int) and not isinstance(version, bool)):
        return version
    raise refused("version", version, "text or a whole number, such as 3 or '2024-05'")


def checked_key(key: object) -> Callable[..., Any] | None:
    """`key=`: a plain callable; what a coroutine function returns is no value."""
    if key is None or (callable(key) and not inspect.iscoroutinefunction(key)):
        return key
    raise refused("key", key, "a plain function of the call's arguments that returns their key")


def checked_depends_on(depends_on: object) -> tuple[Any, ...]:
    """`depends_on=`: several values or functions without parameters."""
    if isinstance(depends_on, str | bytes):
        raise refused(
            "depends_on", depends_on, f"several values: write depends_on=[{depends_on!r}]"
        )
    if isinstance(depends_on, Mapping) or not isinstance(depends_on, Iterable):
        raise refused("depends_on", depends_on, "a list of values or of zero-argument functions")
    listed = tuple(depends_on)
    for item in listed:
        if inspect.iscoroutinefunction(item) or inspect.isasyncgenfunction(item):
            raise refused("depends_on", item, "values or plain functions: nobody awaits it here")
        if inspect.isfunction(item) and required_parameters(item):
            raise refused("depends_on", item, "functions that can be called without arguments")
    return listed


def required_parameters(function: Callable[..., Any]) -> list[str]:
    """The parameters without a default."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]


def refused(name: str, value: object, allowed: str) -> ConfigurationError:
    """The error for one option."""
    shown = getattr(value, "__qualname__", None) or repr(value)
    return ConfigurationError(
        f"{name}={shown}: allowed is {allowed}.", name=name, value=shown, allowed=allowed
    )
