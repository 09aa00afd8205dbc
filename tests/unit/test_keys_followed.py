"""Where a walk leads: the parts of a key, by the names that an explanation uses."""

from __future__ import annotations

import abc
import functools
import sys
import types
from typing import Annotated, Any

import pytest
import wrapt
from pydantic import AfterValidator, BaseModel, create_model

from llmcache.keys.code.classes import is_replaceable
from llmcache.keys.fingerprints import Fingerprints
from llmcache.keys.key import FunctionKeys
from llmcache.keys.project import Project

HERE = f"{__name__}."
ask: Any = print


def parts(function: Any, *args: Any) -> set[str]:
    """The names of the parts, those of this module by their own."""
    found = FunctionKeys(function).key(args, {}).parts
    return {name.replace(HERE, "") for name in found} - {"function", "namespace"}


def unkeyed(function: Any, *args: Any) -> set[str]:
    return {said.replace(HERE, "") for said in FunctionKeys(function).key(args, {}).unkeyed}


@wrapt.decorator
def politely(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs)


@politely
def polite(text: str) -> Any:
    return ask(text)


def by_polite(text: str) -> Any:
    return polite(text)


def test_the_wrapper_in_a_proxy_counts() -> None:
    assert {"code of polite", "decorator politely"} < parts(polite, "x")
    assert {"helper polite", "decorator politely"} < parts(by_polite, "x")


class Shop(abc.ABC):  # noqa: B024 - it has what `ABCMeta` keeps in a class
    rate = 1
    rate__ = 2

    @staticmethod
    @functools.singledispatch  # noqa: PLE1519 - called through the class
    def shown(value: object) -> str:
        return str(value)

    @property
    def title(self) -> str:
        return "shop"

    @functools.cached_property
    def heavy(self) -> str:
        return "heavy"

    def opened(self) -> Shop:
        return Shop()

    def counts(self, text: str) -> Any:
        self.calls = getattr(self, "calls", 0) + 1
        return ask(self.calls, text)

    def titled(self, text: str) -> Any:
        return ask(self.title, self.heavy, self.opened, text)


@Shop.shown.register
def shown_number(value: int) -> str:
    return f"{value:,}"


def by_static(text: str) -> Any:
    return Shop.shown(text)


def test_an_implementation_of_a_generic_static_method_counts() -> None:
    assert {"helper Shop.shown", "helper shown_number"} < parts(by_static, "x")


class Looped:
    made: Any


Looped.made = functools.partial(ask, Looped)


def by_class(text: str) -> Any:
    return ask(Shop, Looped, text)


def test_a_class_that_leads_to_itself_is_gone_through_once() -> None:
    found = parts(by_class, "x")
    assert {"method Shop.opened", "constant Shop.rate", "constant Shop.rate__"} < found
    assert not [name for name in found if "_abc_" in name]


class Lazy(types.ModuleType):
    """A module that makes its attributes when they are asked for."""

    prompt: str


lazy = Lazy("tests.lazy")


def by_lazy_module(text: str) -> Any:
    return ask(lazy.prompt, text)


def test_what_a_module_makes_when_it_is_asked_for_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tests.lazy", lazy)
    digests = []
    for prompt in ("a", "b"):
        monkeypatch.setitem(vars(lazy), "__getattr__", {"prompt": prompt}.__getitem__)
        digests.append(FunctionKeys(by_lazy_module).digest(("x",), {}))
    assert digests[0] != digests[1]


def test_what_the_body_counts_up_is_listed_by_its_name() -> None:
    assert unkeyed(Shop.counts, Shop(), "x") == {"self.calls: the body itself changes it"}


def test_an_object_may_hold_its_own_in_the_place_of_a_method_and_not_of_a_property() -> None:
    assert [is_replaceable(Shop.__dict__[name]) for name in ("opened", "title", "heavy")] == [
        True,
        False,
        False,
    ]
    own = Shop()
    own.__dict__.update(title="t", heavy="h")
    keys = FunctionKeys(Shop.titled)
    assert keys.digest((own, "x"), {}) == keys.digest((Shop(), "x"), {})
    own.__dict__["opened"] = len
    assert keys.digest((own, "x"), {}) != keys.digest((Shop(), "x"), {})


class Counting:
    """One that is asked for its items and for what it holds."""

    def __init__(self) -> None:
        self.items: dict[str, int] = {}
        self.model = "m"

    def __setitem__(self, key: str, value: int) -> None:
        self.items[key] = value

    def count(self, text: str) -> Any:
        self["n"] = 1
        return ask(self.model, text)

    def of_kind(self, text: str) -> Any:
        return ask(type(self).__name__, text)


