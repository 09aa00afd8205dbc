"""The group, and which commands it has."""

from __future__ import annotations

import sys
from typing import Any

import click

from llmcache.cli.clear import clear
from llmcache.cli.config import config
from llmcache.cli.demo import demo
from llmcache.cli.doctor import doctor
from llmcache.cli.explain import explain
from llmcache.cli.export import export_, import_
from llmcache.cli.ls import ls
from llmcache.cli.options import colour_wanted
from llmcache.cli.path import path
from llmcache.cli.problems import FOUND_A_PROBLEM, plainly, store_in_trouble
from llmcache.cli.prune import prune
from llmcache.cli.report import report
from llmcache.cli.show import show
from llmcache.cli.stats import stats

__all__ = ["llmcache"]


class Commands(click.Group):
    """A group whose commands may let errors of llmcache through."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for; trouble with its store is a problem found."""
        with plainly():
            done = super().invoke(ctx)
            sys.stdout.flush()
            if store_in_trouble():
                ctx.exit(FOUND_A_PROBLEM)
            return done


@click.group(
    cls=Commands,
    commands=[
        demo,
        stats,
        report,
        ls,
        show,
        explain,
        clear,
        prune,
        export_,
        import_,
        doctor,
        path,
        config,
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="llmcache-structured", prog_name="llmcache")
@click.pass_context
def llmcache(ctx: click.Context) -> None:
    """Structured LLM answers, cached: look at the store and steer it.

    Exit codes: 0, 1 where a problem was found, 2 for wrong usage or a setting that cannot be used.
    """
    ctx.color = colour_wanted()
