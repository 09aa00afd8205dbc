"""Which variables of the environment a body reads, by what its look-ups lead to."""

from __future__ import annotations

import os
from typing import Any

import pytest

from llmcache.keys.code.body import Body, Chain
from llmcache.keys.code.environment import AS_A_WHOLE, BY_COMPUTED_NAME, variables_read

REACHED: dict[Chain, Any] = {
    ("environ",): os.environ,
    ("environ", "get"): os.environ.get,
    ("environb",): getattr(os, "environb", os.environ),
    ("getenv",): os.getenv,
    ("expandvars",): os.path.expandvars,
    ("STATE",): {},
    ("STATE", "get"): {}.get,
    ("NAME",): "APP_NAME",
    ("NUMBER",): 3,
    ("PATTERN",): "$APP_A and ${APP_B}, %APP_C%",
}
LOOK_UPS = [("environ",), ("environ", "get"), ("environb",), ("getenv",)]


def found(
    *,
    lookups: Any = (),
    computed: Any = (),
    chains: Any = (),
) -> tuple[set[str], set[str]]:
    body = Body(
        b"",
        from_source=True,
        chains=frozenset(chains),
        lookups=frozenset(lookups),
        computed_lookups=frozenset(computed),
    )
    return variables_read(body, REACHED.get)


@pytest.mark.parametrize("by", LOOK_UPS, ids=".".join)
def test_a_variable_is_read_by_a_name(by: Chain) -> None:
    assert found(lookups=[(by, "APP")], chains=[by]) == ({"APP"}, set())
    assert found(lookups=[(by, ("NAME",))], chains=[by]) == ({"APP_NAME"}, set())
    assert found(lookups=[(by, ("NUMBER",))], chains=[by]) == (set(), {BY_COMPUTED_NAME})
    assert found(computed=[by], chains=[by]) == (set(), {BY_COMPUTED_NAME})
    assert found(chains=[by]) == (set(), {AS_A_WHOLE})


def test_variables_are_read_out_of_a_text() -> None:
    by = ("expandvars",)
    three = {"APP_A", "APP_B", "APP_C"}
    assert found(lookups=[(by, "$APP_A ${APP_B} %APP_C%")], chains=[by]) == (three, set())
    assert found(lookups=[(by, ("PATTERN",))], chains=[by]) == (three, set())
    assert found(lookups=[(by, ("NUMBER",))]) == (set(), {BY_COMPUTED_NAME})
    assert found(computed=[by], chains=[by]) == (set(), {BY_COMPUTED_NAME})
    assert found(chains=[by]) == (set(), set())


@pytest.mark.parametrize("by", [("STATE",), ("STATE", "get"), ("NAME",)], ids=".".join)
def test_what_is_looked_up_elsewhere_is_no_variable(by: Chain) -> None:
    nothing = set[str](), set[str]()
    assert found(lookups=[(by, "APP")], chains=[by]) == nothing
    assert found(computed=[by]) == nothing
    assert found(chains=[by]) == nothing
