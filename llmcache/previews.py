"""What is kept for people beside the parts of a key, under names of its own, and in no key.

Short previews of a call's arguments, only where `previews` asks for them: text and numbers are
shown, of all else the type. What is secret by its name is not shown, be it an argument or named
within the text; nor are the user, the password and the options of a URL, what follows `Bearer`,
and what begins as the API keys of known services do. And what the function reads and no key can
see, once for all its calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from llmcache.backends.address import masked
from llmcache.keys.explain import PREVIEW, UNKEYED, decoded
from llmcache.keys.secrets import NAME_ENDINGS, is_secret_name

__all__ = ["kept_previews", "kept_unkeyed", "previews", "unkeyed_beside"]

SHOWN = 80
LOOKED_AT = 1000
"""Characters that are looked through: more than are shown, so that no secret is cut in two."""

URL = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+")
NAMED = re.compile(
    rf"""(?<![\w-])([\w-]*{NAME_ENDINGS}|authorization)(["'\]\\]*\s*[:=]\s*)"""
    r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|(?:(?:Bearer|Basic)\s+)?[^\s,;&}]+)""",
    re.IGNORECASE | re.DOTALL,
)
BEARER = re.compile(r"\b(Bearer\s+)[^\s,;\"'}]+", re.IGNORECASE)
API_KEY = re.compile(
    r"\b(?:sk-|pk-|rk_|sk_|ghp_|gho_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza|hf_|gsk_|eyJ)[\w.-]{8,}"
)
"""As those of OpenAI, Anthropic, Stripe, GitHub, GitLab, Slack, AWS, Google, Hugging Face, Groq,
and signed tokens begin."""


def previews(bound: Iterable[tuple[str, object]]) -> dict[str, str]:
    """One preview an argument, as it is kept: `preview of NAME` to at most 80 characters."""
    return {f"{PREVIEW}{name}": shown(value) for name, value in bound if not is_secret_name(name)}


def shown(value: object) -> str:
    """A value in short."""
    if isinstance(value, str):
        text = without_secrets(value[:LOOKED_AT])
        return text if len(text) <= SHOWN and len(value) <= LOOKED_AT else f"{text[: SHOWN - 1]}…"
    if value is None or type(value) in {bool, int, float}:
        return str(value)[:SHOWN]
    return f"({type(value).__qualname__})"


def without_secrets(text: str) -> str:
    """The text with `***` in place of what looks like a secret; a guess, made for people's eyes."""
    text = URL.sub(lambda found: masked(found[0]), text)
    text = BEARER.sub(r"\1***", NAMED.sub(r"\1\2***", text))
    return API_KEY.sub("***", text)


def kept_previews(parts: bytes) -> dict[str, str]:
    """The previews beside the parts of an entry, by name; none where they cannot be read."""
    return kept_under(PREVIEW, parts)


def unkeyed_beside(unkeyed: Iterable[str]) -> dict[str, str]:
    """What no key can see, each as `NAME: WHY`, as it is kept with the shared parts."""
    told = (each.partition(": ") for each in unkeyed)
    return {f"{UNKEYED}{name}": why for name, _, why in told}


def kept_unkeyed(shared: bytes) -> dict[str, str]:
    """The same again: names, and why."""
    return kept_under(UNKEYED, shared)


def kept_under(prefix: str, parts: bytes) -> dict[str, str]:
    """What stands there under names that begin like that."""
    return {
        name.removeprefix(prefix): str(text)
        for name, text in (decoded(parts) or {}).items()
        if name.startswith(prefix)
    }
