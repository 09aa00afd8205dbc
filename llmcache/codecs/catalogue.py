"""Which classes may come back: those the call declares, those seen in this process, the SDKs'."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from llmcache.codecs.derived import derived
from llmcache.codecs.origin import digest_of, name_of, nearest
from llmcache.codecs.reach import reachable
from llmcache.codecs.sdk import is_sdk_class, sdk_class

__all__ = ["Catalogue", "SeenTypes"]

SEEN_CLASSES = 128
GENERAL = frozenset({"abc", "builtins", "enum", "instructor", "pydantic", "typing"})
"""Packages whose classes have subclasses everywhere: declaring one declares none of those."""


class SeenTypes:
    """The classes that one function's answers had in this process and that nothing declares.

    A class made inside the function's body can come back from it as long as the process lives;
    of classes with one name and the same fields, the last. At most 128 are held, the oldest go.
    """

    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.classes: OrderedDict[tuple[str, str], type] = OrderedDict()
        self.revision: int = 0

    def remember(self, kind: type) -> None:
        """Keep a class, in place of an earlier one of the same name and digest."""
        place = (name_of(kind), digest_of(kind))
        with self.lock:
            if self.classes.get(place) is kind:
                return
            self.classes[place] = kind
            self.classes.move_to_end(place)
            self.revision += 1
            while len(self.classes) > SEEN_CLASSES:
                self.classes.popitem(last=False)

    def find(self, name: str, digest: str) -> type | None:
        """The class last seen under this name with these fields."""
        return self.classes.get((name, digest))


class Catalogue:
    """Names for classes and classes for names, for the results of one function."""

    def __init__(self, declared: Any, candidates: tuple[Any, ...], seen: SeenTypes) -> None:
        self.roots: tuple[Any, ...] = (declared, *candidates)
        self.seen = seen
        self.reached: dict[str, list[type]] | None = None
        self.known: frozenset[type] = frozenset()

    def reach(self) -> dict[str, list[type]]:
        """The declared classes by qualname; walked at the first need."""
        if self.reached is None:
            kinds = list(reachable(self.roots))
            reached: dict[str, list[type]] = {}
            for kind in kinds:
                reached.setdefault(kind.__qualname__, []).append(kind)
            self.known, self.reached = frozenset(kinds), reached
        return self.reached

    def nearest(self, kind: type) -> type:
        """The class itself, or the nearest base that is declared or not made up."""
        self.reach()
        return nearest(kind, self.known)

    def place(self, kind: type) -> tuple[type, str, str]:
        """The class that stands for `kind` in an entry, its name and its digest.

        A class that nothing declares is remembered as seen. SDK classes have no digest: they
        are taken from whatever release is installed.
        """
        kind = self.nearest(kind)
        if is_sdk_class(kind):
            return kind, name_of(kind), ""
        if kind not in self.known:
            self.seen.remember(kind)
        return kind, name_of(kind), digest_of(kind)

    def find(self, name: str, digest: str) -> type | None:
        """The class that an entry names, or None; the SDK's, seen, declared, derived from those."""
        if not digest:
            return sdk_class(name)
        seen = self.seen.find(name, digest)
        if seen is not None:
            return seen
        choices = [kind for kind in self.candidates(name) if digest_of(kind) == digest]
        for kind in choices:
            if name_of(kind) == name:
                return kind
        for kind in derived(name, lambda qualname: self.reach().get(qualname, ())):
            if digest_of(kind) == digest:
                self.seen.remember(kind)
                return kind
        return choices[0] if choices else None

    def candidates(self, name: str) -> Iterator[type]:
        """The classes with this qualname: the declared ones, then the subclasses of those."""
        qualname = name.partition(":")[2]
        yield from self.reach().get(qualname, ())
        pending = [kind for kind in self.known if kind.__module__.partition(".")[0] not in GENERAL]
        while pending:
            kind: type
            for kind in type.__subclasses__(pending.pop()):
                pending.append(kind)
                if kind.__qualname__ == qualname and nearest(kind) is kind:
                    yield kind
