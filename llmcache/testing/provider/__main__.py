"""`python -m llmcache.testing.provider`: the loopback provider by itself, to play with."""

from __future__ import annotations

import contextlib
import threading

import click

from llmcache.testing.provider.loopback import LoopbackProvider

__all__ = ["serve"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", default=0, show_default="a free one", help="The port on 127.0.0.1.")
@click.option("--delay", default=0.0, help="Seconds before each answer.")
@click.option("--chunk-delay", default=0.0, help="Seconds before each piece of a stream.")
def serve(port: int, delay: float, chunk_delay: float) -> None:
    """Answer OpenAI and Anthropic requests with made-up values until interrupted.

    Prints the base URL on the first line. `GET /` tells the count and the most in flight.
    """
    with LoopbackProvider(port=port, delay=delay, chunk_delay=chunk_delay) as provider:
        click.echo(provider.url)
        click.echo(f"OPENAI_BASE_URL={provider.openai_url} OPENAI_API_KEY=none", err=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    serve()
