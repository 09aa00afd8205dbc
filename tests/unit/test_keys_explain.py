"""The nearest entry, and what is said of it."""

from __future__ import annotations

import json

import pytest

from llmcache.keys.explain import Explanation, Near, explanation, nearest, without_beside
from llmcache.keys.key import KeyParts

SHARED = {"code of app.f": "c0", "constant app.PROMPT": "p0"}
WANTED = KeyParts({"namespace": "n0", "argument text": "t0"}, SHARED, "m0")
MANIFESTS = {
    "prompt": {"code of app.f": "c0", "constant app.PROMPT": "p1"},
    "both": {"code of app.f": "c1", "constant app.PROMPT": "p1"},
    "other": {"code of app.f": "c0", "helper app.clean": "h0"},
}


def manifest(digest: str) -> bytes | None:
    found = MANIFESTS.get(digest)
    return None if found is None else json.dumps(found).encode()


def stored(key: str, manifest: str = "m0", **parts: str) -> tuple[str, bytes, str]:
    named = {"namespace": "n0", "argument text": parts.get("text", "t0")}
    return key, json.dumps(named, separators=(",", ":")).encode(), manifest


def test_the_entry_with_the_fewest_differing_parts_is_nearest() -> None:
    entries = [stored("a", "both"), stored("b", "prompt"), stored("c", "prompt", text="t1")]
    assert nearest(WANTED, entries, manifest) == Near("b", ("constant app.PROMPT changed",))


def test_a_part_that_is_gone_is_a_difference_like_any_other() -> None:
    longer = (
        "longer",
        b'{"argument text":"t0","namespace":"n0","argument a":"1","argument b":"2"}',
    )
    found = nearest(WANTED, [(*longer, "m0"), stored("near", text="t1")], manifest)
    assert found == Near("near", ("argument text differs",))
    found = nearest(WANTED, [stored("near", text="t1"), (*longer, "m0")], manifest)
    assert found == Near("near", ("argument text differs",))


def test_previews_are_no_difference() -> None:
    kept = b'{"argument text":"t0","namespace":"n0","preview of text":"a, b","preview of c":"d"}'
    entries = [stored("near", text="t1"), ("shown", kept, "m0")]
    assert nearest(WANTED, entries, manifest) == Near("shown", ())


def test_of_equally_near_ones_the_first_given_is_taken() -> None:
    entries = [stored("new", text="t1"), stored("old", text="t2")]
    assert nearest(WANTED, entries, manifest) == Near("new", ("argument text differs",))


def test_parts_of_one_digest_are_told_apart_by_their_names() -> None:
    wanted = KeyParts({"argument a": "1", "argument b": "2"}, SHARED, "m0")
    turned = ("turned", b'{"argument a":"2","argument b":"1"}', "m0")
    near = ("near", b'{"argument a":"1","argument b":"3"}', "m0")
    assert nearest(wanted, [turned, near], manifest) == Near("near", ("argument b differs",))


def test_what_is_read_now_and_was_not_is_new_and_the_other_way_round_gone() -> None:
    near = nearest(WANTED, [stored("a", "other")], manifest)
    assert near == Near("a", ("constant app.PROMPT is new", "helper app.clean is gone"))


def test_damaged_records_are_passed_over() -> None:
    entries = [("bad", b'{"argument text": "t0"', "m0"), stored("good", text="t1")]
    assert nearest(WANTED, entries, manifest) == Near("good", ("argument text differs",))
    assert nearest(WANTED, entries[:1], manifest) is None


def test_nothing_stored_is_nothing_near() -> None:
    assert nearest(WANTED, [], manifest) is None


def test_thousands_of_damaged_records_are_passed_over() -> None:
    many = [
        (f"{i}", b'{"argument text":"t0","namespace":"n0",not json}', "prompt")
        for i in range(5_000)
    ]
    assert nearest(WANTED, [*many, stored("a")], manifest) == Near("a", ())


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        *[
            (name, "differs")
            for name in ("argument a", "self.a", "namespace", "sample", "depends_on[0]", "key")
        ],
        *[(name, "changed") for name in ("code of app.f", "constant app.A", "environment A")],
    ],
)
def test_what_calls_are_given_differs_and_what_code_says_has_changed(name: str, verb: str) -> None:
    wanted = KeyParts({name: "1"}, {}, "m0")
    near = nearest(wanted, [("a", json.dumps({name: "2"}).encode(), "m0")], manifest)
    assert near == Near("a", (f"{name} {verb}",))


def test_what_is_kept_beside_the_parts_is_none_of_them() -> None:
    kept = {"argument a": "1", "preview of a": "x", "not in the key: b": "why"}
    assert without_beside(kept) == {"argument a": "1"}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *[(0, "0 s"), (59, "59 s"), (60, "1.0 min"), (3_599, "60.0 min"), (3_600, "1.0 h")],
        *[(86_399, "24.0 h"), (86_400, "1.0 d"), (129_600, "1.5 d")],
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit(seconds: float, shown: str) -> None:
    found = explanation("f", "k", status="hit", age=seconds)
    assert found.headline() == f"hit; {shown} old, never expires"


def test_what_is_stale_is_served() -> None:
    found = explanation("f", "k", status="stale", age=100, left=-60)
    assert found.headline() == "expired since 1.0 min, served while stale; 1.7 min old"


def test_a_store_that_cannot_be_read_and_previews_are_told() -> None:
    found = Explanation("f", "k", "unknown", previews={"text": "'a'"}, failure="it is gone")
    assert str(found).splitlines() == [
        "f k: unknown; the store cannot be read: it is gone",
        "  argument text = 'a'",
    ]


def test_nothing_is_said_that_was_not_given() -> None:
    bare = Explanation("f", "k", "hit")
    assert bare == explanation("f", "k", status="hit")
    assert (bare.mode, bare.failure, bare.nearest, bare.unkeyed) == ("on", "", None, ())
    assert str(bare) == "f k: hit; 0 s old, never expires"


def test_an_explanation_is_text_for_people() -> None:
    near = Near("b" * 64, ("constant app.PROMPT changed",))
    text = explanation("app.f", "a" * 64, status="miss", near=near, unkeyed=["global app.db: why"])
    assert str(text).splitlines() == [
        "app.f aaaaaaaaaaaa: miss; the nearest entry is bbbbbbbbbbbb, from which this differs:",
        "  constant app.PROMPT changed",
        "not in the key:",
        "  global app.db: why",
    ]


def test_hits_tell_their_age_and_what_is_left() -> None:
    key = "a" * 64
    hit = explanation("f", key, status="hit", age=90, left=7_200)
    assert hit.headline() == "hit; 1.5 min old, 2.0 h left"
    assert explanation("f", key, status="hit", age=5).headline() == "hit; 5 s old, never expires"
    expired = explanation("f", key, status="expired", age=100, left=-30, near=Near("b", ("x",)))
    assert expired.headline() == "expired since 30 s; 1.7 min old"
    assert expired.differences == ()
    nothing = explanation("f", key, status="miss")
    assert nothing.headline() == "miss; nothing is stored for this function in this namespace"


def test_an_entry_of_the_very_key_has_expired_or_is_unreadable() -> None:
    found = explanation("app.f", "k" * 64, status="miss", near=Near("k" * 64, ()))
    assert str(found).endswith("what was stored for this very call has expired or cannot be read")


@pytest.mark.parametrize("mode", ["off", "refresh"])
def test_what_a_mode_does_is_said(mode: str) -> None:
    found = explanation("app.f", "k" * 64, status="hit", age=1.0, mode=mode)
    assert f"mode {mode}: the function is called all the same" in str(found)
