"""What code asks for counts: docstrings, annotations, which fields were set."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from llmcache.errors import UncacheableArgumentError
from llmcache.keys.key import FunctionKeys


class Doc(BaseModel):
    a: int = 1


def dumps(doc: Doc) -> str:
    return doc.model_dump_json(exclude_unset=True)


def dumps_by_options(doc: Doc) -> str:
    options: Any = {"exclude_unset": True}
    return doc.model_dump_json(**options)


def looks(doc: Doc) -> str:
    return ",".join(doc.model_fields_set)


def dumps_all(doc: Doc) -> str:
    return doc.model_dump_json()


def applies(step: Any, doc: Doc) -> Any:
    return step(doc)


@pytest.mark.parametrize("function", [dumps, dumps_by_options, looks])
def test_which_fields_were_set_counts_where_code_asks(function: Any) -> None:
    keys = FunctionKeys(function)
    unset, given = (keys.digest((doc,), {}) for doc in (Doc(), Doc(a=1)))
    assert unset != given
    assert unset == FunctionKeys(function).digest((Doc(),), {})
    assert keys.key((Doc(),), {}).digest == unset


def test_which_fields_were_set_does_not_count_elsewhere() -> None:
    keys = FunctionKeys(dumps_all)
    assert keys.digest((Doc(),), {}) == keys.digest((Doc(a=1),), {})


def test_an_argument_that_asks_changes_the_keys_of_its_own_calls_alone() -> None:
    keys = FunctionKeys(applies)
    before = keys.digest((dumps_all, Doc()), {})
    asked = [keys.key((dumps, doc), {}).digest for doc in (Doc(), Doc(a=1))]
    assert asked[0] != asked[1]
    assert keys.digest((dumps_all, Doc()), {}) == before
    assert keys.digest((dumps_all, Doc(a=1)), {}) == before


def test_a_key_of_a_dict_that_may_be_a_token_is_not_shown_in_errors() -> None:
    with pytest.raises(UncacheableArgumentError) as raised:
        FunctionKeys(dumps_all).digest(({"sk_live_4f9a8c7b6d5e": object()},), {})
    assert raised.value.path == "doc[...]"
    assert "sk_live" not in str(raised.value)


def test_a_lambda_among_arguments_has_a_name_in_the_parts() -> None:
    parts = FunctionKeys(applies).key((lambda doc: doc, Doc()), {}).parts
    assert not [name for name in parts if name.rstrip() == "helper"]
