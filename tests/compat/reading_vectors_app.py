"""Functions whose keys are pinned: every way from a body to what it reads.

An edit here changes pinned digests.
"""

# ruff: noqa: ANN002, ANN003, ANN202, ANN204, ANN205, ANN206, B009, PLR0402, PLW0602

import collections
import dataclasses
import enum
import functools
import inspect
import json
import math
import os
import sys
import threading
from decimal import Decimal
from types import SimpleNamespace

from pydantic import BaseModel, Field, PrivateAttr

THIS = sys.modules[__name__]
LIMIT = 3
WORDS = ["a", "b"]
SEEN = []
STATE = {"n": 0, "model": "small", "deep": {"x": [1]}}
FROZEN = (1, "a", frozenset({2.5}), None, ...)
NESTED = {"models": [{"name": "m", "api_key": "sk-never-in-a-key"}], "rates": {1: Decimal("0.5")}}
lock = threading.Lock()


def ask(*args, **kwargs):
    return args


class Tone(enum.Enum):
    DRY = "d"
    WARM = "w"

    def said(self):
        return self.value * LIMIT


class Meta(type):
    scale = 2

    def scaled(cls):
        return cls.scale * LIMIT


class Base(metaclass=Meta):
    """What is shared."""

    limit = 1

    def prompt(self):
        return "base", self.limit

    @functools.cached_property
    def heavy(self):
        return [LIMIT]


class Reader:
    """A descriptor of the project."""

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner):
        return self.name


class Tool(Base):
    """A tool."""

    limit = 2
    __hidden = "h"
    read = Reader("r")

    def __init__(self, model="m"):
        self.model = model
        self.options = SimpleNamespace(model=model, size=1)
        self.items = {"a": 1, "b": 2}
        self.calls = 0

    def prompt(self):
        """Ask."""
        return super().prompt(), self.model, self.__hidden

    @property
    def title(self):
        return self.model.title()

    @title.setter
    def title(self, value):
        self.model = value

    @classmethod
    def make(cls, model):
        return cls(model)

    @staticmethod
    def plain(text):
        return text, LIMIT

    @functools.singledispatchmethod
    def shown(self, value):
        return repr(value)

    @shown.register
    def _(self, value: int):
        return value + LIMIT

    def filled(self, text, size):
        return text, size, self.model

    short = functools.partialmethod(filled, size=1)

    def __call__(self, text):
        return self.filled(text, LIMIT)


class Document(BaseModel):
    """A document."""

    name: str = Field(serialization_alias="n")
    _note: str = PrivateAttr(default="note")

    def shown(self):
        return f"{self.name}: {self._note}"


@dataclasses.dataclass
class Crate:
    label: str = "l"
    parts: list = dataclasses.field(default_factory=list)

    def weigh(self):
        return len(self.parts) + LIMIT


@functools.singledispatch
def shown(value):
    return repr(value)


@shown.register
def shown_int(value: int):
    return value + LIMIT


def tagged(text):
    """Tag it."""
    return text


tagged.tags = ["x"]


def even(number):
    return number == 0 or odd(number - 1)


def odd(number):
    return number != 0 and even(number - 1)


def twice(function):
    @functools.wraps(function)
    def both(*args, **kwargs):
        return function(*args, **kwargs), function(*args, **kwargs)

    return both


class Counted:
    def __init__(self, function, most=3):
        functools.update_wrapper(self, function)
        self.function = function
        self.most = most

    def __call__(self, *args):
        return self.function(*args[: self.most])


@twice
def helped(text, size=LIMIT, *, deep=True):
    return text, size, deep


@Counted
def counted(text):
    return text


registry = {}


def registered(text):
    return registry.get(text)


registry["registered"] = registered
tool, document, crate = Tool(), Document(name="d"), Crate()
bound, nameless = tool.filled, lambda text: (text, LIMIT)
partial = functools.partial(helped, "x", size=WORDS)
Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - one without annotations


def by_attribute(text):
    return ask(tool.model, tool.options.model, tool.items["a"], text)


def by_method(text):
    return ask(tool.prompt(), tool.title, tool.heavy, tool.read, text)


def by_dispatch(text):
    return ask(shown(1), tool.shown(1), tool.short(text))


