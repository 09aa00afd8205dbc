"""Two processes that ask the same at the same time: one calls, the other waits for its answer."""

from __future__ import annotations

import os
import subprocess
import sys

import instructor
from stage import MODELS, about, stage

from llmcache import Hit, Miss, Wait, cached_client, record


def ask() -> None:
    """What each process does."""
    client = cached_client(
        instructor.from_provider(f"openai/{MODELS['openai']}"),
        backend=os.environ["EXAMPLE_BACKEND"],
    )
    with record() as calls:
        person = client.create(**about("Ada is 36."))
    told = next(event for event in calls if isinstance(event, Hit | Miss | Wait))
    print(f"{type(told).__name__:<5}{told.seconds * 1000:7.2f} ms   {person}", end="")


def main() -> None:
    """Start both, then a third when they are done."""
    with stage() as here:
        environment = {**os.environ, "EXAMPLE_BACKEND": f"sqlite:///{here.directory}/answers.db"}
        if here.provider is not None:
            environment |= {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": here.provider.openai_url}
        command = [sys.executable, __file__, "ask"]

        def start() -> subprocess.Popen[str]:
            return subprocess.Popen(  # noqa: S603 - this very file
                command, env=environment, stdout=subprocess.PIPE, text=True
            )

        both = [start(), start()]
        said = [process.communicate()[0] for process in both]
        print("two at once:", *sorted(said, reverse=True), sep="\n  ")
        print("a third later:", start().communicate()[0], sep="\n  ")
        if here.provider is not None:
            print(f"{here.provider.count} request in all")


if __name__ == "__main__":
    ask() if sys.argv[1:] == ["ask"] else main()