def test_what_is_read_of_an_object_whose_items_are_assigned_counts() -> None:
    found = parts(Counting.count, Counting(), "x")
    assert "self.model" in found


def test_the_class_of_an_object_counts_by_its_name_where_that_is_read() -> None:
    found = parts(Counting.of_kind, Counting(), "x")
    assert {"class of self", "constant Counting.__name__"} < found


class Answer(BaseModel):
    total: int


def described(text: str) -> Answer:
    return ask(text)  # type: ignore[no-any-return]


def by_annotation(text: str) -> Any:
    return ask([tool.__annotations__ for tool in (described,)], text)


def test_an_annotation_that_is_asked_for_counts_with_what_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = FunctionKeys(by_annotation).digest(("x",), {})
    assert "annotations of described" in parts(by_annotation, "x")
    monkeypatch.setitem(globals(), "Answer", create_model("Answer", total=(str, ...)))
    assert FunctionKeys(by_annotation).digest(("x",), {}) != before


def library_validator(*given: Any) -> Any:
    """A function of somebody else's that was made with something, as `llm_validator` is."""
    statement, held = given

    def validate(value: Any) -> Any:
        return value, statement, held

    return types.FunctionType(
        validate.__code__, {"__name__": "json"}, "validate", None, validate.__closure__
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("kind", []), ("kind", []), True),
        (("kind", []), ("rude", []), False),
        (("kind", [1]), ("kind", [2]), True),
    ],
)
def test_a_librarys_validator_counts_with_the_texts_it_was_made_with(
    one: tuple[Any, Any], other: tuple[Any, Any], *, same: bool
) -> None:
    digests = [
        Fingerprints(Project("tests")).of_type(Annotated[int, AfterValidator(made)])
        for made in (library_validator(*one), library_validator(*other))
    ]
    assert (digests[0] == digests[1]) is same


def test_a_librarys_validator_without_a_closure_counts_by_its_name() -> None:
    bare = types.FunctionType(described.__code__, {"__name__": "json"}, "validate")
    assert Fingerprints(Project("tests")).of_type(Annotated[int, AfterValidator(bare)])


class Checker:
    """A validator that is an object."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, value: int) -> int:
        return min(self.most, value)


def test_a_validator_that_is_an_object_counts_by_what_its_call_reads() -> None:
    digests = {
        Fingerprints(Project("tests")).of_type(Annotated[int, AfterValidator(Checker(most))])
        for most in (1, 1, 2)
    }
    assert len(digests) == 2


class Bare:
    """One that has no stable form, and code that counts all the same."""

    def method(self) -> None: ...


held: Any = [Bare()]


def by_held(text: str) -> Any:
    return ask(held, text)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Bare(), "Bare"),
        ([Bare()], "Bare"),
        ((Bare(),), "Bare"),
        ({"a": Bare()}, "Bare"),
        ({Bare()}, "set"),
        (frozenset({Bare()}), "frozenset"),
        ([Bare().method], "Bare"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_what_has_no_stable_form_the_code_counts_and_the_rest_is_listed(
    value: object, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "held", value)
    assert "constant held: code" in parts(by_held, "x")
    assert f"global held: {named} has no stable form" in unkeyed(by_held, "x")


class Limits:
    most = 3

    @classmethod
    def checked(cls, value: int) -> int:
        return min(cls.most, value)


def test_a_validator_that_is_a_method_of_a_class_counts_with_what_it_reads_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = Annotated[int, AfterValidator(Limits.checked)]
    before = Fingerprints(Project("tests")).of_type(kind)
    monkeypatch.setattr(Limits, "most", 4)
    assert Fingerprints(Project("tests")).of_type(kind) != before


def by_lambda(text: str) -> Any:
    return nameless(text)


nameless: Any = lambda text: ask(text)  # noqa: E731, PLW0108 - one without a name


def test_a_lambda_is_told_by_what_it_was_read_as() -> None:
    assert "helper nameless" in parts(by_lambda, "x")


def test_what_is_known_of_the_code_of_objects_is_kept() -> None:
    objects = Fingerprints(Project("tests")).objects
    reading = objects.bound_reading(Shop, Shop.titled)
    assert objects.bound_reading(Shop, Shop.titled) is reading
    assert objects.bound_reading(Answer, Shop.titled) is not reading
    chains = frozenset({("title",)})
    assert objects.object_reading(Shop, chains) is objects.object_reading(Shop, chains)
