"""The options that shape keys: what is taken, and what an error tells of the rest."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from llmcache.errors import ConfigurationError
from llmcache.keys.options import (
    checked_depends_on,
    checked_key,
    checked_name,
    checked_version,
    required_parameters,
)


def plain(text: str = "", *rest: str, size: int = 1, **more: str) -> None: ...


def needing(text: str, *rest: str, size: int, **more: str) -> None: ...


async def later() -> None: ...


async def items() -> AsyncIterator[int]:
    yield 1


class Called:
    def __call__(self, text: str) -> str:
        return text


@pytest.mark.parametrize(
    ("check", "value"),
    [
        *[(checked_name, name) for name in (None, "invoices.extract")],
        *[(checked_version, version) for version in (None, 0, 3, "", "2024-05")],
        *[(checked_key, key) for key in (None, plain, needing, Called(), len)],
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_can_be_used_is_taken_as_it_is(check: Any, value: object) -> None:
    assert check(value) is value


def test_dependencies_are_several_values_or_functions_without_parameters() -> None:
    listed = [1, "text", plain, Called(), functools.partial(needing, "", size=1), int]
    assert checked_depends_on(listed) == tuple(listed)
    assert checked_depends_on(iter(listed)) == tuple(listed)
    assert checked_depends_on(()) == ()


REFUSED: list[tuple[Any, object, str]] = [
    (checked_name, "", "''"),
    (checked_name, 3, "3"),
    (checked_name, False, "False"),
    (checked_version, True, "True"),
    (checked_version, False, "False"),
    (checked_version, 1.5, "1.5"),
    (checked_key, "text", "'text'"),
    (checked_key, later, "later"),
    (checked_depends_on, "text", "'text'"),
    (checked_depends_on, b"text", "b'text'"),
    (checked_depends_on, 3, "3"),
    (checked_depends_on, {"a": 1}, "{'a': 1}"),
    (checked_depends_on, [later], "later"),
    (checked_depends_on, [items], "items"),
    (checked_depends_on, [needing], "needing"),
]


@pytest.mark.parametrize(
    ("check", "value", "shown"),
    REFUSED,
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_what_cannot_be_used_is_refused_with_what_can(check: Any, value: Any, shown: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check(value)
    error = caught.value
    option = check.__name__.removeprefix("checked_")
    assert (error.name, error.value) == (option, shown)
    assert str(error) == f"{option}={shown}: allowed is {error.allowed}."


def test_parameters_are_required_that_have_no_default() -> None:
    assert required_parameters(plain) == []
    assert required_parameters(needing) == ["text", "size"]
