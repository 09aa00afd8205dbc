"""A request as it was received, for tests to look at and for scripts to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmcache.testing.provider.asked import Asked
from llmcache.testing.provider.compose import filled

__all__ = ["Request", "kept_headers"]

SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request for an answer.

    Attributes:
        number: 1 for the first since the start.
        path: Without host and query: `/v1/chat/completions`, `/v1/responses`, `/v1/messages`.
        body: The JSON body.
        headers: Lower-case names; those that carry keys are not recorded.
        asked: What the body asks for, in no wire format.
    """

    number: int
    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(repr=False)
    asked: Asked = field(repr=False)

    @property
    def text(self) -> str:
        """Every text of the prompt, in order, joined by newlines."""
        return self.asked.text

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return self.asked.model

    def fill(self) -> Any:
        """The value that is answered where nothing is scripted, for a script to alter."""
        return filled(self.asked)


def kept_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers without those that carry keys."""
    named: Mapping[str, str] = {name.lower(): value for name, value in headers}
    return {name: value for name, value in named.items() if name not in SECRET_HEADERS}
