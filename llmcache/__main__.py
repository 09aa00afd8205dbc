"""`python -m llmcache`, and the `llmcache` command."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; exits the process."""
    from llmcache.cli import llmcache  # noqa: PLC0415 - importing this module runs nothing

    llmcache(prog_name="llmcache")


if __name__ == "__main__":
    main()
