"""Real SDK clients that talk to a loopback provider; the SDKs are imported when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import anthropic
    import instructor
    import openai

__all__ = ["Clients", "ProviderName"]

ProviderName = Literal["openai", "anthropic"]

FAKE_KEY = "loopback-needs-no-key"
AT_ONCE = {"Connection": "close"}
"""Async clients keep no connection, so that an event loop can end before they are closed."""


class Clients(ABC):
    """What `LoopbackProvider` knows of clients. Sync ones are closed with it."""

    alias: str | None = None

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.made_async: list[Any] = []

    @property
    @abstractmethod
    def port(self) -> int:
        """The port it listens on."""
        ...

    @property
    def url(self) -> str:
        """The base on 127.0.0.1, whatever the alias."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def host_url(self) -> str:
        """The base as the clients see it: under the alias where there is one."""
        return self.url if self.alias is None else f"http://{self.alias}"

    @property
    def openai_url(self) -> str:
        """The `base_url` for `openai.OpenAI`."""
        return f"{self.host_url}/v1"

    @property
    def anthropic_url(self) -> str:
        """The `base_url` for `anthropic.Anthropic`."""
        return self.host_url

    def http_options(self) -> dict[str, Any]:
        """Direct connections to this server, whatever proxy the environment names."""
        proxy = None if self.alias is None else self.url
        return {"trust_env": False, "proxy": proxy}

    def openai_client(self, **options: Any) -> openai.OpenAI:
        """An `openai.OpenAI` without retries and with a made-up key; `options` go to it."""
        import openai  # noqa: PLC0415 - the SDK takes two seconds to import

        http = openai.DefaultHttpxClient(**self.http_options())
        client = openai.OpenAI(**self.settings(self.openai_url, http, options))
        self.made.append(client)
        return client

    def async_openai_client(self, **options: Any) -> openai.AsyncOpenAI:
        """As `openai_client`, async."""
        import openai  # noqa: PLC0415 - the SDK takes two seconds to import

        http = openai.DefaultAsyncHttpxClient(**self.http_options(), headers=AT_ONCE)
        client = openai.AsyncOpenAI(**self.settings(self.openai_url, http, options))
        self.made_async.append(client)
        return client

    def anthropic_client(self, **options: Any) -> anthropic.Anthropic:
        """An `anthropic.Anthropic` without retries and with a made-up key; `options` go to it."""
        import anthropic  # noqa: PLC0415 - the SDK takes two seconds to import

        http = anthropic.DefaultHttpxClient(**self.http_options())
        client = anthropic.Anthropic(**self.settings(self.anthropic_url, http, options))
        self.made.append(client)
        return client

    def async_anthropic_client(self, **options: Any) -> anthropic.AsyncAnthropic:
        """As `anthropic_client`, async."""
        import anthropic  # noqa: PLC0415 - the SDK takes two seconds to import

        http = anthropic.DefaultAsyncHttpxClient(**self.http_options(), headers=AT_ONCE)
        client = anthropic.AsyncAnthropic(**self.settings(self.anthropic_url, http, options))
        self.made_async.append(client)
        return client

    def settings(self, base_url: str, http_client: Any, options: dict[str, Any]) -> dict[str, Any]:
        """What all four SDK clients are made with."""
        chosen = {"base_url": base_url, "http_client": http_client}
        return {"api_key": FAKE_KEY, "max_retries": 0, **chosen, **options}

    def instructor(
        self,
        provider: ProviderName = "openai",
        *,
        mode: instructor.Mode | str | None = None,
        asynchronous: bool = False,
        **options: Any,
    ) -> Any:
        """An Instructor client over a client made here.

        Args:
            provider: Whose SDK and wire format.
            mode: A `instructor.Mode` or its name, `"TOOLS"`; None: Instructor's default.
            asynchronous: An `AsyncInstructor` in place of an `Instructor`.
            options: For `instructor.from_openai` or `instructor.from_anthropic`.
        """
        import instructor  # noqa: PLC0415 - it takes two seconds to import

        if mode is not None:
            options["mode"] = instructor.Mode[mode] if isinstance(mode, str) else mode
        prefix = "async_" if asynchronous else ""
        client = getattr(self, f"{prefix}{provider}_client")()
        return getattr(instructor, f"from_{provider}")(client, **options)

    def close_clients(self) -> None:
        """Close the sync clients made here."""
        for client in self.made:
            client.close()
        self.made.clear()

    async def close_async_clients(self) -> None:
        """Close the async clients made here, in the loop that used them."""
        for client in self.made_async:
            await client.close()
        self.made_async.clear()
