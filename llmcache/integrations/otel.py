"""Calls as OpenTelemetry spans and metrics: `instrument()` once, at the start of the program.

Only the API is needed (extra `otel`); without an SDK, all of it does nothing. A span is made when
its call has ended, as a child of whatever span is current there. Names follow OpenTelemetry's
conventions for generative AI where they have one. `gen_ai.usage.*` stands only on calls that the
model was asked for, so that what is summed up over them is what was spent; what a hit, a wait or a
stale answer spared is `llmcache.tokens_saved.*`. Neither questions nor answers are in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmcache.clock import SYSTEM
from llmcache.errors import ConfigurationError
from llmcache.events import BackendFailure, Event, on_event

try:
    from opentelemetry import metrics, trace
except ImportError as _missing:  # a plain name would be public
    raise ConfigurationError(
        "Spans and metrics need the package opentelemetry-api: "
        'pip install "llmcache-structured[otel]".',
        name="otel",
    ) from _missing

__all__ = ["instrument"]

SCOPE = "llmcache"
SPAN = "llmcache.call"
NANO = 1_000_000_000


class Instruments:
    """Where spans and figures go.

    Args:
        tracer: Makes the spans.
        meter: Makes the counters and the histogram.
    """

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        self.tracer = tracer
        self.lookups: metrics.Counter = meter.create_counter(
            "llmcache.lookups", unit="{call}", description="Calls of cached functions, by outcome."
        )
        self.failures: metrics.Counter = meter.create_counter(
            "llmcache.backend_failures", unit="{failure}", description="Failures of the store."
        )
        self.saved: metrics.Counter = meter.create_counter(
            "llmcache.tokens_saved",
            unit="{token}",
            description="Tokens of answers for which no model was asked.",
        )
        self.duration: metrics.Histogram = meter.create_histogram(
            "llmcache.call.duration", unit="s", description="What calls took, by outcome."
        )

    def tell(self, event: Event) -> None:
        """One event of llmcache."""
        if isinstance(event, BackendFailure):
            labels = {"llmcache.function": event.function, "llmcache.operation": event.operation}
            self.failures.add(1, labels)
        elif event.outcome:
            self.count(event, event.outcome)
            self.trace(event, event.outcome)

    def count(self, event: Event, outcome: str) -> None:
        """The figures."""
        labels = {"llmcache.function": event.function, "llmcache.outcome": outcome}
        self.lookups.add(1, labels)
        self.duration.record(event.seconds, labels)
        if outcome not in ("miss", "bypass"):
            for kind, tokens in (("input", event.input_tokens), ("output", event.output_tokens)):
                if tokens:
                    self.saved.add(tokens, {**labels, "gen_ai.token.type": kind})

    def trace(self, event: Event, outcome: str) -> None:
        """The span, which began as long ago as the call took."""
        end = int(SYSTEM.time() * NANO)
        span = self.tracer.start_span(
            SPAN,
            kind=trace.SpanKind.INTERNAL,
            attributes=attributes(event, outcome),
            start_time=end - int(event.seconds * NANO),
        )
        span.end(end)


def attributes(event: Event, outcome: str) -> dict[str, Any]:
    """What a span says; what is not known is left out."""
    tokens = "gen_ai.usage" if outcome == "miss" else "llmcache.tokens_saved"
    kinds = ("input_tokens", "output_tokens") if outcome == "miss" else ("input", "output")
    told = {
        "llmcache.function": event.function,
        "llmcache.outcome": outcome,
        "llmcache.reason": getattr(event, "reason", None),
        "llmcache.key": event.key or None,
        "llmcache.backend": event.backend or None,
        "llmcache.age": getattr(event, "age", None),
        "gen_ai.response.model": event.model,
        f"{tokens}.{kinds[0]}": event.input_tokens,
        f"{tokens}.{kinds[1]}": event.output_tokens,
    }
    return {name: value for name, value in told.items() if value is not None}


def instrument(
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> Callable[[], None]:
    """Turn every call from now on into a span and figures.

    Calling it twice tells everything twice. While it is on, a hit makes a record of itself, some
    microseconds; off, it costs nothing.

    Args:
        tracer_provider: Where spans go; None: the global one.
        meter_provider: Where figures go; None: the global one.

    Returns:
        A function that ends it.
    """
    instruments = Instruments(
        trace.get_tracer(SCOPE, tracer_provider=tracer_provider),
        metrics.get_meter(SCOPE, meter_provider=meter_provider),
    )
    return on_event(instruments.tell)
