"""The command line, one file a command. What a command needs is imported when it runs."""

from llmcache.cli.commands import llmcache

__all__ = ["llmcache"]
