"""Answers over HTTP when a model is away: made by other means, and saying so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.models.errors import DeadlineExceededError
from apps.retrieval.models import Answer, Citation, Query
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.apps.retrieval.counting import searches
from tests.apps.retrieval.transports import CountingTransport, Failing, Garbage

pytestmark = pytest.mark.django_db

QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."


@pytest.fixture
def client() -> Client:
    return make.client(make.ready_version().document.tenant)


def ask(client: Client, **body: Any) -> Any:
    return client.post("/api/v1/ask", {"question": QUESTION, **body}, content_type="application/json")


def told_of(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["step"], one["code"]) for one in answer["degraded"]]


@pytest.mark.parametrize("mode", [None, "hybrid"])
@pytest.mark.parametrize(
    ("transport", "code"),
    [
        (Failing(ModelUnavailableError("No worker.", code="circuit_open")), "circuit_open"),
        (Failing(DeadlineExceededError("Too late.")), "deadline_exceeded"),
        (Garbage(), "invalid_embedding"),
    ],
    ids=["breaker open", "too late", "no numbers"],
)
def test_without_a_model_an_answer_is_made_by_words_and_says_so_then_and_later(
    client: Client, use_transport: Callable[[Any], None], transport: Any, code: str, mode: str | None
) -> None:
    use_transport(transport)
    response = ask(client, mode=mode)
    assert response.status_code == 200, response.content
    answer = response.json()
    assert (answer["answer"], answer["found"], answer["generator"]) == (SENTENCE, True, "extractive")
    assert told_of(answer) == [("embed", code)]
    assert "only its words were searched for." in answer["degraded"][0]["detail"]
    assert client.get(f"/api/v1/answers/{answer['id']}").json() == answer
    kept = [model.objects.count() for model in (Query, Answer, Citation)]
    assert (kept, OutboxEvent.objects.filter(type="query.processed").count()) == ([1, 1, 1], 1)


def test_what_the_documents_do_not_say_is_not_found_by_words_either(
    client: Client, use_transport: Callable[[Any], None]
) -> None:
    use_transport(Failing(ModelUnavailableError("No worker.")))
    answer = ask(client, question="Which harbour master composed the ninth symphony?").json()
    assert (answer["found"], answer["citations"]) == (False, [])
    assert told_of(answer)[0] == ("embed", "model_unavailable")


def test_a_question_searched_by_words_is_answered_without_any_model(
    client: Client, use_transport: Callable[[Any], None]
) -> None:
    use_transport(Failing(ModelUnavailableError("No worker.")))
    answer = ask(client, mode="lexical").json()
    assert (answer["answer"], told_of(answer)) == (SENTENCE, [])


def test_an_answer_for_which_all_could_be_done_has_nothing_to_tell(client: Client) -> None:
    answer = ask(client).json()
    assert (answer["degraded"], Answer.objects.get().degraded) == ([], [])


def test_a_question_is_embedded_once_and_searched_for_once(
    client: Client, use_transport: Callable[[Any], None]
) -> None:
    transport = CountingTransport()
    use_transport(transport)
    with searches() as counted:
        assert ask(client).json()["found"]
    assert counted == {"dense": 1, "lexical": 1}
    assert transport.texts.count(QUESTION) == 1
