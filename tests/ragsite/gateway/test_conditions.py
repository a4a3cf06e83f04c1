"""`If-Match`: nobody overwrites what they have not seen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.retrieval.models import Answer, Query
from benchmarks.gateway_matrix_api import API
from benchmarks.gateway_matrix_measured import address_of
from benchmarks.gateway_matrix_world import world_made
from ragsite.gateway.conditions import CHANGING, condition_of
from ragsite.gateway.errors import PreconditionFailedError
from ragsite.gateway.models import ApiKey, Permission
from tests import factories as make

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def document() -> Document:
    return make.upload(make.knowledge_base(), title="Before").version.document


@pytest.fixture
def client(document: Document) -> Client:
    return make.client(document.tenant)


def document_url(document: Document) -> str:
    return f"/api/v1/documents/{document.pk}/"


def base_url(document: Document) -> str:
    return f"/api/v1/knowledge-bases/{document.knowledge_base_id}/"


def changed(client: Client, url: str, body: dict[str, Any], if_match: str) -> Any:
    return client.patch(url, body, content_type=JSON, headers={"If-Match": if_match})


@pytest.mark.parametrize(("place", "body"), [(document_url, {"title": "After"}), (base_url, {"name": "After"})])
def test_the_second_of_two_who_read_the_same_is_told_and_changes_nothing(
    client: Client, document: Document, place: Any, body: dict[str, Any]
) -> None:
    url = place(document)
    seen = client.get(url)["ETag"]
    first = changed(client, url, body, seen)
    assert first.status_code == 200
    assert first["ETag"] not in {seen, ""}
    assert first["ETag"] == client.get(url)["ETag"]
    second = changed(client, url, dict.fromkeys(body, "Lost"), seen)
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    assert "Read it again" in second.json()["detail"]
    assert not Document.objects.filter(title="Lost").exists()
    assert not KnowledgeBase.objects.filter(name="Lost").exists()
    assert changed(client, url, body, first["ETag"]).status_code == 200


@pytest.mark.parametrize("given", ["nonsense", '"0000"', 'W/"0000"', '"a", "b"', ""])
@pytest.mark.parametrize("method", ["patch", "delete", "put"])
def test_what_matches_nothing_changes_nothing(client: Client, document: Document, method: str, given: str) -> None:
    url, headers = document_url(document), {"If-Match": given}
    calls = {
        "patch": lambda: client.patch(url, {"title": "After"}, content_type=JSON, headers=headers),
        "delete": lambda: client.delete(url, headers=headers),
        "put": lambda: client.generic("PUT", url, *_form(), headers=headers),
    }
    response = calls[method]()
    assert (response.status_code, response.json()["code"]) == (412, "precondition_failed")
    assert list(Document.objects.values_list("title", "deleted_at")) == [("Before", None)]
    assert DocumentVersion.objects.count() == 1


def _form() -> tuple[bytes, str]:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nNew.\r\n--x--\r\n'
    return body, "multipart/form-data; boundary=x"


@pytest.mark.parametrize("given", ["*", '"other", {etag}', "{etag}"])
def test_what_matches_is_done(client: Client, document: Document, given: str) -> None:
    url = document_url(document)
    headers = {"If-Match": given.replace("{etag}", client.get(url)["ETag"])}
    assert client.generic("PUT", url, *_form(), headers=headers).status_code == 202
    headers = {"If-Match": given.replace("{etag}", client.get(url)["ETag"])}
    assert client.delete(url, headers=headers).status_code == 204
    assert client.delete(base_url(document), headers={"If-Match": "*"}).status_code == 204


def test_a_new_version_changes_the_etag_and_the_work_on_it_does_not(client: Client, document: Document) -> None:
    url = document_url(document)
    before = client.get(url)["ETag"]
    make.run_stages()
    assert client.get(url)["ETag"] == before
    client.generic("PUT", url, *_form())
    assert client.get(url)["ETag"] != before


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("post", "/api/v1/documents/"),
        ("post", "/api/v1/search"),
        ("get", "/api/v1/documents/"),
        ("post", "/api/v1/evaluation-sets/"),
    ],
)
def test_a_condition_where_nothing_has_an_etag_is_refused(client: Client, method: str, url: str) -> None:
    response = getattr(client, method)(url, {}, headers={"If-Match": '"a"'})
    assert (response.status_code, response.json()["code"]) == (412, "precondition_failed")
    assert "Leave it out" in response.json()["detail"]


def changes() -> list[tuple[str, str]]:
    """Every change of the API by its method and route."""
    return [
        (words.split()[0], route)
        for route, row in API.items()
        for words in row.split("|")
        if words.split()[0] in CHANGING
    ]


BODIES = {
    "PATCH api/v1/knowledge-bases/<uuid:pk>/": {"name": "After"},
    "PATCH api/v1/documents/<uuid:pk>/": {"title": "After"},
    "PATCH api/v1/conversations/<uuid:pk>/": {"title": "After"},
    "PUT api/v1/settings/<str:name>/": {"value": 5},
    "PUT api/v1/flags/<str:name>/": {"on": False},
    "PATCH api/v1/evaluation-sets/<uuid:pk>/": {"name": "After"},
    "PUT api/v1/answers/<uuid:answer_id>/feedback": {"rating": "down"},
}


def test_every_change_heeds_what_was_seen_and_every_such_thing_tells_its_etag(settings: Any) -> None:
    world = world_made()
    ApiKey.objects.update(permissions=[one.value for one in Permission])
    tried = changes()
    assert len(tried) >= 15
    for method, route in tried:
        address = address_of(route, world.own["query"])
        client = Client(headers={"Authorization": f"Bearer {world.keys['query']}"})
        seen = client.get(address)
        assert (seen.status_code, bool(seen.headers.get("ETag"))) == (200, True), (route, seen.content)
        for if_match, required, wanted in (
            ('"old"', False, 412),
            (None, True, 428),
            (seen["ETag"], True, None),
            ("*", True, None),
        ):
            settings.RAGSITE_REQUIRE_IF_MATCH = required
            status = _changed(client, method, route, address, if_match)
            assert status == wanted if wanted else status not in (412, 428), (method, route, if_match, status)


def _changed(client: Client, method: str, route: str, address: str, if_match: str | None) -> int:
    headers = {"If-Match": if_match} if if_match else {}
    is_upload = (method, route) == ("PUT", "api/v1/documents/<uuid:pk>/")
    body = _form() if is_upload else (json.dumps(BODIES.get(f"{method} {route}", {})), JSON)
    with transaction.atomic():
        response = client.generic(method, address, *body, headers=headers)
        transaction.set_rollback(True)
    return int(response.status_code)


def test_the_first_rating_says_that_there_is_none_yet(settings: Any) -> None:
    settings.RAGSITE_REQUIRE_IF_MATCH = True
    key, client = make.keyed(make.tenant())
    query = Query.objects.create(
        tenant=key.tenant, asked_by="test", question="Berths?", knowledge_base_ids=[], api_key=key
    )
    answer = Answer.objects.create(query=query, text="42.", found=True, generator="extractive", citation_count=0)
    url = f"/api/v1/answers/{answer.pk}/feedback"
    new = {"If-None-Match": "*"}
    assert client.get(url).status_code == 404
    assert client.put(url, {"rating": "up"}, content_type=JSON).status_code == 428
    first = client.put(url, {"rating": "up"}, content_type=JSON, headers=new)
    assert (first.status_code, first["ETag"]) == (200, client.get(url)["ETag"])
    assert client.put(url, {"rating": "down"}, content_type=JSON, headers=new).status_code == 412
    assert client.delete(url, headers={"If-Match": first["ETag"]}).status_code == 204


def test_a_date_as_a_condition_is_refused(client: Client, document: Document) -> None:
    headers = {"If-Unmodified-Since": "Wed, 21 Oct 2015 07:28:00 GMT"}
    response = client.delete(document_url(document), headers=headers)
    assert (response.status_code, response.json()["code"]) == (412, "precondition_failed")
    assert Document.objects.filter(deleted_at=None).exists()


def test_a_weak_etag_is_not_that_of_anything() -> None:
    with pytest.raises(PreconditionFailedError):
        condition_of({"If-Match": 'W/"a"'}).check('"a"')
    condition_of({"If-Match": '"b" , "a"'}).check('"a"')
    condition_of({}).check('"a"')
