"""What a call may be told: one frozen object, made from layers.

From the strongest: `LLMCACHE_DISABLE`, `cache_with`, the `mode()` context, the decorator,
`configure`, the environment, the defaults. A layer is a mapping of setting name to a value that
was checked when the layer was made, so that resolving is merging. The environment is read at the
first use, never at import, and again after `reset_configuration()`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

from llmcache.clock import SYSTEM, Clock
from llmcache.errors import ConfigurationError, ConfigurationWarning
from llmcache.modes import mode_in_context
from llmcache.notices import notice
from llmcache.spellings import SPELLINGS, Mode, TimeToLive, hint_at

__all__ = [
    "Mode",
    "Settings",
    "configure",
    "current",
    "generation",
    "layer",
    "reset_configuration",
    "resolve",
    "sources",
]

Layer = Mapping[str, Any]
PREFIX = "LLMCACHE_"
VARIABLES = MappingProxyType(
    {
        f"{PREFIX}{name.upper()}": name
        for name in (
            "backend",
            "dir",
            "ttl",
            "namespace",
            "mode",
            "max_bytes",
            "disable",
            "previews",
            "encryption_key",
            "encryption_key_file",
        )
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that one call goes by; the defaults are those of a fresh installation.

    Attributes:
        backend: A URL or a backend object.
        dir: Where the default file lives; None: the user's cache directory.
        max_bytes: Bound of the default store.
        ttl: Seconds, None (until evicted), or a callable of the result.
        namespace: Part of every key.
        mode: What the cache does; see `mode`.
        disable: As mode off, above all else.
        previews: Keep short previews of the arguments that count beside entries.
        encryption_key: Keys of 32 bytes; the first seals, all open. Empty: nothing is sealed.
        stale_if_error: Seconds after expiry; 0: never.
        stale_while_revalidate: Seconds after expiry; 0: never.
        on_backend_error: Whether a failing store warns or raises.
        on_uncacheable: Whether an argument without a stable form raises or bypasses.
        backend_timeout: Seconds that storage may add to one call, in all.
        max_wait: Seconds to follow a running call before calling too; None: as long as it lives.
        project: Further top-level packages whose code counts as the user's own.
        clock: Where time is read.
    """

    backend: Any = "default://"
    dir: str | None = None
    max_bytes: int = 1024**3
    ttl: TimeToLive = None
    namespace: str = ""
    mode: Mode = Mode.ON
    disable: bool = False
    previews: bool = False
    encryption_key: tuple[bytes, ...] = field(default=(), repr=False)
    encryption_key_file: tuple[bytes, ...] = field(default=(), repr=False)
    stale_if_error: float = 0.0
    stale_while_revalidate: float = 0.0
    on_backend_error: Literal["warn", "raise"] = "warn"
    on_uncacheable: Literal["raise", "bypass"] = "raise"
    backend_timeout: float = 1.0
    max_wait: float | None = None
    project: tuple[str, ...] = ()
    clock: Clock = SYSTEM

    @property
    def sealing_keys(self) -> tuple[bytes, ...]:
        """The keys in force: those given directly, else those of the file."""
        return self.encryption_key or self.encryption_key_file


NAMES = tuple(each.name for each in fields(Settings))
DEFAULTS = Settings()


def layer(values: Layer, *, prefix: str = "") -> dict[str, Any]:
    """Check the spellings of some settings.

    Args:
        values: Setting name to what the user wrote.
        prefix: Put before a name in errors, such as `LLMCACHE_`, which also spells it in capitals.

    Raises:
        ConfigurationError: For an unknown name or a value that the setting does not take.
    """
    checked = {}
    for name, value in values.items():
        if name not in SPELLINGS:
            raise unknown(name, NAMES)
        shown = f"{prefix}{name.upper()}" if prefix else name
        checked[name] = SPELLINGS[name](value, shown)
    return checked


