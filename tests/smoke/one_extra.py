"""What one extra adds, with no other installed: `one_extra.py NAME`, outside the checkout."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel

import llmcache
from llmcache.backends.counts import Sums
from llmcache.cli.prices import costs
from llmcache.cli.printing import by_rich
from llmcache.cli.progress import bar
from llmcache.testing import LoopbackProvider
from llmcache.testing.provider.clients import ProviderName

CHECKOUT = Path(__file__).parents[2]


class Invoice(BaseModel):
    """An answer."""

    number: str


def plain_function_is_cached() -> bool:
    """The second call is a hit."""

    @llmcache.cached_structured(backend="memory://")
    def read(text: str) -> Invoice:
        return Invoice(number=text)

    return read("A-1") == read("A-1") and read.cache_info().hits == 1


def sdk_is_cached(provider_name: ProviderName) -> bool:
    """A function around Instructor and one SDK makes one request for two calls."""
    with LoopbackProvider() as provider:
        client = provider.instructor(provider_name)

        @llmcache.cached_structured(backend="memory://")
        def extract(text: str) -> Invoice:
            made: Invoice = client.create(
                model="any",
                max_tokens=64,
                response_model=Invoice,
                messages=[{"role": "user", "content": text}],
            )
            return made

        return extract("A-1") == extract("A-1") and provider.count == 1


def instructor_slot_keeps() -> bool:
    """The class for the slot of Instructor's own cache is to be had, and holds what it is given."""
    from llmcache.integrations.instructor import InstructorCache

    cache = InstructorCache("memory://")
    cache.set("key", "an answer")
    return bool(cache.get("key") == "an answer")


def redis_is_optional_to_the_answer() -> bool:
    """Where no server listens, the function answers, with a warning."""

    @llmcache.cached_structured(backend="redis://127.0.0.1:1/0")
    def answer(text: str) -> str:
        return text.upper()

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        answered = answer("a") == "A"
    kinds = {warning.category for warning in said}
    return answered and kinds == {llmcache.BackendWarning}


def prices_are_known() -> bool:
    """Tokens of a public model cost something."""
    cost = costs()("gpt-4o-mini", Sums(calls=1, input_tokens=1_000, output_tokens=1_000))
    return cost is not None and cost > Decimal(0)


def calls_are_traced() -> bool:
    """Without an SDK of OpenTelemetry, instrumenting does nothing and fails nothing."""
    from llmcache.integrations.otel import instrument

    @llmcache.cached_structured(backend="memory://")
    def answer(text: str) -> str:
        return text.upper()

    remove = instrument()
    answered = answer("a") == answer("a") == "A"
    remove()
    return answered


def entries_are_sealed() -> bool:
    """With a secret key, the file does not show the answer, and the answer is found again."""
    file = Path(os.environ["LLMCACHE_DIR"], "sealed.db")
    llmcache.configure(encryption_key=base64.b64encode(bytes(32)).decode())

    @llmcache.cached_structured(backend=f"sqlite:///{file}")
    def answer(text: str) -> str:
        return f"shown to {text} alone"

    same = answer("you") == answer("you") and answer.cache_info().hits == 1
    return same and b"shown to you alone" not in file.read_bytes()


def tqdm_draws() -> bool:
    """The bar of long work is tqdm's."""
    return type(bar(1, "label")).__module__.startswith("tqdm")


def rich_draws() -> bool:
    """The tables of a terminal are rich's, with a line below their headings."""
    with contextlib.redirect_stdout(io.StringIO()) as drawn:
        by_itself = by_rich(("key", "size"), [("ab", "1 kB")], " r", headed=True)
    return by_itself and "\N{BOX DRAWINGS LIGHT HORIZONTAL}" in drawn.getvalue()


CHECKS: dict[str, Callable[[], bool]] = {
    "openai": lambda: sdk_is_cached("openai"),
    "anthropic": lambda: sdk_is_cached("anthropic"),
    "instructor": instructor_slot_keeps,
    "redis": redis_is_optional_to_the_answer,
    "prices": prices_are_known,
    "otel": calls_are_traced,
    "crypto": entries_are_sealed,
    "progress": tqdm_draws,
    "rich": rich_draws,
}


def main(extra: str) -> int:
    """0 when a function is cached with this extra alone, and what the extra adds is there."""
    outside = Path(llmcache.__file__).parent != CHECKOUT / "llmcache"
    checks = {
        "the installed package is used": outside,
        "a plain function is cached": plain_function_is_cached(),
        f"what {extra} adds is there": CHECKS[extra](),
    }
    for name, holds in checks.items():
        sys.stdout.write(f"{'ok  ' if holds else 'FAIL'} {name}\n")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
