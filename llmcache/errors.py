"""Every error and warning of llmcache, one tree.

```
LLMCacheError
├── ConfigurationError          a bad option, variable or URL (also a ValueError)
├── BackendError                the store failed
│   ├── BackendUnavailableError locked, full, gone, refused, out of time
│   └── BackendCorruptError     what is there is not ours or is damaged
├── UncacheableArgumentError    an argument without a stable form (also a TypeError)
└── CacheMissError              offline and not stored (also a LookupError)

LLMCacheWarning (a UserWarning)
├── BackendWarning
├── UncacheableResultWarning
└── ConfigurationWarning
```

The facts are attributes, the text says what to do next, and nothing secret is in either. All of
them pickle, so that they cross process pools.
"""

from __future__ import annotations

__all__ = [
    "BackendCorruptError",
    "BackendError",
    "BackendUnavailableError",
    "BackendWarning",
    "CacheMissError",
    "ConfigurationError",
    "ConfigurationWarning",
    "LLMCacheError",
    "LLMCacheWarning",
    "UncacheableArgumentError",
    "UncacheableResultWarning",
]


class LLMCacheError(Exception):
    """The root: `except LLMCacheError` catches all that llmcache itself raises."""


class ConfigurationError(LLMCacheError, ValueError):
    """An option, variable or URL that cannot be used.

    Attributes:
        name: The option, variable or setting at fault, as the user spelled it.
        value: The refused value as text; secrets masked.
        allowed: What would have been accepted, in words.
    """

    def __init__(self, message: str, *, name: str = "", value: str = "", allowed: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.value = value
        self.allowed = allowed


class BackendError(LLMCacheError):
    """The store failed; raised to a caller only where `on_backend_error="raise"` asks for it.

    Attributes:
        backend: The backend in words, a URL without credentials or a class name.
        operation: What was tried: `"open"`, `"get"`, `"put"`, ...
    """

    def __init__(self, message: str, *, backend: str = "", operation: str = "") -> None:
        super().__init__(message)
        self.backend = backend
        self.operation = operation


class BackendUnavailableError(BackendError):
    """Nothing is wrong with the data, but it cannot be reached now."""


class BackendCorruptError(BackendError):
    """What is stored is damaged, of a newer release, or of another program."""


class UncacheableArgumentError(LLMCacheError, TypeError):
    """An argument that has no stable form, so that no key can be made.

    Attributes:
        parameter: The parameter of the decorated function.
        path: The way from the parameter to the value, such as `docs[3].client`.
        type_name: The full name of the value's type.
    """

    def __init__(
        self, message: str, *, parameter: str = "", path: str = "", type_name: str = ""
    ) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.path = path
        self.type_name = type_name


class CacheMissError(LLMCacheError, LookupError):
    """In mode `offline`, the answer is not stored, and no call was made.

    Attributes:
        function: The function that was asked.
        key: The digest that was looked for, 64 hex digits; empty where no key could be made.
        explanation: Why it missed, as `cache_explain` prints it.
    """

    def __init__(
        self, message: str, *, function: str = "", key: str = "", explanation: str = ""
    ) -> None:
        super().__init__(message)
        self.function = function
        self.key = key
        self.explanation = explanation


class LLMCacheWarning(UserWarning):
    """The root of the warnings, for one filter over all of them."""


class BackendWarning(LLMCacheWarning):
    """The store failed or is limited; the calls go on."""


class UncacheableResultWarning(LLMCacheWarning):
    """A result was returned but not stored; once per function, naming the field."""


class ConfigurationWarning(LLMCacheWarning):
    """A setting that has no effect, such as a misspelled variable."""