def unknown(name: str, allowed: tuple[str, ...]) -> ConfigurationError:
    """The error for a setting that does not exist."""
    listed = ", ".join(sorted(allowed))
    return ConfigurationError(
        f"There is no setting {name!r}.{hint_at(name, allowed)} Settings: {listed}.",
        name=name,
        allowed=listed,
    )


def read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The layer of the environment; an empty variable counts as not set.

    Warns:
        ConfigurationWarning: For each `LLMCACHE_*` that does not exist, with the nearest that does.

    Raises:
        ConfigurationError: For a bad value, naming the variable; not where `LLMCACHE_DISABLE` is
            set, which then counts alone.
    """
    found = {}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        if variable in VARIABLES:
            if environ[variable].strip():
                found[VARIABLES[variable]] = environ[variable].strip()
            continue
        notice(
            f"The variable {variable} is not one of llmcache and has no effect."
            f"{hint_at(variable, VARIABLES, alike=0)}",
            ConfigurationWarning,
        )
    try:
        return layer(found, prefix=PREFIX)
    except ConfigurationError:
        if not layer({"disable": found.get("disable", False)}, prefix=PREFIX)["disable"]:
            raise
        return {"disable": True}


class Configuration:
    """The two layers that the process shares: what was configured, and the environment."""

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self.generation: int = 0
        self.configured: dict[str, Any] = {}
        self.environment: dict[str, Any] | None = None

    def layers(self) -> tuple[Layer, Layer]:
        """The environment, read now if it was not yet, and what was configured."""
        with self.lock:
            if self.environment is None:
                self.environment = read_environment(os.environ)
            return self.environment, self.configured

    def merge(self, values: Layer) -> None:
        """Put settings over those configured before."""
        checked = layer(values)
        with self.lock:
            self.configured = {**self.configured, **checked}
            self.generation += 1

    def reset(self) -> None:
        """Forget both layers."""
        with self.lock:
            self.configured = {}
            self.environment = None
            self.generation += 1


configuration: Configuration = Configuration()
os.register_at_fork(after_in_child=lambda: setattr(configuration, "lock", threading.RLock()))


def configure(**settings: Any) -> None:
    """Set defaults for the whole process, over the environment and under the decorators.

    It reaches functions that were decorated before. Called again, it merges.

    Args:
        **settings: By the names of `Settings`: `configure(ttl="7d", backend="sqlite:///a.db")`.

    Raises:
        ConfigurationError: For an unknown name or a bad value; then nothing is changed.
    """
    configuration.merge(settings)


def reset_configuration() -> None:
    """Forget what was configured, and read the environment again at the next use.

    Stored entries, counts, and `mode()` blocks that are open stay as they are. Backends that were
    opened for a URL stay open, and are the same ones if the URL is named again.
    """
    configuration.reset()


def generation() -> int:
    """Moves whenever the shared layers change: what was resolved under another one is outdated."""
    return configuration.generation


def resolve(*layers: Layer) -> Settings:
    """Settings from the shared layers with `layers` over them, the last one the strongest.

    Raises:
        ConfigurationError: When the environment holds a bad value.
    """
    merged: dict[str, Any] = {}
    for values in (*configuration.layers(), *layers):
        merged.update(values)
    if merged.get("disable"):
        merged["mode"] = Mode.OFF
    return Settings(**merged)


def current() -> Settings:
    """The settings of a call that no decorator and no `cache_with` says anything about."""
    selected = mode_in_context()
    return resolve() if selected is None else resolve({"mode": selected})


def sources() -> dict[str, str]:
    """Where each setting of `current()` comes from.

    Returns:
        Setting name to `"default"`, `"environment LLMCACHE_X"`, `"configure"` or `"mode()"`.
    """
    environment, configured = configuration.layers()
    found = dict.fromkeys(NAMES, "default")
    found |= {name: f"environment {PREFIX}{name.upper()}" for name in environment}
    found |= dict.fromkeys(configured, "configure")
    if mode_in_context() is not None:
        found["mode"] = "mode()"
    return found
