"""A backend's URL, taken apart, and the error for one that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from llmcache.errors import ConfigurationError
from llmcache.spellings import hint_at

__all__ = ["Address", "masked", "read_address", "read_options", "refused", "whole_number"]

FORMS = (
    "memory://, sqlite:///relative.db, sqlite:////absolute.db, default://, redis://host:6379/0, "
    "rediss://host:6379/0, unix:///path/to.sock, memory+sqlite:///relative.db, "
    "memory+redis://host:6379/0, null://"
)
PLAIN = ("memory", "sqlite", "default", "null", "memory+sqlite")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CREDENTIALS = re.compile(r"(//)?.*@", re.DOTALL)
OPTION = re.compile(r"([?&;][^=&#?;]*=)[^&#]*")
SECRET_OPTION = re.compile(r"((?:password|username|secret|token)[^=&]*=)[^&#]*", re.IGNORECASE)
SHOWN_OPTION = re.compile(
    r"[?&;](?:(?:near_)?max_(?:entries|bytes)|near_ttl|timeout|prefix|db|max_connections"
    r"|client_name|health_check_interval|ssl_(?:cert_reqs|check_hostname))="
)
"""The options that are ours and hold no secret: an unknown one may be a key that is misplaced."""


class Address(NamedTuple):
    """The pieces of a URL.

    Attributes:
        scheme: In lower case.
        authority: What stands between `//` and the path, as written.
        path: As written, with its leading slash.
        options: The query, decoded.
        shown: The URL for people, credentials masked.
    """

    scheme: str
    authority: str
    path: str
    options: Mapping[str, str]
    shown: str


def masked(url: str) -> str:
    """The URL without user, password and unknown options; works on malformed ones too."""
    scheme, separator, rest = url.partition(":")
    if scheme.lower() not in PLAIN:
        rest = CREDENTIALS.sub(r"\1***@", rest, count=1)
    return SECRET_OPTION.sub(r"\1***", OPTION.sub(shown_option, f"{scheme}{separator}{rest}"))


def shown_option(option: re.Match[str]) -> str:
    """An option of a URL, its value masked unless it is known to hold no secret."""
    return option[0] if SHOWN_OPTION.match(option[0]) else f"{option[1]}***"


def refused(shown: str, why: str, *, hint: str = "", allowed: str = FORMS) -> ConfigurationError:
    """The error for one URL."""
    return ConfigurationError(
        f"Backend URL {shown!r}: {why}.{hint} Allowed: {allowed}.",
        name="backend",
        value=shown,
        allowed=allowed,
    )


def read_address(url: object, schemes: Iterable[str]) -> Address:
    """Take a URL apart.

    Raises:
        ConfigurationError: For what is no URL of one of the schemes, or one that cannot be read.
    """
    if not isinstance(url, str):
        raise refused(f"<{type(url).__name__}>", "a backend is a URL as text or a backend object")
    shown = masked(url)
    if url != url.strip() or CONTROL.search(url):
        raise refused(shown, "it holds control characters, or blanks at its ends")
    try:
        parts = urlsplit(url)
        options = parse_qsl(
            parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict"
        )
        unquote(parts.path, errors="strict")
    except ValueError:
        # The error itself may quote a piece of a password.
        raise refused(
            shown, "it cannot be read: look at its brackets, %-escapes and name=value options"
        ) from None
    if parts.scheme not in PLAIN and "@" in parts.path + parts.query + parts.fragment:
        raise refused(shown, "in a password, '/', '?', '#' and '@' are written %2F, %3F, %23, %40")
    check_scheme(url, parts.scheme, schemes, shown)
    if parts.fragment:
        raise refused(shown, "it has a part after '#'; a '#' in a name is written %23")
    if len(dict(options)) < len(options):
        raise refused(shown, "an option stands twice")
    return Address(parts.scheme, parts.netloc, parts.path, dict(options), shown)


def check_scheme(url: str, scheme: str, schemes: Iterable[str], shown: str) -> None:
    """Refuse a scheme that is not known, and a known one that `://` does not follow."""
    if scheme in schemes:
        if not url[len(scheme) :].startswith("://"):
            raise refused(shown, f"'://' must follow {scheme!r}")
        return
    if not scheme:
        hint = f"{url}://" if url in schemes else f"for a file sqlite:///{shown}"
        raise refused(shown, f"it has no scheme; write {hint}")
    hint = hint_at(scheme, schemes)
    if scheme.startswith("memory+"):
        far = sorted(one.removeprefix("memory+") for one in schemes if one.startswith("memory+"))
        hint = f" Memory can stand in front of {', '.join(far)}."
    raise refused(shown, f"the scheme {scheme!r} is not known", hint=hint)


def read_options(
    texts: Mapping[str, str], readers: Mapping[str, Callable[[str], object]], shown: str
) -> dict[str, object]:
    """Read the texts of options, each by its reader.

    Raises:
        ConfigurationError: For an unknown option, with the nearest one, or a value that its
            reader refuses.
    """
    allowed = f"the options {', '.join(sorted(readers))}" if readers else "no options"
    for name in texts:
        if name not in readers:
            why, hint = f"the option {name!r} is not known", hint_at(name, readers)
            raise refused(shown, why, hint=hint, allowed=allowed)
    values: dict[str, object] = {}
    for name, text in texts.items():
        try:
            values[name] = readers[name](text)
        except (ValueError, OverflowError) as error:
            why = str(error).removesuffix(".")
            raise refused(shown, f"in {name!r}: {why}", allowed=allowed) from None
    return values


def whole_number(text: str) -> int:
    """Digits only, above 0."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ConfigurationError(f"{text!r} is not a whole number above 0")
    return int(text)
