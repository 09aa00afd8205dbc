"""The record of invalidations that a backend in memory keeps."""

from __future__ import annotations

from collections import OrderedDict

from llmcache.backends.base import Scope

__all__ = ["EpochLog"]


class EpochLog:
    """Numbers of the last invalidation of keys and scopes; whoever uses it holds a lock.

    Args:
        remembered: How many keys are told apart. Beyond, the oldest counts as an invalidation of
            its whole scope: more is computed again than need be, nothing outdated is kept.

    Attributes:
        number: That of the last invalidation of all; 0: none yet.
    """

    def __init__(self, remembered: int = 4096) -> None:
        self.remembered = remembered
        self.number: int = 0
        self.keys: OrderedDict[str, tuple[int, Scope]] = OrderedDict()
        self.scopes: dict[Scope, int] = {}

    def of(self, key: str, scope: Scope) -> int:
        """The number of the last invalidation that touched the key or its scope."""
        by_scope = self.scopes.get(scope, 0)
        by_key = self.keys.get(key)
        return by_scope if by_key is None else max(by_key[0], by_scope)

    def since(self, number: int) -> list[str | Scope]:
        """The scopes and keys that were invalidated after `number`."""
        scopes = [scope for scope, last in self.scopes.items() if last > number]
        keys = [key for key, (last, _) in self.keys.items() if last > number]
        return [*scopes, *keys]

    def add_scope(self, scope: Scope) -> None:
        """Begin a new epoch for a scope and all its keys."""
        self.number += 1
        self.scopes[scope] = self.number

    def add_key(self, key: str, scope: Scope) -> None:
        """Begin a new epoch for a key."""
        self.number += 1
        self.keys.pop(key, None)
        self.keys[key] = (self.number, scope)
        if len(self.keys) > self.remembered:
            _, (number, merged) = self.keys.popitem(last=False)
            self.scopes[merged] = max(number, self.scopes.get(merged, 0))
