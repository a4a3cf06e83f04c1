"""The history in the admin: what was asked, answered and found, and what of it staff may see."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.documents.models import Document, DocumentVersion
from apps.models.gateway import Deadline
from apps.retrieval.answers.feedback import answer_rate
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.models import Answer, Conversation, EvaluationQuestion, Judgement, Rating
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db

QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def answer(version: DocumentVersion) -> Answer:
    """The second question of a conversation, rated."""
    of = version.document.tenant
    conversation = Conversation.objects.create(tenant=of, begun_by="ada", title="Berths")
    turn = AskedTurn("And for guests?", SearchRequest(QUESTION), conversation_id=conversation.pk)
    scope = make.scope(version.document.knowledge_base)
    answer = ask(turn.request, scope=scope, actor=ACTOR, deadline=Deadline.after(60), turn=turn)
    answer_rate(answer=answer, rating=Rating.UP, comment="Just what I wanted.", actor=ACTOR)
    return answer


@pytest.fixture
def staff(version: DocumentVersion) -> Client:
    """Staff of the tenant who may look at and add to everything of retrieval."""
    user = make.member(version.document.tenant, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="retrieval"))
    client = Client()
    client.force_login(user)
    return client


def url(row: Any) -> str:
    return reverse(f"admin:retrieval_{row._meta.model_name}_change", args=[row.pk])


def pages(answer: Answer) -> list[str]:
    lists = [
        reverse(f"admin:retrieval_{name}_changelist") for name in ("answer", "query", "citation", "answerfeedback")
    ]
    conversation = answer.query.conversation
    export = reverse("admin:retrieval_conversation_export", args=[conversation.pk])
    return [url(answer), url(answer.query), url(conversation), export, *lists]


def told(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return html.unescape(response.content.decode())


def test_the_page_of_an_answer_shows_all_that_went_into_it(staff: Client, answer: Answer) -> None:
    for address in (url(answer), url(answer.query)):
        page = staff.get(address)
        text = html.unescape(page.content.decode())
        for shown in ("And for guests?", f"Searched for: {QUESTION}", SENTENCE, "Supported", "Just what I wanted."):
            assert shown in text
        passages = page.context["passages"]
        assert [(one.number, one.score) for one in passages] == [
            (number, kept["score"]) for number, kept in enumerate(answer.passages, start=1)
        ]
        assert all(one.text in text and one.url in text for one in passages)
        assert f"{SENTENCE} [1]" in page.context["copied"]
        assert page.context["hidden"] == 0


def test_a_conversation_shows_its_turns_and_is_exported(staff: Client, answer: Answer) -> None:
    conversation = answer.query.conversation
    page = told(staff, url(conversation))
    assert SENTENCE in page
    assert f"Searched for: {QUESTION}" in page
    assert url(answer.query) in page
    exported = staff.get(reverse("admin:retrieval_conversation_export", args=[conversation.pk]))
    assert exported["Content-Type"] == "text/markdown; charset=utf-8"
    assert f"> {SENTENCE}" in exported.content.decode()


def test_staff_see_nothing_that_quotes_what_they_may_not_read(
    staff: Client, admin_client: Client, answer: Answer, version: DocumentVersion
) -> None:
    for address in pages(answer):
        assert told(staff, address)
    Document.objects.filter(pk=version.document_id).update(restricted=True)
    for client in (staff, admin_client):
        for address in pages(answer):
            page = told(client, address)
            assert "42 berths" not in page, address
            assert "electricity" not in page, address
    hidden = staff.get(url(answer))
    assert (hidden.context["hidden"], hidden.context["passages"]) == (len(answer.passages), [])
    refused = staff.post(reverse("admin:retrieval_answer_evaluate", args=[answer.pk]))
    assert (refused.status_code, EvaluationQuestion.objects.count()) == (403, 0)


def test_a_grant_lets_staff_read_it_again(version: DocumentVersion, answer: Answer) -> None:
    Document.objects.filter(pk=version.document_id).update(restricted=True)
    user = make.member(version.document.tenant, is_staff=True, is_superuser=True)
    make.grant(Document.objects.get(pk=version.document_id), user)
    client = Client()
    client.force_login(user)
    assert SENTENCE in told(client, url(answer))


def test_staff_of_another_tenant_find_no_answer_and_no_conversation(answer: Answer) -> None:
    user = make.member(make.tenant(), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="retrieval"))
    client = Client()
    client.force_login(user)
    for row in (answer, answer.query, answer.query.conversation):
        assert client.get(url(row)).status_code == 404
    assert client.post(reverse("admin:retrieval_answer_evaluate", args=[answer.pk])).status_code == 404


@pytest.mark.parametrize("rating", list(Rating))
def test_an_answer_becomes_an_evaluation_question_once(
    staff: Client, answer: Answer, version: DocumentVersion, rating: Rating
) -> None:
    answer_rate(answer=answer, rating=rating, actor=ACTOR)
    for _ in range(2):
        response = staff.post(reverse("admin:retrieval_answer_evaluate", args=[answer.pk]))
        question = EvaluationQuestion.objects.get()
        assert (response.status_code, response["Location"]) == (302, url(question))
    assert (question.text, question.evaluation_set.knowledge_base) == (QUESTION, version.document.knowledge_base)
    marked = [(one.version_id, one.start, one.end) for one in Judgement.objects.order_by("start")]
    cited = [(one.version_id, one.start, one.end) for one in answer.citations.order_by("start")]
    assert marked == (cited if rating is Rating.UP else [])


def test_a_link_makes_no_evaluation_question(staff: Client, answer: Answer) -> None:
    assert staff.get(reverse("admin:retrieval_answer_evaluate", args=[answer.pk])).status_code == 405
    assert not EvaluationQuestion.objects.exists()
