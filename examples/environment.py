"""Nothing in the code says where answers go: the environment does, looked at when first needed."""

from __future__ import annotations

import os

from stage import Person, about, stage

import llmcache


@llmcache.cached_structured
def extract(text: str) -> Person:
    """Decorated before anything was configured."""
    person: Person = clients["default"].create(**about(text))
    return person


clients = {}

with stage() as here:
    clients["default"] = here.client()
    os.environ["LLMCACHE_BACKEND"] = f"sqlite:///{here.directory}/answers.db"
    os.environ["LLMCACHE_TTL"] = "7d"
    llmcache.reset_configuration()  # as a new process would
    print(extract.cache_backend.description.replace(str(here.directory), "..."))
    here.show("first", lambda: extract("Ada is 36."))
    here.show("again", lambda: extract("Ada is 36."))
    os.environ["LLMCACHE_DISABLE"] = "1"
    llmcache.reset_configuration()
    here.show("LLMCACHE_DISABLE=1", lambda: extract("Ada is 36."))
    del os.environ["LLMCACHE_DISABLE"]
    os.environ["LLMCACHE_MODE"] = "offline"
    llmcache.reset_configuration()
    here.show("LLMCACHE_MODE=offline", lambda: extract("Ada is 36."))
    try:
        extract("Bo is 7.")
    except llmcache.CacheMissError as miss:
        print(str(miss).splitlines()[0])
    here.compare(
        lambda: extract("Ada is 36."),
        call=lambda: clients["default"].create(**about("Dee is 5.")),
    )
    for name in ("BACKEND", "TTL", "MODE"):
        del os.environ[f"LLMCACHE_{name}"]
    llmcache.reset_configuration()
