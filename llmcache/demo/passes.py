"""Two passes over the documents, and what was counted in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from llmcache import on_event
from llmcache.backends.base import Backend
from llmcache.clock import SYSTEM, Clock
from llmcache.demo.documents import Document
from llmcache.demo.extraction import Invoice, extract_invoice
from llmcache.demo.source import Source
from llmcache.events import Bypass, Event, Hit, Miss, Stale, Wait

__all__ = ["Demonstration", "Pass", "demonstrate"]

WORKERS = 4
SAVED = Hit | Stale | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass took; everything here is counted or measured.

    Attributes:
        requests: Requests to the provider.
        hits: Answers that cost no request.
        bypassed: Calls that the cache had no part in, as its mode says.
        tokens_spent: Tokens of prompts and answers that were paid for.
        tokens_saved: Tokens of the answers that came from the cache, as paid for at the time.
    """

    documents: int
    requests: int
    hits: int
    bypassed: int
    seconds: float
    tokens_spent: int
    tokens_saved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """The two passes, what was extracted, and where it is kept."""

    provider: str
    model: str
    passes: tuple[Pass, Pass]
    invoices: tuple[tuple[str, Invoice], ...]
    backend: Backend

    @property
    def all_hits(self) -> bool:
        """Whether the second pass made no request."""
        return self.passes[1].requests == 0


def demonstrate(
    source: Source, shown: list[Document], advance: Callable[[], object], *, clock: Clock = SYSTEM
) -> Demonstration:
    """Extract every document twice.

    Args:
        source: Who answers.
        shown: What is extracted.
        advance: Called after each extraction, from several threads.
        clock: Where the seconds are read.
    """
    first, _ = one_pass(source, shown, advance, clock)
    second, invoices = one_pass(source, shown, advance, clock)
    return Demonstration(
        provider=source.provider,
        model=source.model,
        passes=(first, second),
        invoices=tuple(
            (document.name, invoice) for document, invoice in zip(shown, invoices, strict=True)
        ),
        backend=extract_invoice.cache_backend,
    )


def one_pass(
    source: Source, shown: list[Document], advance: Callable[[], object], clock: Clock
) -> tuple[Pass, list[Invoice]]:
    """Extract every document once, a few at a time."""

    def extracted(document: Document) -> Invoice:
        invoice = extract_invoice(source.client, source.model, document.text)
        advance()
        return invoice

    events: list[Event] = []
    before, started = source.requests(), clock.monotonic()
    stop_listening = on_event(events.append)
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            running = [pool.submit(extracted, document) for document in shown]
            invoices = in_order(pool, running)
    finally:
        stop_listening()
    seconds = clock.monotonic() - started
    return counted(events, source.requests() - before, seconds), invoices


def in_order(pool: ThreadPoolExecutor, running: list[Future[Invoice]]) -> list[Invoice]:
    """All results; after a failure nothing further is asked for."""
    try:
        return [future.result() for future in running]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def counted(events: Iterable[Event], requests: int, seconds: float) -> Pass:
    """The events of the demo's function, added up; each call is one of these."""
    ours = [event for event in events if event.function == NAME]
    calls = [event for event in ours if isinstance(event, SAVED | Miss | Bypass)]
    hits = [event for event in calls if isinstance(event, SAVED)]
    return Pass(
        documents=len(calls),
        requests=requests,
        hits=len(hits),
        bypassed=sum(isinstance(event, Bypass) for event in calls),
        seconds=seconds,
        tokens_spent=sum(tokens(event) for event in calls if not isinstance(event, SAVED)),
        tokens_saved=sum(tokens(event) for event in hits),
    )


def tokens(event: Event) -> int:
    """Prompt and answer together; 0 where they are not known."""
    return (event.input_tokens or 0) + (event.output_tokens or 0)


NAME = f"{extract_invoice.__module__}.{extract_invoice.__wrapped__.__name__}"
