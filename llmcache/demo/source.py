"""Who answers in the demo: the provider on this machine, or OpenAI or Anthropic with a key."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from llmcache.demo.documents import Document
from llmcache.errors import ConfigurationError
from llmcache.testing.provider import Answer, LoopbackProvider, Request

__all__ = ["MODELS", "ProviderName", "Source", "open_source", "provider_errors"]

ProviderName = Literal["loopback", "openai", "anthropic"]

MODELS: dict[ProviderName, str] = {
    "loopback": "gpt-4o-mini",
    "openai": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
}
ALIAS = "llmcache-demo.invalid"
"""The loopback provider takes a free port in each run, and a client's base URL is part of the key.
So its clients see this name in place of the port, which makes the second run all hits; by RFC 2606
no such host exists, so a request can reach nothing but the provider itself."""

FASTEST, SPREAD = 0.4, 0.4
"""Seconds that an answer takes on loopback: about what a small model needs."""


@dataclass(frozen=True, slots=True)
class Source:
    """An opened provider.

    Attributes:
        client: A sync Instructor client.
        requests: How many requests have been made so far, counted where they are made or arrive.
    """

    provider: ProviderName
    model: str
    client: Any
    requests: Callable[[], int]


@contextlib.contextmanager
def open_source(
    provider: ProviderName, model: str | None, shown: list[Document]
) -> Iterator[Source]:
    """A provider for the demo, closed at the end.

    Args:
        provider: `"loopback"` needs no key and no network.
        model: None: a small and cheap one.
        shown: The documents whose true content the loopback provider knows.

    Raises:
        ConfigurationError: An SDK is not installed, or the real provider's key is not set.
    """
    chosen = model or MODELS[provider]
    require(provider)
    if provider == "loopback":
        with LoopbackProvider(alias=ALIAS) as loopback:
            loopback.script(lambda request: true_answer(request, shown))
            client = loopback.instructor("openai")
            yield Source(provider, chosen, client, lambda: loopback.count)
        return
    with contextlib.closing(real_sdk_client(provider)) as sdk_client:
        import instructor  # noqa: PLC0415 - it takes two seconds to import

        client = getattr(instructor, f"from_{provider}")(sdk_client)
        numbers = itertools.count(1)
        made: list[int] = []
        client.on("completion:kwargs", lambda *_args, **_options: made.append(next(numbers)))
        yield Source(provider, chosen, client, lambda: len(made))


def require(provider: ProviderName) -> None:
    """Refuse early, in words, what would fail later with a traceback."""
    sdk = "anthropic" if provider == "anthropic" else "openai"
    missing = [name for name in ("instructor", sdk) if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"The demo needs {' and '.join(missing)}: pip install 'llmcache-structured[{sdk}]'",
            name="provider",
            value=provider,
        )
    variable = f"{provider.upper()}_API_KEY"
    if provider != "loopback" and not os.environ.get(variable):
        raise ConfigurationError(
            f"--provider {provider} needs a key in {variable}; without --provider the demo needs "
            "none.",
            name=variable,
            allowed="a key",
        )


def real_sdk_client(provider: ProviderName) -> Any:
    """The SDK's own client, set up by its own environment variables."""
    if provider == "openai":
        import openai  # noqa: PLC0415 - the SDK takes two seconds to import

        return openai.OpenAI()
    import anthropic  # noqa: PLC0415 - as above

    return anthropic.Anthropic()


def provider_errors(provider: ProviderName) -> tuple[type[Exception], ...]:
    """What Instructor and the SDK raise when the provider refuses, fails or is out of reach."""
    from instructor.core import InstructorError  # noqa: PLC0415 - it takes two seconds to import

    if provider == "anthropic":
        import anthropic  # noqa: PLC0415 - as above

        return InstructorError, anthropic.AnthropicError
    import openai  # noqa: PLC0415 - as above

    return InstructorError, openai.OpenAIError


def true_answer(request: Request, shown: list[Document]) -> Answer:
    """What is truly on the document in the prompt, after a realistic while."""
    delay = FASTEST + SPREAD * int(request.asked.seed[:2], 16) / 255
    asked = next(document for document in shown if document.text in request.text)
    return Answer(value=asked.truth, delay=delay)
