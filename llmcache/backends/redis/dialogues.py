"""What is said to a Redis server for each thing a backend can do. No I/O.

A dialogue is a generator: it yields steps, is sent the server's replies, and returns the answer.
The two drivers that carry the steps, sync and async, are in `wire`.

On a cluster the epoch of a scope lives on another server than the keys of an answer, so no script
can compare both. There an answer is stored in two steps: it is laid down as *pending*, which no
reader looks at, then the scope's epoch is read, then a script publishes it if the sum is right.
`clear` first moves the epoch and then removes values and pending ones alike. So if the epoch moves
before the reading, it is seen; if it moves after, the removal finds what was pending before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from llmcache.backends.base import Claim, Entry, Held, Nothing, Scope
from llmcache.backends.entries import end_of
from llmcache.backends.redis.frame import (
    HEAD_SIZE,
    pack_entry,
    read_head,
    scope_tag,
    unpack_entry,
)
from llmcache.backends.redis.scripts import (
    ADVANCE,
    BUMP,
    CLAIM,
    PUBLISH,
    RELEASE,
    RENEW,
    SETTLE,
)
from llmcache.backends.redis.steps import BATCH, Batch, Command, Dialogue, Names, Run, Scan, Words
from llmcache.clock import SYSTEM, Clock

__all__ = ["Dialogues"]

PENDING_LIFE = 5_000
"""Milliseconds after which a pending value goes whose writer was killed."""

MANIFEST_LIFE = 90 * 86_400_000
"""Milliseconds for which a manifest is kept after it was last put."""

FOREIGN = b""
"""Stands for a value of another type than ours: no entry, so it reads as damaged."""


class Dialogues:
    """All dialogues of one backend.

    Args:
        names: The names of the keys.
        clock: Judges what is live; leases are timed by the server's own clock, unless this is
            not the system's.
        cluster: Whether the keys are spread over several servers.
    """

    def __init__(self, names: Names, clock: Clock = SYSTEM, *, cluster: bool = False) -> None:
        self.names = names
        self.clock = clock
        self.cluster = cluster

    # Backend

    def get(self, key: str) -> Dialogue[Entry | Nothing]:
        """See `Backend.get`."""
        found = unpack_entry(key, (yield Command(("GET", self.names.value(key)), FOREIGN)))
        return self.unended(found)

    def put(self, key: str, entry: Entry) -> Dialogue[None]:
        """See `Backend.put`."""
        yield Command(self.storing(self.names.value(key), key, entry))

    def delete(self, key: str) -> Dialogue[bool]:
        """See `Backend.delete`."""
        return bool((yield Command(("UNLINK", self.names.value(key)))))

    # Epochs

    def epoch(self, key: str, scope: Scope) -> Dialogue[int]:
        """See `Epochs.epoch`."""
        numbers = [self.names.answer(key)[2], self.names.scope_epoch(scope)]
        replies = yield Batch([("GET", number) for number in numbers])
        return sum(as_number(reply) for reply in replies)

    def put_if(self, key: str, entry: Entry, epoch: int) -> Dialogue[bool]:
        """See `Epochs.put_if`."""
        return self.settle(key, "", entry, epoch)

    def invalidate(self, key: str, scope: Scope) -> Dialogue[bool]:
        """See `Epochs.invalidate`."""
        removed, _ = yield from self.advanced(key, scope, removing=True)
        return bool(removed)

    def advance(self, key: str, scope: Scope) -> Dialogue[int]:
        """See `Epochs.advance`."""
        _, epoch = yield from self.advanced(key, scope, removing=False)
        return epoch

    def clear(self, scope: Scope) -> Dialogue[int]:
        """See `Epochs.clear`."""
        yield Run(BUMP, (self.names.scope_epoch(scope),), ())
        removed, position = 0, None
        while True:
            position, found = yield Scan(self.names.pattern("[vp]*"), position)
            mine = yield from self.of_scope(found, scope)
            removed += sum((yield Batch([("UNLINK", name) for name in mine])) if mine else ())
            if position is None:
                return removed

    # Leasing

    def claim(
        self, key: str, scope: Scope, token: str, seconds: float, max_age: float | None
    ) -> Dialogue[Claim]:
        """See `Leasing.claim`; an entry that turns out damaged is no reason to take no lease."""
        claim = yield from self.claimed(key, scope, token, seconds, max_age)
        if claim.entry is Nothing.DAMAGED and claim.held is None:
            claim = yield from self.claimed(key, scope, token, seconds, 0)
        return claim

    def settle(self, key: str, token: str, entry: Entry, epoch: int) -> Dialogue[bool]:
        """See `Leasing.settle`."""
        life = self.life(entry)
        if not self.cluster:
            keys = (*self.names.answer(key), self.names.scope_epoch(entry.scope))
            arguments = (0, epoch, token, life or "", pack_entry(key, entry))
            return bool((yield Run(SETTLE, keys, arguments)))
        pending = self.names.pending(key)
        yield Command(("SET", pending, pack_entry(key, entry), "PX", PENDING_LIFE))
        base = as_number((yield Command(("GET", self.names.scope_epoch(entry.scope)))))
        keys = (*self.names.answer(key), pending)
        return bool((yield Run(PUBLISH, keys, (base, epoch, token, life or ""))))

    def renew(self, key: str, token: str, seconds: float) -> Dialogue[bool]:
        """See `Leasing.renew`."""
        _, lease, _ = self.names.answer(key)
        arguments = (token, milliseconds(seconds), self.lease_clock())
        return bool((yield Run(RENEW, (lease,), arguments)))

    def release(self, key: str, token: str) -> Dialogue[None]:
        """See `Leasing.release`."""
        _, lease, _ = self.names.answer(key)
        yield Run(RELEASE, (lease,), (token,))

    # Bulk, Manifests

    def get_many(self, keys: Iterable[str]) -> Dialogue[dict[str, Entry]]:
        """See `Bulk.get_many`."""
        wanted, found = list(keys), {}
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            replies = yield Batch([("GET", self.names.value(key)) for key in part])
            for key, reply in zip(part, replies, strict=True):
                entry = self.unended(unpack_entry(key, reply))
                if isinstance(entry, Entry):
                    found[key] = entry
        return found

    def put_many(self, entries: Mapping[str, Entry]) -> Dialogue[None]:
        """See `Bulk.put_many`; in a cluster it is not one step, see `withdraw`."""
        commands = [
            self.storing(self.names.value(key), key, entry) for key, entry in entries.items()
        ]
        if not self.cluster:
            yield Batch(commands, atomic=True)
            return
        for start in range(0, len(commands), BATCH):
            yield Batch(commands[start : start + BATCH])

    def withdraw(self, keys: Iterable[str]) -> Dialogue[None]:
        """Remove what a failed `put_many` may have stored."""
        yield Batch([("UNLINK", self.names.value(key)) for key in keys])

    def put_manifest(self, digest: str, parts: bytes) -> Dialogue[None]:
        """See `Manifests.put_manifest`; putting it again prolongs its life."""
        name = self.names.manifest(digest)
        keep: Words = ("SET", name, parts, "PX", MANIFEST_LIFE, "NX")
        yield Batch([keep, ("PEXPIRE", name, MANIFEST_LIFE)])

    def get_manifest(self, digest: str) -> Dialogue[bytes | None]:
        """See `Manifests.get_manifest`."""
        found: bytes | None = yield Command(("GET", self.names.manifest(digest)), FOREIGN)
        return found or None

    # What they are made of

    def claimed(
        self, key: str, scope: Scope, token: str, seconds: float, max_age: float | None
    ) -> Dialogue[Claim]:
        """One claim, believing the server that an entry is live."""
        base, keys = yield from self.with_scope(key, scope)
        largest = "" if max_age is None else repr(max_age)
        now = repr(self.clock.time())
        arguments = (base, token, milliseconds(seconds), now, largest, self.lease_clock())
        value, epoch, held = yield Run(CLAIM, keys, arguments)
        entry = self.unended(unpack_entry(key, value))
        if held < 0:
            return Claim(entry, epoch)
        return Claim(entry, epoch, Held(self.clock.time() + held / 1000))

    def advanced(self, key: str, scope: Scope, *, removing: bool) -> Dialogue[tuple[int, int]]:
        """A new epoch for the key: how many values were removed, and the epoch."""
        base, keys = yield from self.with_scope(key, scope)
        removed, epoch = yield Run(ADVANCE, keys, (base, int(removing)))
        return removed, epoch

    def with_scope(self, key: str, scope: Scope) -> Dialogue[tuple[int, tuple[str, ...]]]:
        """The scope's epoch as a number read before, or as a key for the script to read."""
        name = self.names.scope_epoch(scope)
        if self.cluster:
            return as_number((yield Command(("GET", name)))), self.names.answer(key)
        return 0, (*self.names.answer(key), name)

    def of_scope(self, names: list[bytes], scope: Scope) -> Dialogue[list[bytes]]:
        """Those of the named values that belong to the scope."""
        if not names:
            return []
        tag = scope_tag(scope)
        replies = yield Batch([("GETRANGE", name, 0, HEAD_SIZE - 1) for name in names])
        heads = [read_head(reply) for reply in replies]
        return [name for name, head in zip(names, heads, strict=True) if head and head.scope == tag]

    def storing(self, name: str, key: str, entry: Entry) -> Words:
        """The command that stores an entry for as long as it may be served."""
        life = self.life(entry)
        words: Words = ("SET", name, pack_entry(key, entry))
        return words if life is None else (*words, "PX", life)

    def life(self, entry: Entry) -> int | None:
        """Milliseconds until the server removes it; None: never."""
        end = end_of(entry)
        return None if end == math.inf else milliseconds(end - self.clock.time())

    def unended(self, found: Entry | Nothing) -> Entry | Nothing:
        """What was found, or `ABSENT` where it has ended and the server's clock is behind."""
        ended = isinstance(found, Entry) and end_of(found) <= self.clock.time()
        return Nothing.ABSENT if ended else found

    def lease_clock(self) -> str:
        """Milliseconds of an injected clock; empty: the server's own, which all machines share."""
        return "" if self.clock is SYSTEM else f"{self.clock.time() * 1000:.0f}"


def milliseconds(seconds: float) -> int:
    """Rounded up, at least 1, for the server refuses 0."""
    return max(1, math.ceil(seconds * 1000))


def as_number(reply: bytes | None) -> int:
    """A number as the scripts write it; what is none counts as none."""
    return int(reply) if reply and reply.isdigit() else 0
