"""Whatever is decorated stays what it was: signature, kind, binding, pickling, copying."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import itertools
import pickle
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import stamina
import tenacity

import llmcache
from llmcache import ConfigurationError, LRUBackend, cached_structured
from llmcache.backends.url import close_shared

numbers = itertools.count(1)


@cached_structured(backend="memory://")
def plain(text: str, *, pages: int = 1) -> str:
    """What it does."""
    return f"{text} {pages} {next(numbers)}"


@cached_structured(backend="memory://")
async def awaited(text: str) -> str:
    """What it does."""
    return f"{text} {next(numbers)}"


class Extractor:
    """An object with a setting that its methods read."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.unread = object()

    @cached_structured(backend="memory://")
    def method(self, text: str) -> str:
        return f"{self.model} {text} {next(numbers)}"

    @cached_structured(backend="memory://")
    async def awaited(self, text: str) -> str:
        return f"{self.model} {text} {next(numbers)}"

    @classmethod
    @cached_structured(backend="memory://")
    def under(cls, text: str) -> str:
        return f"{cls.__name__} {text} {next(numbers)}"

    @cached_structured(backend="memory://")
    @classmethod
    def over(cls, text: str) -> str:
        return f"{cls.__name__} {text} {next(numbers)}"

    @staticmethod
    @cached_structured(backend="memory://")
    def static_under(text: str) -> str:
        return f"{text} {next(numbers)}"

    @cached_structured(backend="memory://")
    @staticmethod
    def static_over(text: str) -> str:
        return f"{text} {next(numbers)}"


class CalledObject:
    """An object that is called."""

    def __init__(self, model: str) -> None:
        self.model = model

    def __call__(self, text: str) -> str:
        return f"{self.model} {text} {next(numbers)}"


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    """No answer of another test is left in the shared memory."""
    close_shared()
    yield
    close_shared()


def test_name_docstring_signature_and_annotations_stay():
    original = plain.__wrapped__
    assert plain.__name__ == "plain"
    assert plain.__qualname__ == original.__qualname__
    assert plain.__doc__ == "What it does."
    assert plain.__annotations__ == original.__annotations__
    assert inspect.signature(plain) == inspect.signature(original)
    assert inspect.isfunction(plain)


def test_what_asyncio_and_inspect_think_of_it_stays():
    assert inspect.iscoroutinefunction(awaited)
    assert not inspect.iscoroutinefunction(plain)
    assert inspect.iscoroutinefunction(Extractor("a").awaited)


def test_a_wrong_call_raises_the_functions_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'page'"):
        plain("a", page=2)  # type: ignore[call-arg]


def test_a_method_counts_what_it_reads_of_its_object():
    assert Extractor("a").method("x") == Extractor("a").method("x")
    assert Extractor("a").method("x") != Extractor("b").method("x")


def test_every_way_to_call_a_method_is_one_question():
    extractor = Extractor("a")
    answers = {
        extractor.method("x"),
        extractor.method(text="x"),
        Extractor.method(extractor, "x"),
        Extractor.method(extractor, text="x"),
        Extractor.method(self=extractor, text="x"),
    }
    assert len(answers) == 1


async def test_a_coroutine_method():
    assert await Extractor("a").awaited("x") == await Extractor("a").awaited("x")


@pytest.mark.parametrize("name", ["under", "over"])
def test_classmethods_in_both_orders(name):
    class Other(Extractor):
        pass

    assert getattr(Extractor, name)("x") == getattr(Extractor("a"), name)("x")
    assert getattr(Extractor, name)("x") != getattr(Other, name)("x")


@pytest.mark.parametrize("name", ["static_under", "static_over"])
def test_staticmethods_in_both_orders(name):
    assert getattr(Extractor, name)("x") == getattr(Extractor("a"), name)("x")


HIDDEN = sys.version_info >= (3, 13)
"""From Python 3.13 on a `classmethod` over the cache does not tell it the class it is bound to."""


@pytest.mark.parametrize(
    "name",
    [
        "method",
        "over",
        "static_under",
        "static_over",
        pytest.param("under", marks=pytest.mark.skipif(HIDDEN, reason="see HIDDEN")),
    ],
)
def test_the_handle_of_what_is_bound_asks_about_that_call(name):
    bound = getattr(Extractor("a"), name)
    answer = bound("x")
    assert bound.cache_peek("x") == answer
    assert bound.cache_with(namespace="other")("x") != answer
    assert bound.cache_invalidate("x")
    assert bound("x") != answer
    assert bound.cache_info().misses >= 2


