"""Documents from an address, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from django.test import Client

from apps.documents.intake import fetching
from apps.documents.models import Document, KnowledgeBase
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.apps.documents.intake.outside import OUTSIDE, CountingBackend, Resolver, Server

pytestmark = pytest.mark.django_db

FROM_URL = "/api/v1/documents/from-url/"
URL = "http://example.org/notes"


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, settings: Any, server: Server) -> CountingBackend:
    """Fetching is on, and every public address is the server."""
    settings.RAGSITE_URL_INGESTION = True
    backend = CountingBackend(instead=server.place)
    network = fetching.Network(backend=backend, resolve=Resolver([OUTSIDE]))
    monkeypatch.setattr(fetching, "Network", lambda: network)
    return backend


def send(
    client: Client,
    base: KnowledgeBase,
    url: str = URL,
    headers: Mapping[str, str] = MappingProxyType({}),
    **fields: Any,
) -> Any:
    body = {"knowledge_base": str(base.pk), "url": url, **fields}
    return client.post(FROM_URL, body, content_type="application/json", headers=dict(headers))


def test_it_is_off_unless_the_operator_switches_it_on(client: Client, base: KnowledgeBase) -> None:
    refused = send(client, base)
    assert (refused.status_code, refused.json()["code"]) == (403, "url_ingestion_off")
    assert "fetching.enabled" in refused.json()["detail"]
    assert not Document.objects.exists()


def test_a_document_is_fetched_and_watched_like_an_upload(
    client: Client, base: KnowledgeBase, server: Server, backend: CountingBackend
) -> None:
    server.page("/notes", b"The pier is closed.", Content_Type="text/plain")
    accepted = send(client, base, metadata={"team": "harbour"})
    assert (accepted.status_code, accepted.json()["outcome"]) == (202, "created")
    make.run_stages()
    assert client.get(accepted.json()["version"]["url"]).json()["status"] == "ready"
    document = Document.objects.get()
    assert (document.external_id, document.title, document.metadata) == (URL, "notes.txt", {"team": "harbour"})
    assert send(client, base).json()["outcome"] == "unchanged"


def test_a_long_address_has_an_external_id_of_its_own(
    client: Client, base: KnowledgeBase, server: Server, backend: CountingBackend
) -> None:
    server.page("/notes", b"One.", Content_Type="text/plain")
    assert send(client, base, URL + "?q=" + "a" * 300).status_code == 202
    server.page("/notes", b"Two.", Content_Type="text/plain")
    assert send(client, base, URL + "?q=" + "a" * 301).json()["outcome"] == "created"


def test_chunking_is_the_document_s_own_and_is_checked_before_anything_is_fetched(
    client: Client, base: KnowledgeBase, server: Server, backend: CountingBackend
) -> None:
    refused = send(client, base, chunking={"size": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_chunking")
    assert backend.connected == []
    server.page("/notes", b"The pier is closed.", Content_Type="text/plain")
    assert send(client, base, chunking={"size": 64}).status_code == 202
    assert Document.objects.get().chunking == {"size": 64}


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("http://127.0.0.1/", 422, "url_forbidden"),
        ("file:///etc/passwd", 422, "url_forbidden"),
        ("http://example.org/missing", 422, "url_refused"),
        ("http://example.org/picture", 422, "unknown_type"),
        ("", 422, "invalid_input"),
        ("http://example.org/" + "a" * 2000, 422, "invalid_input"),
    ],
)
def test_what_cannot_be_fetched_is_refused_with_its_reason(
    client: Client, base: KnowledgeBase, server: Server, backend: CountingBackend, url: str, status: int, code: str
) -> None:
    server.page("/missing", status=404)
    server.page("/picture", b"\x89PNG", Content_Type="image/png")
    refused = send(client, base, url)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.content
    assert not Document.objects.exists()


def test_an_address_that_does_not_answer_may_be_tried_again_under_the_same_key(
    client: Client, base: KnowledgeBase, server: Server, backend: CountingBackend
) -> None:
    def drops(request: Any) -> None:
        request.close_connection = True

    server.pages["/notes"] = drops
    failed = send(client, base, headers={"Idempotency-Key": "once"})
    assert (failed.status_code, failed.json()["code"]) == (502, "url_unreachable")
    server.page("/notes", b"The pier is closed.", Content_Type="text/plain")
    assert send(client, base, headers={"Idempotency-Key": "once"}).status_code == 202
    asked = len(server.requests)
    assert send(client, base, headers={"Idempotency-Key": "once"})["Idempotency-Replayed"] == "true"
    assert len(server.requests) == asked


def test_neither_a_reader_nor_a_stranger_makes_the_server_ask(
    client: Client, base: KnowledgeBase, server: Server, backend: CountingBackend
) -> None:
    assert send(make.client(base.tenant, Permission.READ), base).status_code == 403
    assert send(make.client(make.tenant()), base).status_code == 404
    assert backend.connected == []
