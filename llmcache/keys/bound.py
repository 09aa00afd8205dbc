"""One call, taken apart once: its digest, what that is made of, and what it cannot see."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from llmcache.keys.code.pieces import MISSING, Piece, framed_piece
from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.noting import noting
from llmcache.keys.parts import CacheKey, KeyParts, key_parts
from llmcache.keys.plan import KeyPlan
from llmcache.keys.result import ResultType
from llmcache.keys.values.canonical import digest as canonical_digest
from llmcache.keys.values.canonical import encode, feed

__all__ = ["Bound", "Keying"]

KEY = "key="
"""What errors call that which `key=` returned: the name of an option, not of a parameter."""


class Keying(NamedTuple):
    """How all calls under the same settings are keyed.

    Attributes:
        namespace: Keeps tenants apart.
        sample: Tells answers to one question apart; None is the first and only.
        project: More packages whose code counts by what it does.
        secrets: Make the digests HMAC-SHA256s. The first counts; entries that were made under the
            others are looked up.
    """

    namespace: str = ""
    sample: int | str | None = None
    project: tuple[str, ...] = ()
    secrets: tuple[bytes, ...] = ()


# Not frozen, which doubles what making one takes: each call makes one.
@dataclass(slots=True, eq=False, repr=False)
class Bound:
    """One call; what `key=` and `depends_on` say of it is asked once, when it is made.

    Attributes:
        plan: What is known of its function.
        references: How values are keyed.
        keying: How it is keyed.
        subject: The instance or class that the function is called on; None where it is no method.
        variables: All parameters, defaults applied.
        given: What `key=` made of the arguments; `MISSING` where there is none.
        depended: What `depends_on` came to.
        result: The type of its result.
        state: A hash, fed with all that counts.
    """

    plan: KeyPlan
    references: Fingerprints
    keying: Keying
    subject: Any
    variables: Mapping[str, Any]
    given: object
    depended: Iterable[Any]
    result: ResultType
    state: Any

    def feed(self, *, files: bool) -> None:
        """Feed the hash; done once, by who makes the object.

        Raises:
            UncacheableArgumentError: An argument has no stable form.
            FileNeeded: `files` is false and a file has to be read.
            Inquiry: The code of an argument asks for more than the function does.
        """
        references = self.references if files else self.references.at(files=False)
        namespace, sample, update = self.keying.namespace, self.keying.sample, self.state.update
        if namespace or sample is not None:
            update(b"+" + encode((namespace, sample), path="namespace", references=references))
        if self.plan.lively:
            for name, what in self.changing(references):
                if isinstance(what, bytes):
                    update(framed_piece(name, what))
        update(b".")
        for name, value in self.counted():
            path = name if self.given is MISSING else KEY
            feed(update, value, path=path, references=references, files=files)

    def digest(self) -> str:
        """The name of the entry in every backend, 64 hex digits."""
        secrets = self.keying.secrets
        return self.under(secrets[0]) if secrets else self.state.hexdigest()

    def former(self) -> tuple[str, ...]:
        """The digests that the call had under the older encryption keys."""
        return tuple(self.under(secret) for secret in self.keying.secrets[1:])

    def under(self, secret: bytes) -> str:
        """The digest under one secret."""
        return hmac.digest(secret, self.state.digest(), "sha256").hex()

    def key(self) -> CacheKey:
        """The digest, with the parts it was made of and what it cannot see."""
        parts = self.parts()
        return CacheKey(self.digest(), {**parts.shared, **parts.call}, self.unkeyed())

    def parts(self) -> KeyParts:
        """The parts of the key."""
        reading, references, keying = self.plan.reading, self.references, self.keying
        call: dict[str, bytes | str] = {"namespace": keying.namespace.encode()}
        if keying.sample is not None:
            call["sample"] = encode(keying.sample, path="sample", references=references)
        with noting() as noted:
            shared = dict(reading.details(files=True))
            call.update(self.own(references))
            for label, path, value in self.told():
                known = references.of_client(value)
                call[label] = known or canonical_digest(value, path=path, references=references)
            for met in noted.all():
                shared = {**dict(met.details(files=True)), **shared}
        return key_parts(call.items(), shared.items(), next(iter(keying.secrets), None))

    def unkeyed(self) -> tuple[str, ...]:
        """What the code of this call reads and the key cannot see, each with the reason."""
        reading = self.plan.reading
        found = dict(reading.unkeyed)
        with noting() as noted:
            found |= reasons(self.changing(self.references))
            for name, value in self.counted():
                canonical_digest(value, path=name, references=self.references)
            for met in noted.all():
                found |= {**met.unkeyed, **reasons(met.pieces(files=True))}
        found |= noted.unkeyed
        for name in reading.secret_parameters:
            found[f"argument {name}"] = "the body passes it as api_key= and nowhere else"
        return tuple(
            f"{label.replace('constant', 'global', 1)}: {why}" for label, why in found.items()
        )

    def counted(self) -> list[tuple[str, Any]]:
        """The arguments that count, or what stands for them."""
        if self.given is not MISSING:
            return [("key", self.given)]
        variables = self.variables
        return [(name, variables[name]) for name in self.plan.binder.kept]

    def told(self) -> Iterator[tuple[str, str, Any]]:
        """The same as parts: label, path in errors, value; `**kwargs` are told one by one."""
        binder = self.plan.binder
        for name, value in self.counted():
            if self.given is not MISSING:
                yield name, KEY, value
            elif name == binder.keywords:
                for key, item in value.items():
                    label = f"{name}[{key!r}]" if key in binder.names else key
                    yield f"argument {label}", f"{name}[{key!r}]", item
            else:
                yield f"argument {name}", name, value

    def changing(self, references: Fingerprints) -> Iterator[Piece]:
        """The pieces that are made at each call, arguments aside."""
        return chain(self.plan.reading.pieces(references.files), self.own(references))

    def own(self, references: Fingerprints) -> Iterator[Piece]:
        """Those of them that differ from call to call."""
        files = references.files
        if self.subject is not None:
            reading = self.plan.reading
            yield from references.objects.own_pieces("self", self.subject, reading, files=files)
        for place, value in enumerate(self.depended):
            path = f"depends_on=[{place}]"
            digest = canonical_digest(value, path=path, references=references, files=files)
            yield f"depends_on[{place}]", digest


def reasons(pieces: Iterable[Piece]) -> dict[str, str]:
    """The pieces that do not count, with the reason."""
    return {name: what for name, what in pieces if isinstance(what, str)}
