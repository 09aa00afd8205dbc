"""Types of other people become storable by `register_codec`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from llmcache.codecs import ResultCodec, Unreadable, Unstorable, register_codec, registry


class Money:
    """A class that says nothing of itself."""

    def __init__(self, amount: int, currency: str) -> None:
        self.parts = (amount, currency)

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the proof asks no class")

    __hash__ = None  # type: ignore[assignment]


class Bill(BaseModel):
    """With a field that pydantic knows nothing of."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    total: Money
    others: list[Money] = []


@pytest.fixture(autouse=True)
def registrations() -> Iterator[None]:
    before = dict(registry.by_type), dict(registry.by_name)
    yield
    for known, kept in zip((registry.by_type, registry.by_name), before, strict=True):
        known.clear()
        known.update(kept)


def parts(money: Money) -> tuple[int, str]:
    return money.parts


def whole(found: tuple[int, str]) -> Money:
    return Money(*found)


BILL = Bill(total=Money(3, "EUR"), others=[Money(4, "USD")])


def test_without_a_registration_it_is_refused_and_the_way_out_is_named() -> None:
    with pytest.raises(Unstorable, match="register_codec") as caught:
        ResultCodec(Bill).dump(BILL)
    assert (caught.value.path, caught.value.type_name) == ("total", f"{__name__}.Money")


def test_with_one_it_comes_back_wherever_it_stands() -> None:
    register_codec(Money, parts, whole)
    restored = ResultCodec(Bill).load(ResultCodec(Bill).dump(BILL).data)
    assert (restored.total.parts, restored.others[0].parts) == ((3, "EUR"), (4, "USD"))
    assert ResultCodec(Any).dump(Money(1, "X")).value.parts == (1, "X")


def test_a_process_that_did_not_register_it_misses() -> None:
    register_codec(Money, parts, whole)
    data = ResultCodec(Bill).dump(BILL).data
    registry.by_name.clear()
    with pytest.raises(Unreadable, match="Money"):
        ResultCodec(Bill).load(data)


def test_a_lossy_pair_is_found_out_when_it_is_stored() -> None:
    register_codec(Money, parts, lambda found: Money(found[0], "EUR"))
    ResultCodec(Any).dump(Money(1, "EUR"))
    with pytest.raises(Unstorable, match="different"):
        ResultCodec(Any).dump(Money(1, "USD"))


def test_what_the_users_functions_raise_is_a_refusal_or_a_miss() -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError

    register_codec(Money, fail, whole)
    with pytest.raises(Unstorable, match="encoder raised ZeroDivisionError"):
        ResultCodec(Bill).dump(BILL)
    register_codec(Money, parts, whole)
    codec = ResultCodec(Bill)
    data = codec.dump(BILL).data
    register_codec(Money, parts, fail)
    with pytest.raises(Unreadable, match="decoder raised ZeroDivisionError"):
        codec.load(data)


@pytest.mark.parametrize("kind", [str, dict, bytes, type(None), "Money"])
def test_only_classes_that_llmcache_does_not_store_itself_are_taken(kind: Any) -> None:
    with pytest.raises(TypeError):
        register_codec(kind, parts, whole)