def by_class(text):
    return ask(Tool.limit, Tool.__name__, Tool.plain(text), Tool.make("m"), Base.scaled())


def by_whole_class(text):
    return ask(Tool, Document, Crate, Tone, Point, text)


def by_instance(text):
    return ask(tool, document, crate, Point(1, 2), Tone.DRY.said(), text)


def by_callable(text):
    return ask(tool(text), bound(text), nameless(text), partial(), counted(text), helped(text))


def by_module(text):
    return ask(THIS.LIMIT, THIS.tagged(text), json.dumps(text), math.pi, os.path.sep)


def by_item(text):
    global SEEN
    SEEN.append(text)
    STATE["n"] += 1
    return ask(STATE["model"], STATE.get("deep"), NESTED["models"], WORDS[0], FROZEN, SEEN)


def by_function(text):
    return ask(tagged.tags, tagged.__name__, even(2), registered(text), lock)


def by_docstring(text):
    return ask(tagged.__doc__, Tool.__doc__, inspect.getdoc(Tool.prompt), text)


def by_inquiry(text):
    return ask([(tool.__doc__, inspect.signature(tool)) for tool in (tagged, helped, Tool)], text)


def by_fields_set(text):
    return ask(document.model_dump(exclude_unset=True), text)


def by_environment(text):
    name = "READING_A"
    found = [os.environ[name], os.environ.get("READING_B", "b"), "READING_C" in os.environ]
    return ask(found, os.path.expandvars("$READING_D ${READING_E}"), os.getenv("READING_KEY"), text)


def by_import(text):
    import collections.abc as abc
    from json import dumps as dumped

    return ask(abc.Mapping, dumped(text))


def by_text(text):
    return ask(globals()["LIMIT"], getattr(tool, "model"), hasattr(tool, "options"), text)


def by_closure(model, tone=Tone.WARM):
    def inner(text):
        return ask(model, tone, text, [LIMIT for _ in text])

    return inner


class Caller(Tool):
    def run(self, text):
        self.calls += 1
        return ask(self.prompt(), self.title, self.items["a"], self.options.size, type(self).limit)

    def inherited(self, text):
        return ask(super().prompt(), self.heavy, self.shown(text), self.short(text), self.plain(1))

    @classmethod
    def of_class(cls, text):
        return ask(cls.limit, cls.make(text), cls.__name__, text)


class Lacking(Tool):
    def lack(self, text):
        return ask(getattr(self, "absent", None), text)


caller = Caller("c")
TYPES = {"with methods": Document, "dataclass with methods": Crate, "enum with methods": Tone}
FUNCTIONS = {
    f"by {function.__name__.removeprefix('by_').replace('_', ' ')}": (function, ("x",), {}, {})
    for function in (
        *(by_attribute, by_method, by_dispatch, by_class, by_whole_class, by_instance),
        *(by_callable, by_module, by_item, by_function, by_docstring, by_inquiry, by_fields_set),
        *(by_environment, by_import, by_text),
    )
} | {
    "by closure": (by_closure("m"), ("x",), {}, {}),
    "by closure, pinned": (by_closure("m"), ("x",), {}, {"version": "1"}),
    "of self": (Caller.run, (caller, "x"), {}, {}),
    "of self, missing": (Lacking.lack, (Lacking(), "x"), {}, {}),
    "static method as an object": (Tool.__dict__["plain"], ("x",), {}, {}),
    "of bases": (Caller.inherited, (caller, "x"), {}, {}),
    "of cls": (Caller.of_class.__func__, (Caller, "x"), {}, {}),
    "instance as argument": (ask, (document, crate, Point(1, 2)), {"tone": Tone.DRY}, {}),
    "function as argument": (ask, (helped, shown, even, partial, nameless), {}, {}),
    "class as argument": (ask, (Tool, Document, Tone), {}, {}),
    "wrapped twice": (twice(twice(by_module)), ("x",), {}, {}),
    "wrapped by an object": (Counted(by_module), ("x",), {}, {}),
    "bound method": (tool.filled, ("x",), {"size": 1}, {}),
    "callable object": (tool, ("x",), {}, {}),
}
