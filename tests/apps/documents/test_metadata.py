from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from apps.documents.metadata import DEEPEST, MOST_KEYS, InvalidMetadataError, metadata_fault
from apps.documents.models import Document
from apps.documents.services.documents import document_update
from tests import factories as make
from tests.acting import ACTOR

DOCUMENTS = "/api/v1/documents/"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture(name="limits")
def _limits(request: pytest.FixtureRequest) -> Any:
    """Django's settings; `settings` is hypothesis' here."""
    return request.getfixturevalue("settings")


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


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"a": "x" * 1_100}, "takes 1,111 bytes, and 1,024 are allowed (RAGSITE_MAX_METADATA_KB)"),
        ({"a": "é" * 550}, "takes 1,111 bytes, and 1,024 are allowed (RAGSITE_MAX_METADATA_KB)"),
        ({"a": ["é" * 500]}, ""),
        ({"a": [1e300] * 5}, "takes 1,526 bytes, and 1,024 are allowed (RAGSITE_MAX_METADATA_KB)"),
        ({"a": [1e-300] * 5}, "takes 1,531 bytes, and 1,024 are allowed (RAGSITE_MAX_METADATA_KB)"),
        ({str(key): 1 for key in range(MOST_KEYS + 1)}, "has 1,001 keys, and 1,000 are allowed"),
        ([{"a": {"b": 1}}] * 501, "has 1,002 keys, and 1,000 are allowed"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_metadata_has_a_size(limits: Any, value: Any, fault: str) -> None:
    limits.RAGSITE_MAX_METADATA_BYTES = 1_024
    assert metadata_fault(value) == fault


@pytest.mark.django_db
def test_the_size_is_no_less_than_what_the_database_writes(limits: Any) -> None:
    value = {"é": [1e300, 1e-300, 123456789012345678, 1.5, True, None, "a\u2028b", {"x": {}}], "b": [], "c": -1e16}
    with connection.cursor() as cursor:
        cursor.execute("SELECT octet_length(%s::jsonb::text)", [Jsonb(value)])
        [[written]] = cursor.fetchall()
    limits.RAGSITE_MAX_METADATA_BYTES = written - 1
    assert "bytes" in metadata_fault(value)


@pytest.mark.django_db
@pytest.mark.parametrize("door", ["upload", "patch", "bulk", "from-url"])
def test_every_door_refuses_metadata_that_is_too_large(limits: Any, door: str) -> None:
    limits.RAGSITE_URL_INGESTION = True
    limits.RAGSITE_MAX_METADATA_BYTES = 1_024
    document = make.upload(make.knowledge_base(), metadata={"kept": 1}).version.document
    client, told = make.client(document.tenant), json.dumps({"a": "x" * 1_100})
    base, json_type = str(document.knowledge_base_id), {"content_type": "application/json"}
    response = {
        "upload": lambda: client.post(DOCUMENTS, {"knowledge_base": base, "file": make.file("New."), "metadata": told}),
        "bulk": lambda: client.post(
            f"{DOCUMENTS}bulk/", {"knowledge_base": base, "files": make.file("New."), "metadata": told}
        ),
        "patch": lambda: client.patch(f"{DOCUMENTS}{document.pk}/", {"metadata": json.loads(told)}, **json_type),
        "from-url": lambda: client.post(
            f"{DOCUMENTS}from-url/",
            {"knowledge_base": base, "url": "https://example.org/a.txt", "metadata": json.loads(told)},
            **json_type,
        ),
    }[door]()
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["field"] == "metadata"
    assert "takes 1,111 bytes, and 1,024 are allowed" in error["message"]
    assert list(Document.objects.values_list("metadata", flat=True)) == [{"kept": 1}]


@pytest.mark.django_db
def test_services_refuse_it_too_whoever_calls_them(limits: Any) -> None:
    limits.RAGSITE_MAX_METADATA_BYTES = 1_024
    document = make.upload(make.knowledge_base()).version.document
    with pytest.raises(InvalidMetadataError, match="takes 1,111 bytes"):
        document_update(document=document, metadata={"a": "x" * 1_100}, actor=ACTOR)
    with pytest.raises(InvalidMetadataError, match="takes 1,111 bytes"):
        make.upload(document.knowledge_base, metadata={"a": "x" * 1_100})
    assert Document.objects.count() == 1
