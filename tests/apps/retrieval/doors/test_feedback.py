"""What people think of answers, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document, DocumentVersion
from apps.retrieval.models import AnswerFeedback
from ragsite.core.models import OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def client(version: DocumentVersion) -> Client:
    return make.client(version.document.tenant)


@pytest.fixture
def url(client: Client) -> str:
    asked = client.post("/api/v1/ask", {"question": "How many berths for guests has the harbour?"}, "application/json")
    assert asked.json()["found"]
    return f"/api/v1/answers/{asked.json()['id']}/feedback"


def rated(client: Client, url: str, **body: Any) -> Any:
    return client.put(url, body, content_type="application/json")


def events() -> list[tuple[Any, Any]]:
    rows = OutboxEvent.objects.filter(type="answer.rated").order_by("id")
    return [(row.payload["rating"], row.payload["has_comment"]) for row in rows]


def test_an_answer_has_one_rating_which_the_last_one_replaces_and_which_is_taken_back(client: Client, url: str) -> None:
    assert rated(client, url, rating="down", comment="Ask the harbourmaster.").status_code == 200
    again = rated(client, url, rating="up")
    assert (again.json()["rating"], again.json()["comment"]) == ("up", "")
    kept = AnswerFeedback.objects.get()
    assert (kept.rating, kept.rated_by) == ("up", "key test, API")
    for _ in range(2):
        assert client.delete(url).status_code == 204
    assert not AnswerFeedback.objects.exists()
    assert events() == [("down", True), ("up", False), (None, False)]
    assert "harbourmaster" not in str(OutboxEvent.objects.values_list("payload", flat=True)), (
        "what people say stays here"
    )


def test_a_rating_is_for_who_asked_and_may_still_read_the_answer(
    client: Client, url: str, version: DocumentVersion
) -> None:
    stranger = make.client(version.document.tenant)
    assert (rated(stranger, url, rating="up").status_code, stranger.delete(url).status_code) == (404, 404)
    Document.objects.update(restricted=True)
    assert (rated(client, url, rating="up").status_code, client.delete(url).status_code) == (404, 404)
    assert (AnswerFeedback.objects.exists(), events()) == (False, [])


@pytest.mark.parametrize(
    "body", [{}, {"rating": "meh"}, {"rating": "up", "comment": "x" * 2001}, {"rating": "up", "stars": 5}], ids=str
)
def test_a_rating_that_says_nothing_or_too_much_is_refused(client: Client, url: str, body: dict[str, Any]) -> None:
    response = rated(client, url, **body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
    assert (AnswerFeedback.objects.exists(), events()) == (False, [])