@pytest.mark.skipif(not HIDDEN, reason="see HIDDEN")
def test_the_handle_under_a_classmethod_is_given_the_class():
    answer = Extractor.under("x")
    assert Extractor.under.cache_peek(Extractor, "x") == answer
    with pytest.raises(TypeError, match="missing"):
        Extractor.under.cache_peek("x")


def test_partials_and_callable_objects():
    partial = cached_structured(backend="memory://")(functools.partial(plain.__wrapped__, pages=3))
    assert partial("x") == partial("x")
    assert partial("x").startswith("x 3 ")
    called = cached_structured(backend="memory://")(CalledObject("a"))
    other = cached_structured(backend="memory://")(CalledObject("b"))
    assert called("x") == called("x")
    assert called("x") != other("x")


def test_a_bound_method_can_be_decorated():
    method = cached_structured(backend="memory://")(Extractor("a").method.__wrapped__)
    other = cached_structured(backend="memory://")(Extractor("b").method.__wrapped__)
    assert method("x") == method("x")
    assert method("x") != other("x")


def test_a_builtin_can_be_decorated():
    length = cached_structured(backend="memory://")(len)
    assert length([1, 2]) == length([1, 2]) == 2


def test_copies_are_the_function_itself():
    assert copy.copy(plain) is plain
    assert copy.deepcopy(plain) is plain
    holder = copy.deepcopy({"function": plain})
    assert holder["function"] is plain


def test_it_pickles_by_name_and_so_do_its_methods_and_variants():
    assert pickle.loads(pickle.dumps(plain)) is plain
    extractor = pickle.loads(pickle.dumps(Extractor("a").method.__self__.model))
    assert extractor == "a"
    assert pickle.loads(pickle.dumps(Extractor.over))("x") == Extractor.over("x")
    variant = pickle.loads(pickle.dumps(plain.cache_with(sample=2, ttl="1h")))
    assert variant("x") == plain.cache_with(sample=2)("x")


BOUND = {
    "function": lambda: plain,
    "method": lambda: Extractor("a").method,
    "coroutine method": lambda: Extractor("a").awaited,
    "classmethod over": lambda: Extractor.over,
    "staticmethod under": lambda: Extractor.static_under,
    "staticmethod over": lambda: Extractor.static_over,
    "staticmethod of an object": lambda: Extractor("a").static_over,
}
if not HIDDEN:
    BOUND["classmethod under"] = lambda: Extractor.under


@pytest.mark.parametrize("reach", BOUND.values(), ids=BOUND)
def test_a_variant_pickles_with_all_its_settings(reach):
    variant = reach().cache_with(sample=2, namespace="team", ttl="1h", mode="refresh")
    sent = pickle.loads(pickle.dumps(variant))
    assert sent.cache_key("x") == variant.cache_key("x") != reach().cache_key("x")
    assert pickle.loads(pickle.dumps(reach())).cache_key("x") == reach().cache_key("x")
    settings = sent._self_variant.plan().settings
    assert (settings.ttl, settings.mode.value) == (3600.0, "refresh")


def test_it_can_be_sent_to_a_process_pool():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(plain, "x").result().startswith("x 1 ")


RETRIES = {
    "tenacity": tenacity.retry(stop=tenacity.stop_after_attempt(3)),
    "stamina": stamina.retry(on=ValueError, attempts=3, wait_initial=0),
}


@pytest.mark.parametrize("retry", RETRIES.values(), ids=RETRIES)
@pytest.mark.parametrize("outermost", ["cache", "retry"])
def test_under_and_over_retries(mode, retry, outermost):
    attempts: list[int] = []

    def flaky(text: str, attempts: list[int] = attempts) -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return text

    async def aflaky(text: str, attempts: list[int] = attempts) -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return text

    cache = cached_structured(backend=LRUBackend(), ignore=["attempts"], name="flaky")
    function = flaky if mode == "sync" else aflaky
    decorated = cache(retry(function)) if outermost == "cache" else retry(cache(function))

    def call() -> Any:
        return decorated("a") if mode == "sync" else asyncio.run(decorated("a"))

    assert [call(), call()] == ["a", "a"]
    assert len(attempts) == 3


