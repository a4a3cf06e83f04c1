"""A page of a list has a bound in rows and in bytes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Document
from apps.documents.services.documents import document_delete
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db

KB = 1024


@pytest.fixture
def client(settings: Any) -> Client:
    """Of a tenant with 7 documents, each with 60 kB of metadata; a page has 200 kB."""
    settings.RAGSITE_MAX_PAGE_BYTES = 200 * KB
    base = make.knowledge_base()
    for number in range(7):
        make.upload(base, f"Text {number}.", external_id=str(number), metadata={"filling": "é" * 30 * KB})
    return make.client(base.tenant)


def followed(client: Client, url: str) -> list[dict[str, Any]]:
    """The pages from this one on."""
    pages = []
    while url:
        page = client.get(url).json()
        pages.append(page)
        url = page["next"]
    return pages


def test_a_page_that_would_be_too_large_ends_earlier_and_the_next_one_goes_on_there(client: Client) -> None:
    pages = followed(client, "/api/v1/documents/?limit=200")
    assert [len(page["results"]) for page in pages] == [3, 3, 1]
    ids = [document["external_id"] for page in pages for document in page["results"]]
    assert ids == ["6", "5", "4", "3", "2", "1", "0"]
    assert {page["count"] for page in pages} == {7}


def test_what_does_not_fit_is_not_read(client: Client) -> None:
    with CaptureQueriesContext(connection) as ran:
        client.get("/api/v1/documents/?limit=200")
    [read] = [one["sql"] for one in ran if '"documents_document"."metadata",' in one["sql"]]
    assert read.endswith("LIMIT 3")


def test_a_row_larger_than_a_page_comes_alone(client: Client, settings: Any) -> None:
    settings.RAGSITE_MAX_PAGE_BYTES = 10
    pages = followed(client, "/api/v1/documents/?limit=200&offset=4")
    assert [len(page["results"]) for page in pages] == [1, 1, 1]


def test_what_a_row_brings_from_other_tables_counts_too(settings: Any) -> None:
    settings.RAGSITE_MAX_PAGE_BYTES = KB
    base = make.knowledge_base()
    for number in range(4):
        make.upload(base, f"Text {number}.")
    pages = followed(make.client(base.tenant), "/api/v1/documents/")
    assert [len(page["results"]) for page in pages] == [1, 1, 1, 1]


def test_small_rows_fill_a_page(client: Client) -> None:
    Document.objects.update(metadata={})
    page = client.get("/api/v1/documents/?limit=5").json()
    assert len(page["results"]) == 5
    assert "limit=5&offset=5" in page["next"]
    last = client.get(page["next"]).json()
    assert (len(last["results"]), last["next"]) == (2, None)
    assert last["previous"].endswith("?limit=5")


def test_a_cursor_goes_on_after_the_row_that_was_seen_whatever_comes_and_goes() -> None:
    base = make.knowledge_base()
    made = [make.upload(base, f"Text {number}.").version.document for number in range(5)]
    client = make.client(base.tenant)
    first = client.get("/api/v1/documents/", {"limit": 2, "cursor": "first"}).json()
    assert ("count" in first, [one["id"] for one in first["results"]]) == (False, [str(one.pk) for one in made[:2:-1]])
    make.upload(base, "Another.")
    document_delete(document=made[4], actor=ACTOR)
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()
    assert [one["id"] for one in (*second["results"], *third["results"])] == [str(one.pk) for one in made[2::-1]]
    assert third["next"] is None
    versions = client.get("/api/v1/versions/", {"cursor": "first", "limit": 3}).json()
    assert [len(versions["results"]), len(client.get(versions["next"]).json()["results"])] == [3, 2]
    wrong = client.get("/api/v1/documents/", {"cursor": "bm9uc2Vuc2U"})
    assert (wrong.status_code, "Follow `next`" in wrong.json()["detail"]) == (422, True)
