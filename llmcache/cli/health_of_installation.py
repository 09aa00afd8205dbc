"""How the package and the SDKs around it are installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import metadata

from llmcache.cli.findings import Finding, fine, problem

__all__ = ["look_at_installation"]

OWN = "llmcache-structured"
NEEDED: Mapping[str, tuple[int, ...]] = {"instructor": (1, 17), "openai": (3,), "anthropic": (2,)}


def look_at_installation() -> Iterator[Finding]:
    """Who owns the package, and the versions of the SDKs."""
    owners = sorted(set(metadata.packages_distributions().get("llmcache", [OWN])))
    others = [each for each in owners if each != OWN]
    if others:
        text = f"{', '.join(others)} installs a package llmcache too: pip uninstall {others[0]}, "
        yield problem("package", f"{text}then reinstall {OWN}.")
    else:
        yield fine("package", f"{OWN} {version_of(OWN)} alone owns llmcache.")
    yield from look_at_sdks()


def look_at_sdks() -> Iterator[Finding]:
    """Versions that this package, or Instructor's own cache, does not work with."""
    for name, least in NEEDED.items():
        version = version_of(name)
        if version is not None and numbers(version) < least:
            wanted = ".".join(map(str, least))
            yield problem(name, f"{version} is too old: pip install '{name}>={wanted}'.")
    anthropic = version_of("anthropic")
    if anthropic is not None and numbers(anthropic) >= (2,) and version_of("instructor"):
        text = (
            f"For who uses Instructor's own cache=: with anthropic {anthropic} it never hits and "
            "says nothing; cached_structured and cached_client do."
        )
        yield fine("instructor", text)


def version_of(name: str) -> str | None:
    """The installed version, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version."""
    found: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found)
