"""An exception that many raise is after them as it was before."""

from __future__ import annotations

import traceback

import pytest

from llmcache.flight.raising import SharedError


def raised() -> ValueError:
    """An error with a cause and a context, that came a way."""
    try:
        try:
            raise KeyError("handled")  # noqa: TRY301 - what the other is raised in the midst of
        except KeyError:
            raise ValueError("no") from OSError("why")
    except ValueError as error:
        return error


@pytest.mark.parametrize("callers", [1, 50])
def test_neither_its_traceback_nor_its_cause_and_context_change_with_those_who_raise_it(callers):
    error = raised()
    shared = SharedError(error)
    cause, context = error.__cause__, error.__context__
    way = len(traceback.extract_tb(error.__traceback__))
    for _ in range(callers):
        try:
            raise LookupError("his own")  # noqa: TRY301 - what each caller was handling
        except LookupError:
            with pytest.raises(ValueError, match="no") as caught:
                shared.throw()
        assert caught.value is error
        assert (error.__cause__, error.__context__) == (cause, context)
    # What it came by, `throw`, and the last of the callers: not those before him.
    assert len(traceback.extract_tb(error.__traceback__)) == way + 2
