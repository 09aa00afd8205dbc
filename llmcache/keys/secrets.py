"""Which names say that they hold a secret, and what the digests are made secret with."""

from __future__ import annotations

import hashlib
import hmac
import re

__all__ = ["NAME_ENDINGS", "SECRET_KEYWORDS", "digest_secret", "is_secret_name"]

NAME_ENDINGS = "(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)"
"""The ends of such names, as a pattern for any case of letters."""

SECRET_NAME = re.compile(rf"{NAME_ENDINGS}\Z", re.IGNORECASE)

SECRET_KEYWORDS = frozenset({"api_key", "auth_token", "azure_ad_token"})
"""What parameters, fields and items are called that hold nothing but a secret."""


def is_secret_name(name: str) -> bool:
    """Whether a name, or the key of an item, says that it holds a secret."""
    return SECRET_NAME.search(name.rstrip("'\"]")) is not None


def digest_secret(key: bytes) -> bytes:
    """The key of the digests' HMAC, from the one that seals: neither tells the other."""
    return hmac.new(key, b"llmcache/1 digests", hashlib.sha256).digest()
