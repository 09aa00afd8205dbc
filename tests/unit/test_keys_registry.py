"""The user's word on how a class counts: `__cache_key__` and `register_key_type`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.project import Project
from llmcache.keys.values import registry
from llmcache.keys.values.canonical import digest, register_key_type

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def registrations(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registrations of a test end with it."""
    monkeypatch.setattr(registry, "REGISTERED", {})
    yield
    registry.ValueStream.writers.clear()
    registry.ValueStream.watched.clear()


def key(value: object) -> str:
    return digest(value, path="value", references=Fingerprints(Project("tests"))).hex()


class Session:
    def __init__(self, user: str) -> None:
        self.user = user


class Child(Session):
    pass


class Speaking(Session):
    def __cache_key__(self) -> object:
        return {"user": self.user}


class OtherSpeaking(Session):
    def __cache_key__(self) -> object:
        return {"user": self.user}


def test_an_object_may_say_itself_what_counts() -> None:
    assert key(Speaking("ada")) == key(Speaking("ada")) != key(Speaking("bob"))


def test_the_class_counts_beside_what_the_object_says() -> None:
    assert key(Speaking("ada")) != key(OtherSpeaking("ada"))
    assert key(Speaking("ada")) != key({"user": "ada"})


def test_the_class_itself_is_not_asked() -> None:
    """The method takes an instance."""
    assert key(Speaking) != key(OtherSpeaking)


def test_an_encoder_counts_for_the_class_and_its_subclasses() -> None:
    with pytest.raises(UncacheableArgumentError):
        key(Session("ada"))
    register_key_type(Session, lambda session: session.user)
    assert key(Session("ada")) == key(Session("ada")) != key(Session("bob"))
    assert key(Child("ada")) == key(Child("ada")) != key(Session("ada"))


def test_the_nearest_word_wins() -> None:
    register_key_type(Session, lambda _: "all one")
    assert key(Speaking("ada")) != key(Speaking("bob"))
    assert key(Child("ada")) == key(Child("bob"))
    register_key_type(Child, lambda child: child.user)
    assert key(Child("ada")) != key(Child("bob"))
    assert key(Session("ada")) == key(Session("bob"))


def test_the_last_registration_of_a_class_wins() -> None:
    register_key_type(Session, lambda session: session.user)
    first = key(Session("ada"))
    register_key_type(Session, lambda session: session.user.upper())
    assert key(Session("ada")) == key(Session("ADA")) != first


def test_a_builtin_kind_can_be_given_another_form() -> None:
    register_key_type(str, lambda text: text.casefold().encode())
    assert key("ADA") == key("ada") != key("bob")


def test_a_none_in_place_of_the_method_withdraws_it() -> None:
    class Silent(Speaking):
        __cache_key__ = None  # type: ignore[assignment]

    with pytest.raises(UncacheableArgumentError):
        key(Silent("ada"))


@pytest.mark.parametrize("wrong", ["Session", None, Session("ada"), list[int]])
def test_only_classes_are_registered(wrong: Any) -> None:
    with pytest.raises(TypeError, match="register_key_type takes a class"):
        register_key_type(wrong, lambda value: value)


async def as_coroutine(value: object) -> object:
    return value


@pytest.mark.parametrize("wrong", ["user", None, as_coroutine])
def test_only_plain_functions_encode(wrong: Any) -> None:
    with pytest.raises(TypeError, match="the encoder of Session"):
        register_key_type(Session, wrong)


def test_an_encoder_that_fails_is_named_and_its_error_kept() -> None:
    register_key_type(Session, lambda session: session.missing)
    with pytest.raises(UncacheableArgumentError, match="its registered encoder raised") as caught:
        key([Session("ada")])
    assert caught.value.path == "value[0]"
    assert isinstance(caught.value.__cause__, AttributeError)


def test_an_encoder_that_returns_its_own_argument_is_refused() -> None:
    """Taken as a cycle, it would give all instances one key."""
    register_key_type(Session, lambda session: session)
    with pytest.raises(UncacheableArgumentError, match="returned the value itself"):
        key(Session("ada"))