def test_over_a_decorator_of_functools_wraps():
    def traced(function: Any) -> Any:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return inner

    over = cached_structured(backend=LRUBackend())(traced(plain.__wrapped__))
    under = traced(cached_structured(backend=LRUBackend())(plain.__wrapped__))
    assert over("x") == over(text="x", pages=1)
    assert under("x") == under("x")


def test_nothing_is_opened_or_created_at_decoration(isolated):
    cached_structured(backend=f"sqlite:///{isolated}/never.db")(plain.__wrapped__)
    assert list(isolated.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"ttl": 0}, "above 0"),
        ({"ttl": -1}, "above 0"),
        ({"ttl": float("nan")}, "finite"),
        ({"ttl": float("inf")}, "finite"),
        ({"ttl": True}, "bool"),
        ({"ttl": "soon"}, "cannot be read|can be read"),
        ({"ignore": ["txt"]}, "text"),
        ({"backend": ""}, "URL"),
        ({"backend": 3}, "backend"),
        ({"mode": "sometimes"}, "offline"),
        ({"cache_if": 3}, "cache_if"),
        ({"cache_if": asyncio.sleep}, "which nobody awaits"),
        ({"depends_on": "prompt"}, "depends_on"),
        ({"on_backend_error": "ignore"}, "'warn' or 'raise'"),
        ({"max_wait": 0}, "above 0"),
        ({"tll": 3}, "Did you mean 'ttl'"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_at_decoration(options, text):
    with pytest.raises(ConfigurationError, match=text) as caught:
        cached_structured(**options)(plain.__wrapped__)
    assert isinstance(caught.value, ValueError)


def test_what_is_no_function_is_refused():
    with pytest.raises((TypeError, ConfigurationError)):
        cached_structured("7d")  # type: ignore[call-overload]


def test_cache_with_takes_no_keyword_of_the_function():
    with pytest.raises(ConfigurationError, match="Options: mode, namespace, sample, ttl"):
        plain.cache_with(pages=2)  # type: ignore[call-arg]


def test_backends_and_counters_can_be_asked_for():
    assert isinstance(plain.cache_backend, LRUBackend)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        llmcache.configure(backend="null://")
        bare = cached_structured(plain.__wrapped__)
    assert bare.cache_backend.description == "null://"


class Loose:
    """A class that was meant as a response model, or decorated as one might a dataclass."""


@pytest.mark.parametrize("decorate", [cached_structured, cached_structured(ttl="7d")])
def test_a_class_is_refused_with_what_to_write_instead(decorate):
    with pytest.raises(TypeError, match=r"not the class Loose: .*response_model=Loose"):
        decorate(Loose)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "handle", ["", ".cache_peek", ".cache_explain", ".cache_refresh", ".cache_invalidate"]
)
def test_a_coroutine_that_is_not_awaited_is_named_as_it_was_written(handle):
    asked = awaited if not handle else getattr(awaited, handle[1:])
    assert asked("a").__qualname__ == f"awaited{handle}"
    assert awaited.cache_clear().__qualname__ == "awaited.cache_clear"


@pytest.mark.parametrize(
    ("backend", "says"),
    [
        (Path("answers.db"), r"'sqlite:///answers\.db' or SQLiteBackend\('answers\.db'\)"),
        (LRUBackend, r"an object, not a class, as LRUBackend\(\.\.\.\)"),
    ],
)
def test_a_backend_that_is_none_yet_is_refused_with_what_to_write(backend, says):
    with pytest.raises(ConfigurationError, match=says):
        cached_structured(backend=backend)(len)


async def test_an_explanation_says_that_the_store_cannot_be_read(tmp_path):
    where = f"sqlite:///{tmp_path}"

    @cached_structured(backend=where, version=1)
    def ask(text: str) -> str:
        return text

    @cached_structured(backend=where, version=1)
    async def aask(text: str) -> str:
        return text

    for explained in (ask.cache_explain("a"), await aask.cache_explain("a")):
        assert explained.status == "unknown"
        assert "unknown; the store cannot be read: " in str(explained)
        assert str(tmp_path) in explained.failure
