"""Every door that takes files has room for them, and no other has."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from ragsite.api import openapi
from ragsite.gateway.routes import SMALL_BODY_BYTES, Kind, Route, route_of, routes

METHODS = ("get", "post", "put", "patch", "delete")


def operations() -> dict[tuple[str, str], set[str]]:
    """By method and address, which types of body the API takes."""
    return {
        (method.upper(), re.sub("{[^}]+}", str(uuid4()), path)): set(
            operation.get("requestBody", {}).get("content", ())
        )
        for path, operations in openapi()["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }


def route(method: str, path: str) -> Route:
    return route_of(method, path, routes())


def test_the_doors_of_the_api_that_take_files_and_only_these_have_room_for_them() -> None:
    found = operations()
    roomy = {where for where in found if route(*where).body_bytes > SMALL_BODY_BYTES}
    assert roomy == {where for where, types in found.items() if types == {"multipart/form-data"}}
    assert len(roomy) == 5
    assert {route(*where).kind for where in roomy} == {Kind.UPLOAD}


@pytest.mark.parametrize(
    "page",
    [
        "workspace-upload",
        "admin:documents_document_new_version",
        "admin:retrieval_evaluationset_import_questions",
    ],
)
def test_the_pages_that_take_files_have_room_for_as_many_as_a_request_may_have(page: str, settings: Any) -> None:
    found = route("POST", reverse(page, args=[uuid4()]))
    assert found.kind is Kind.UPLOAD
    assert found.body_bytes > settings.DATA_UPLOAD_MAX_NUMBER_FILES * settings.RAGSITE_MAX_UPLOAD_BYTES


def test_a_bulk_upload_has_room_for_as_many_files_as_a_request_may_have(settings: Any) -> None:
    found = route("POST", "/api/v1/documents/bulk/")
    assert found.body_bytes > settings.DATA_UPLOAD_MAX_NUMBER_FILES * settings.RAGSITE_MAX_UPLOAD_BYTES


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/api/v1/search", Kind.SEARCH),
        ("POST", "/api/v1/ask", Kind.ANSWER),
        ("POST", "/admin/knowledge-bases/one/ask/", Kind.ANSWER),
        ("POST", "/admin/knowledge-bases/one/ask/stream/", Kind.ANSWER),
        ("POST", "/admin/knowledge-bases/one/ask/stop/", Kind.OTHER),
        ("POST", "/api/v1/documents/from-url/", Kind.FETCH),
        ("GET", "/api/v1/documents/", Kind.OTHER),
        ("GET", "/", Kind.OTHER),
        ("POST", "/admin/login/", Kind.OTHER),
        ("DELETE", "/api/v1/documents/a\nb/", Kind.OTHER),
    ],
)
def test_each_kind_of_work_has_places_of_its_own(method: str, path: str, kind: Kind) -> None:
    assert route(method, path).kind is kind
    assert route(method, path).body_bytes == SMALL_BODY_BYTES
