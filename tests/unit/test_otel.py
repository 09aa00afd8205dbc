"""What OpenTelemetry is told of calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from llmcache import LRUBackend, cached_structured, configure, mode, reset_configuration
from llmcache.codecs import Usage
from llmcache.engine.keeping import tell_usage
from llmcache.errors import BackendUnavailableError
from llmcache.testing import ManualClock

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llmcache.integrations.otel import instrument


class Told:
    """Everything that was exported."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self.reader])

    def attributes(self) -> list[dict[str, Any]]:
        return [dict(span.attributes or {}) for span in self.spans.get_finished_spans()]

    def points(self, of_histograms: str = "count") -> dict[str, dict[tuple[Any, ...], Any]]:
        """The values of each metric by its attributes' values, of a histogram its count or sum.

        Read once a test: older versions of the SDK tell of a histogram only what is new.
        """
        data = self.reader.get_metrics_data()
        return {
            metric.name: {
                tuple(point.attributes.values()): getattr(
                    point, "value" if hasattr(point, "value") else of_histograms
                )
                for point in metric.data.data_points
            }
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    stop = instrument(tracer_provider=made.tracers, meter_provider=made.meters)
    yield made
    stop()
    made.tracers.shutdown()
    made.meters.shutdown()


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    """The clock of all calls of a test."""
    made = ManualClock()
    configure(clock=made)
    yield made
    reset_configuration()


def asking(backend: Any, clock: ManualClock | None = None) -> Any:
    """A function of which each run takes 10 tokens, answers 2, and takes 2 seconds of a clock."""

    @cached_structured(name="ask", version=1, backend=backend, on_backend_error="warn")
    def ask(text: str) -> str:
        if clock is not None:
            clock.advance(2)
        tell_usage(text, Usage("small", 10, 2))
        return text

    return ask


def test_tokens_are_usage_on_a_miss_and_saved_on_a_hit(told: Told) -> None:
    ask = asking(LRUBackend())
    ask("a")
    ask("a")
    with mode("off"):
        ask("a")
    missed, hit, bypassed = told.attributes()
    assert missed == {
        "llmcache.function": "ask",
        "llmcache.outcome": "miss",
        "llmcache.reason": "absent",
        "llmcache.key": ask.cache_key("a").digest,
        "llmcache.backend": "memory://",
        "gen_ai.response.model": "small",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
    }
    assert hit["llmcache.outcome"] == "hit"
    assert (hit["llmcache.tokens_saved.input"], hit["llmcache.tokens_saved.output"]) == (10, 2)
    assert not any(name.startswith("gen_ai.usage") for name in hit)
    assert (bypassed["llmcache.outcome"], bypassed["llmcache.reason"]) == ("bypass", "mode")


def test_figures_are_counted_by_outcome(told: Told) -> None:
    ask = asking(LRUBackend())
    for _ in range(3):
        ask("a")
    points = told.points()
    assert points["llmcache.lookups"] == {("ask", "miss"): 1, ("ask", "hit"): 2}
    assert points["llmcache.call.duration"] == {("ask", "miss"): 1, ("ask", "hit"): 2}
    assert points["llmcache.tokens_saved"] == {
        ("ask", "hit", "input"): 20,
        ("ask", "hit", "output"): 4,
    }


def test_a_span_is_the_child_of_the_current_one_and_as_long_as_the_call(
    told: Told, clock: ManualClock
) -> None:
    ask = asking(LRUBackend(), clock)
    with told.tracers.get_tracer("mine").start_as_current_span("request") as outer:
        ask("a")
    span, _ = told.spans.get_finished_spans()
    assert span.name == "llmcache.call"
    assert span.parent is not None
    assert span.parent.span_id == outer.get_span_context().span_id
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 2 * 10**9


def test_the_histogram_sums_up_what_calls_took(told: Told, clock: ManualClock) -> None:
    ask = asking(LRUBackend(), clock)
    for text in "aab":
        ask(text)
    assert told.points("sum")["llmcache.call.duration"] == {("ask", "miss"): 4.0, ("ask", "hit"): 0}


@pytest.mark.filterwarnings("ignore::llmcache.errors.BackendWarning")
def test_failures_of_the_store_are_counted(told: Told) -> None:
    class Failing(LRUBackend):
        def get(self, key: str) -> Any:
            raise BackendUnavailableError("gone", operation="get")

    asking(Failing())("a")
    assert told.points()["llmcache.backend_failures"] == {("ask", "get"): 1}


def test_after_the_end_nothing_is_told() -> None:
    made = Told()
    stop = instrument(tracer_provider=made.tracers, meter_provider=made.meters)
    stop()
    asking(LRUBackend())("a")
    assert made.attributes() == []
    made.tracers.shutdown()
    made.meters.shutdown()


def test_it_is_imported_only_when_asked_for() -> None:
    program = (
        "import sys, llmcache; llmcache.cached_structured; print('opentelemetry' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_without_the_package_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "try: import llmcache.integrations.otel\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "llmcache-structured[otel]" in done.stdout
