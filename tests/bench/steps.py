"""What a hit in memory is made of: each step by itself, in turn with the whole."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from answers import PROMPTS, Small
from hits import warm
from measuring import Batch, interleaved, repeated
from ours import asked
from report import Report

from llmcache import LRUBackend
from llmcache.backends.base import Entry
from llmcache.engine.looking import look
from llmcache.engine.question import restore
from llmcache.lookup import is_fresh

__all__ = ["measure_steps"]


def measure_steps(report: Report, _: Path, rounds: int) -> None:
    """The steps of one hit, small answer, 200 B prompt; calls between them come on top."""
    prompt = PROMPTS[200]
    with LRUBackend() as memory:
        extract = asked(memory, Small)
        contenders = {"the whole hit": warm(extract, prompt), **steps_of(extract, prompt)}
        found = interleaved(contenders, rounds)
    for name, figures in found.items():
        report.line("Steps of a hit in memory, 200 B prompt", name, {"median": figures})


def steps_of(extract: object, prompt: str) -> dict[str, Batch]:
    """Each step, on what the steps before it gave."""
    variant = extract._self_variant  # type: ignore[attr-defined]
    wrapped = extract.__wrapped__  # type: ignore[attr-defined]
    plan, keys = variant.plan(), variant.subject.keys
    call = variant.subject.arguments(wrapped, None, (prompt,), {})
    question = variant.question(plan, call)
    found = look(question)
    assert isinstance(found, Entry)
    data = restore(question, found)
    return {
        "settings in force": repeated(variant.plan),
        "arguments as given": repeated(
            partial(variant.subject.arguments, wrapped, None, (prompt,), {})
        ),
        "key": repeated(partial(keys.bound, call.args, call.kwargs, plan.keying)),
        "look-up": repeated(partial(look, question)),
        "age": repeated(lambda: is_fresh(found, plan.now(), plan.reader_ttl)),
        "frame and checksum": repeated(partial(restore, question, found)),
        "objects": repeated(partial(question.codec.load, data)),
        "counter and ledger": repeated(lambda: plan.tally.count_hit(found, plan.now())),
    }
