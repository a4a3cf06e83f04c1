from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from apps.documents.metadata import DEEPEST, metadata_fault

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=10,
)


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else "bottom"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"a": 1, "b": [None, True, 1.5, "text", {"c": {}}]}, ""),
        ({"backslash": "\\u0000 \\ud800"}, ""),
        ({"emoji": "\U0001f40b"}, ""),
        ({"a": "x\x00y"}, r"holds a NUL character in 'x\x00y'"),
        ({"a\x00": 1}, r"holds a NUL character in 'a\x00'"),
        ({"a": ["x\ud83d"]}, r"holds half a character in 'x\ud83d'"),
        ({"a": float("inf")}, "holds a number that is too large"),
        (nested(DEEPEST), ""),
        (nested(DEEPEST + 1), "is nested more than 32 levels deep"),
    ],
    ids=repr,
)
def test_a_fault_is_reported_with_the_text_it_is_in(value: Any, fault: str) -> None:
    assert metadata_fault(value) == fault


@pytest.mark.django_db
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON)
def test_what_has_no_fault_comes_back_from_the_database_as_it_was(value: Any) -> None:
    if not metadata_fault(value):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::jsonb = %s::jsonb", [Jsonb(value), Jsonb(value)])
            assert cursor.fetchone() == (True,)
