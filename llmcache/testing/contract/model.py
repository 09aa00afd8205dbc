"""Any order of operations against a dict that does the same."""

# ruff: noqa: S101, D102 - tests: they assert, on figures, and their names say on what
# mypy: disable-error-code="type-abstract"
# Abilities are asked for by their protocols.

from __future__ import annotations

import contextlib
from operator import attrgetter
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import SearchStrategy

from llmcache.backends.base import Backend, Entry, Epochs, Nothing, Pruning, Scope, Sizing, able
from llmcache.testing.clock import ManualClock
from llmcache.testing.contract.base import BackendSuite, Driven, an_entry, key_of

__all__ = ["BackendModel", "ModelSuite"]

SCOPES = [Scope("", "f"), Scope("tenant", "f")]
KEYS = [key_of(number) for number in range(6)]
SECONDS = st.sampled_from([60.0, 600.0, 3600.0])
"""Long enough that a server whose own time goes on meanwhile does not drop what lives."""

keys: SearchStrategy[str] = st.sampled_from(KEYS)
scopes: SearchStrategy[Scope] = st.sampled_from(SCOPES)
values: SearchStrategy[bytes] = st.binary(max_size=300)


def scope_of(key: str) -> Scope:
    """A key is of one scope for ever."""
    return SCOPES[int(key, 16) % 2]


class BackendModel(RuleBasedStateMachine):
    """A backend next to a dict.

    Whatever lives must be found, as it was put; what has ended may still be; what was replaced,
    deleted or invalidated must never be. With `bound`, anything may also have been evicted.
    Preconditions are attributes, as Hypothesis may look up the source of a lambda at each step.
    """

    suite: BackendSuite
    mode: str
    bound: int | None

    def __init__(self) -> None:
        super().__init__()
        self.clock: ManualClock = ManualClock()
        self.backend: Backend = self.make()
        self.epochs: Epochs | None = able(self.backend, Epochs)
        self.pruning: Pruning | None = able(self.backend, Pruning)
        self.model: dict[str, Entry] = {}
        self.begun: dict[str, int] = {}
        self.invalidated: set[str] = set()
        self.resources: contextlib.ExitStack[bool | None] = contextlib.ExitStack()
        self.driven: Driven = self.resources.enter_context(Driven.of(self.backend, self.mode))

    @property
    def unbounded(self) -> bool:
        return self.bound is None

    def make(self) -> Backend:
        """A new backend; skips the test where there is no small one."""
        if self.bound is None:
            return self.suite.make_backend(self.clock)
        small = self.suite.make_small(self.clock, self.bound)
        if small is None:
            pytest.skip("it has no bound")
        return small

    def teardown(self) -> None:
        self.backend.close()
        self.resources.close()

    @rule(key=keys, value=values, ttl=st.none() | SECONDS, stale=st.just(0.0) | SECONDS)
    def put(self, key: str, value: bytes, ttl: float | None, stale: float) -> None:
        entry = an_entry(self.clock, value, scope=scope_of(key), ttl=ttl, stale=stale)
        self.driven.put(key, entry)
        self.model[key] = entry

    @rule(key=keys)
    def get(self, key: str) -> None:
        self.check(key)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        expected = self.allowed(key)
        removed = self.driven.delete(key)
        assert any(removed == isinstance(entry, Entry) for entry in expected)
        self.model.pop(key, None)

    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(attrgetter("epochs"))
    @rule(key=keys)
    def begin_computing(self, key: str) -> None:
        self.begun[key] = self.driven.call("epoch", key, scope_of(key))
        self.invalidated.discard(key)

    @precondition(attrgetter("begun"))
    @rule(data=st.data(), value=values)
    def end_computing(self, data: Any, value: bytes) -> None:
        key = data.draw(st.sampled_from(sorted(self.begun)))
        entry = an_entry(self.clock, value, scope=scope_of(key))
        stored = self.driven.call("put_if", key, entry, self.begun.pop(key))
        assert stored is (key not in self.invalidated)
        if stored:
            self.model[key] = entry

    @precondition(attrgetter("epochs"))
    @rule(key=keys)
    def invalidate(self, key: str) -> None:
        expected = self.allowed(key)
        removed = self.driven.invalidate(key, scope_of(key))
        assert any(removed == isinstance(entry, Entry) for entry in expected)
        self.model.pop(key, None)
        self.invalidated.add(key)

    @precondition(attrgetter("epochs"))
    @rule(key=keys)
    def refresh(self, key: str) -> None:
        self.driven.advance(key, scope_of(key))
        self.invalidated.add(key)

    @precondition(attrgetter("epochs"))
    @rule(scope=scopes)
    def clear(self, scope: Scope) -> None:
        cleared = [key for key in KEYS if scope_of(key) == scope]
        removed = self.driven.clear(scope)
        least = 0 if self.bound else sum(self.lives(key) for key in cleared)
        assert least <= removed <= sum(key in self.model for key in cleared)
        for key in cleared:
            self.model.pop(key, None)
            self.invalidated.add(key)

    @precondition(attrgetter("pruning"))
    @rule()
    def prune(self) -> None:
        self.driven.call("prune")
        for key in KEYS:
            if self.ended(key):
                assert self.driven.get(key) is Nothing.ABSENT
                del self.model[key]

    @precondition(attrgetter("unbounded"))
    @rule()
    def go_on_with_another_object(self) -> None:
        other = self.suite.reopen(self.backend, self.clock)
        if other is not None:
            self.backend.close()
            self.backend = self.driven.backend = other

    @invariant()
    def count_is_right(self) -> None:
        sizing = able(self.backend, Sizing)
        if sizing is not None:
            live = sum(self.lives(key) for key in self.model)
            least, most = (0, self.bound) if self.bound else (live, len(self.model))
            assert least <= sizing.count() <= most

    def check(self, key: str) -> None:
        """What is found is allowed, and what is absent stays so."""
        found = self.driven.get(key)
        assert found in self.allowed(key)
        if found is Nothing.ABSENT:
            self.model.pop(key, None)

    def allowed(self, key: str) -> list[Entry | Nothing]:
        """What may be found under a key."""
        if key not in self.model:
            return [Nothing.ABSENT]
        if self.ended(key) or self.bound:
            return [self.model[key], Nothing.ABSENT]
        return [self.model[key]]

    def lives(self, key: str) -> bool:
        """Whether it was put and may still be served."""
        return key in self.model and not self.ended(key)

    def ended(self, key: str) -> bool:
        """Whether it was put and may be gone by now."""
        entry = self.model.get(key)
        end = None if entry is None else entry.stale_until or entry.expires
        return end is not None and end <= self.clock.time()


class ModelSuite(BackendSuite):
    """The machine, run for a backend as it is and for a small one.

    Attributes:
        model_settings: How many runs, and how long; a slow backend may ask for fewer.
    """

    model_settings: settings = settings(
        max_examples=40,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )

    def run_model(self, mode: str, bound: int | None) -> None:
        """Run it."""
        facts = {"suite": self, "mode": mode, "bound": bound}
        run_state_machine_as_test(
            type("Model", (BackendModel,), facts), settings=self.model_settings
        )

    def test_any_order_of_operations_agrees_with_a_dict(self, mode: str) -> None:
        self.run_model(mode, None)

    def test_a_small_one_evicts_and_never_serves_what_is_outdated(self, mode: str) -> None:
        self.run_model(mode, 3)
