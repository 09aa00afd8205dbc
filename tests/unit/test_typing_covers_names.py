"""What three type checkers read covers all that users may name."""

from __future__ import annotations

import ast
from pathlib import Path

import llmcache
from llmcache import backends, testing
from llmcache.integrations import instructor, otel

ROOMS = [llmcache, backends, testing, instructor, otel]
READ = Path(__file__).parents[1] / "typing" / "api.py"


def test_every_public_name_is_used_where_the_type_checkers_look() -> None:
    tree = ast.parse(READ.read_text(encoding="utf-8"))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {name for room in ROOMS for name in room.__all__} - used == set()
