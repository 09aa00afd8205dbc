"""Several processes on one store, each with its own memory in front: nothing outdated is served.

Each tier stands for a process. Answers are made as the engine makes them: looked up, computed
where there is none, stored if no invalidation came in between.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from llmcache.backends import Entry, LRUBackend, Nothing, Scope, TieredBackend
from llmcache.testing import ManualClock

SCOPES = [Scope("", "f"), Scope("", "g")]
KEYS = ["00", "01", "02", "03"]
PROCESSES = 3

processes = st.integers(0, PROCESSES - 1)
keys = st.sampled_from(KEYS)


def scope_of(key: str) -> Scope:
    """A key is of one scope for ever."""
    return SCOPES[int(key) % 2]


class ManyProcesses(RuleBasedStateMachine):
    """`truth` is the answer that is right at the moment; invalidation makes the next one right."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.far = LRUBackend(max_entries=None, clock=self.clock)
        self.tiers = [self.new_process() for _ in range(PROCESSES)]
        self.truth = dict.fromkeys(KEYS, 0)
        self.running: dict[tuple[int, str], tuple[int, int]] = {}

    def new_process(self) -> TieredBackend:
        """A process that begins with an empty memory, so small that it evicts."""
        near = LRUBackend(max_entries=2, clock=self.clock)
        return TieredBackend(near, self.far, clock=self.clock)

    @rule(process=processes, key=keys, ttl=st.sampled_from([None, 10.0]))
    def call(self, process: int, key: str, ttl: float | None) -> None:
        tier = self.tiers[process]
        epoch = tier.epoch(key, scope_of(key))
        found = tier.get(key)
        if isinstance(found, Nothing):
            assert tier.put_if(key, self.answer(key, self.truth[key], ttl), epoch)
            found = tier.get(key)
        assert isinstance(found, Entry)
        assert found.value == str(self.truth[key]).encode()

    @rule(process=processes, key=keys)
    def begin_to_compute(self, process: int, key: str) -> None:
        epoch = self.tiers[process].epoch(key, scope_of(key))
        self.running[process, key] = (epoch, self.truth[key])

    @precondition(attrgetter("running"))
    @rule(data=st.data())
    def end_computing(self, data: Any) -> None:
        process, key = data.draw(st.sampled_from(sorted(self.running)))
        epoch, computed = self.running.pop((process, key))
        stored = self.tiers[process].put_if(key, self.answer(key, computed, None), epoch)
        assert stored is (computed == self.truth[key])

    @rule(process=processes, key=keys)
    def invalidate(self, process: int, key: str) -> None:
        self.tiers[process].invalidate(key, scope_of(key))
        self.truth[key] += 1

    @rule(process=processes, scope=st.sampled_from(SCOPES))
    def clear(self, process: int, scope: Scope) -> None:
        self.tiers[process].clear(scope)
        for key in KEYS:
            self.truth[key] += scope_of(key) == scope

    @rule(process=processes)
    def restart(self, process: int) -> None:
        self.tiers[process] = self.new_process()

    @rule(seconds=st.sampled_from([1, 20]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def answer(self, key: str, computed: int, ttl: float | None) -> Entry:
        """What is stored."""
        now = self.clock.time()
        expires = None if ttl is None else now + ttl
        return Entry(str(computed).encode(), scope_of(key), now, expires=expires)


TestManyProcesses = ManyProcesses.TestCase
TestManyProcesses.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
