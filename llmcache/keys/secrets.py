"""Which names say that they hold a secret."""

from __future__ import annotations

import re

__all__ = ["is_secret_name"]

SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)\Z", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a name, or the key of an item, says that it holds a secret."""
    return SECRET_NAME.search(name.rstrip("'\"]")) is not None
