"""Which names say that they hold a secret."""

from __future__ import annotations

import re

__all__ = ["NAME_ENDINGS", "is_secret_name"]

NAME_ENDINGS = "(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)"
"""The ends of such names, as a pattern for any case of letters."""

SECRET_NAME = re.compile(rf"{NAME_ENDINGS}\Z", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a name, or the key of an item, says that it holds a secret."""
    return SECRET_NAME.search(name.rstrip("'\"]")) is not None
