"""A call becomes named values, the same for every way to spell it.

The interpreter itself binds: for each function a twin is made that has the same parameters and
defaults and whose body returns its own variables. So binding costs one call, and a wrong call gets
the very `TypeError` that the function would raise.
"""

from __future__ import annotations

import inspect
from inspect import Parameter, Signature
from types import FunctionType
from typing import TYPE_CHECKING, Any

from llmcache.errors import ConfigurationError
from llmcache.spellings import hint_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Binder"]

POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
ANY_CALL = Signature(
    [Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)]
)


def returns_its_variables() -> dict[str, Any]:
    """The body of every twin."""
    return locals()


def signature_of(function: Callable[..., Any]) -> Signature:
    """The parameters; those of a builtin that does not tell them are any."""
    try:
        return inspect.signature(function)
    except ValueError:
        return ANY_CALL


def twin_of(function: Callable[..., Any], signature: Signature) -> Callable[..., dict[str, Any]]:
    """A function with these parameters and defaults that returns them as bound."""
    by_kind: dict[Any, list[Parameter]] = {}
    for parameter in signature.parameters.values():
        by_kind.setdefault(parameter.kind, []).append(parameter)
    positional = [one for kind in POSITIONAL for one in by_kind.get(kind, [])]
    keyword_only = by_kind.get(Parameter.KEYWORD_ONLY, [])
    rest = by_kind.get(Parameter.VAR_POSITIONAL, [])
    keywords = by_kind.get(Parameter.VAR_KEYWORD, [])
    variables = tuple(one.name for one in (*positional, *keyword_only, *rest, *keywords))
    flags = returns_its_variables.__code__.co_flags
    name = getattr(function, "__name__", type(function).__name__)
    code = returns_its_variables.__code__.replace(
        co_name=name,
        co_qualname=getattr(function, "__qualname__", name),
        co_argcount=len(positional),
        co_posonlyargcount=len(by_kind.get(Parameter.POSITIONAL_ONLY, [])),
        co_kwonlyargcount=len(keyword_only),
        co_nlocals=len(variables),
        co_varnames=variables,
        co_flags=flags
        | (inspect.CO_VARARGS if rest else 0)
        | (inspect.CO_VARKEYWORDS if keywords else 0),
    )
    given = tuple(one.default for one in positional if one.default is not Parameter.empty)
    twin = FunctionType(code, {}, argdefs=given)
    twin.__kwdefaults__ = {
        one.name: one.default for one in keyword_only if one.default is not Parameter.empty
    }
    return twin


class Binder:
    """Binds calls of one function.

    Attributes:
        names: The parameters, in the order of the signature.
        kept: Those of them that `bind` gives.
        keywords: The one that takes all other keywords; None: there is none.
    """

    __slots__ = ("kept", "keywords", "names", "twin")

    def __init__(self, function: Callable[..., Any]) -> None:
        """Read the signature of `function`, which is the undecorated one."""
        signature = signature_of(function)
        self.names: tuple[str, ...] = tuple(signature.parameters)
        self.kept: tuple[str, ...] = self.names
        self.keywords: str | None = next(
            (n for n, one in signature.parameters.items() if one.kind is one.VAR_KEYWORD), None
        )
        self.twin: Callable[..., dict[str, Any]] = twin_of(function, signature)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[str, object], ...]:
        """Each parameter's name and value, defaults applied.

        `*args` is one tuple and `**kwargs` one dict, each under the parameter's own name and there
        even when empty, so that nothing given by position can pass for something given by name.

        Raises:
            TypeError: The call does not fit the function; the text is the function's own.
        """
        bound = self.variables(args, kwargs)
        return tuple([(name, bound[name]) for name in self.kept])

    def variables(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """As `bind`, of all parameters, those too that `bind` leaves out."""
        return self.twin(*args, **kwargs)

    def without(self, ignored: Iterable[str]) -> Binder:
        """The same function bound, with these parameters left out of what `bind` gives."""
        names = frozenset(ignored)
        fewer = Binder.__new__(Binder)
        fewer.names, fewer.twin, fewer.keywords = self.names, self.twin, self.keywords
        fewer.kept = tuple(name for name in self.kept if name not in names)
        return fewer

    def check_ignored(self, names: Iterable[str]) -> None:
        """Refuse what is no parameter.

        Raises:
            ConfigurationError: A name that is no parameter, or one string instead of several.
        """
        allowed = ", ".join(self.names) or "no parameters"
        if isinstance(names, str) or not hasattr(names, "__iter__"):
            raise ConfigurationError(
                f"ignore={names!r} is no list of names; write ignore=['parameter']",
                name="ignore",
                value=str(names),
                allowed=allowed,
            )
        for name in names:
            if name not in self.names:
                hint = hint_at(str(name), self.names)
                raise ConfigurationError(
                    f"ignore names {name!r}, which is no parameter.{hint} There are: {allowed}.",
                    name="ignore",
                    value=str(name),
                    allowed=allowed,
                )
