"""Conversations over HTTP: whose they are, what a question is understood as, and what may still be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.models.gateway.fake import FakeTransport
from apps.models.generation import Finish, GeneratedText, GenerationEnd
from apps.models.installed_model import InstalledModel, ModelKind
from apps.retrieval.answers import turns
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.models import Answer, Citation, Conversation, Query
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.core.dynamic.flags import REWRITING
from ragsite.core.errors import ModelUnavailableError, NotFoundError
from ragsite.core.ids import new_id
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.acting import ACTOR
from tests.dynamic import Switched, both_states

pytestmark = pytest.mark.django_db

URL, ASK, ANSWERS = "/api/v1/conversations/", "/api/v1/ask", "/api/v1/answers/"
OPEN, FOLLOW_UP = "When does the harbour office open?", "And on working days?"
UNDERSTOOD = f"{OPEN} {FOLLOW_UP}"


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def base(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


def sent(client: Client, method: str, url: str, **body: Any) -> Any:
    return getattr(client, method)(url, body, content_type="application/json")


def begun(client: Client, **body: Any) -> str:
    response = sent(client, "post", URL, **body)
    assert response.status_code == 201, response.content
    return response.json()["id"]


def asked(client: Client, conversation: str, question: str, **body: Any) -> Any:
    response = sent(client, "post", ASK, question=question, conversation=conversation, **body)
    assert response.status_code == 200, response.content
    return response.json()


def test_a_follow_up_is_searched_for_as_it_is_understood_and_kept_as_it_was_asked(client: Client) -> None:
    mine = begun(client)
    first, second = asked(client, mine, OPEN), asked(client, mine, FOLLOW_UP)
    assert (first["turn"], first["searched_for"]) == (1, "")
    assert (second["turn"], second["question"], second["searched_for"]) == (2, FOLLOW_UP, UNDERSTOOD)
    assert "18:00 on working days" in second["answer"]
    assert "rewrite" in second["milliseconds"]
    alone = sent(client, "post", ASK, question=FOLLOW_UP).json()
    assert (alone["conversation"], alone["turn"], alone["searched_for"]) == (None, None, "")
    assert client.get(f"{ANSWERS}{second['id']}").json() == second | {"indexing": None}


def test_a_conversation_reads_as_it_was_held(client: Client) -> None:
    mine = begun(client)
    answers = [asked(client, mine, question) for question in (OPEN, FOLLOW_UP)]
    told = client.get(f"{URL}{mine}/").json()
    assert (told["title"], told["turn_count"], told["knowledge_bases"]) == (OPEN, 2, [])
    assert [(one["turn"], one["question"], one["searched_for"]) for one in told["turns"]] == [
        (1, OPEN, ""), (2, FOLLOW_UP, UNDERSTOOD),
    ]  # fmt: skip
    assert [(one["answer"]["id"], one["answer"]["text"]) for one in told["turns"]] == [
        (one["id"], one["answer"]) for one in answers
    ]
    cited = told["turns"][0]["answer"]["citations"][0]
    assert (cited["quote"], cited["title"]) == (answers[0]["citations"][0]["quote"], "handbook.md")


def test_conversations_are_listed_by_their_last_question_and_renamed_and_deleted(client: Client) -> None:
    first, second = begun(client, title="Berths"), begun(client)
    assert [one["id"] for one in client.get(URL).json()["results"]] == [second, first]
    asked(client, first, OPEN)
    assert [one["title"] for one in client.get(URL).json()["results"]] == ["Berths", ""]
    assert sent(client, "patch", f"{URL}{first}/", title="Opening hours").json()["title"] == "Opening hours"
    assert client.delete(f"{URL}{first}/").status_code == 204
    assert client.get(f"{URL}{first}/").status_code == 404
    assert (Query.objects.count(), Answer.objects.count(), Citation.objects.count()) == (0, 0, 0)
    assert [one["id"] for one in client.get(URL).json()["results"]] == [second]


def test_it_is_for_the_key_that_began_it(client: Client, base: KnowledgeBase) -> None:
    mine = begun(client)
    asked(client, mine, OPEN)
    for other in (make.client(base.tenant), make.client(make.tenant())):
        assert other.get(URL).json()["results"] == []
        for method in ("get", "patch", "delete"):
            assert (
                sent(other, method, f"{URL}{mine}/", **({"title": "Mine"} if method == "patch" else {})).status_code
                == 404
            )
        refused = sent(other, "post", ASK, question=OPEN, conversation=mine)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (Query.objects.count(), Conversation.objects.get().title) == (1, OPEN)


def test_a_key_that_may_not_ask_has_no_conversations(base: KnowledgeBase) -> None:
    assert make.client(base.tenant, Permission.READ).get(URL).status_code == 403


def test_an_answer_that_may_not_be_read_any_more_is_withdrawn_and_nothing_of_it_is_told(
    client: Client, version: DocumentVersion
) -> None:
    mine = begun(client)
    # The heading of what is cited helps to understand what follows.
    asked(client, mine, "What costs 31 euros?")
    heading = asked(client, mine, "Berths?")["searched_for"]
    make.ready_version(version.document.knowledge_base, "The lighthouse is red.", filename="light.txt")
    kept = asked(client, mine, "Which lighthouse is red?")
    Document.objects.filter(pk=version.document_id).update(restricted=True)
    told = client.get(f"{URL}{mine}/").json()["turns"]
    assert [one["withdrawn"] for one in told] == [True, True, False]
    assert [one["answer"] and one["answer"]["text"] for one in told] == [None, None, kept["answer"]]
    assert "No longer readable" in told[0]["note"]
    assert [one["searched_for"] for one in told] == ["", "", ""]
    assert heading
    assert client.get(f"{ANSWERS}{kept['id']}").json()["searched_for"] == ""


def test_what_may_not_be_read_any_more_explains_no_later_question(client: Client, base: KnowledgeBase) -> None:
    rules = make.ready_version(
        base,
        "# Rules\n\n## Zanzibar clause\n\nSkippers pay at the counter before noon on the day they leave.\n",
        filename="rules.md",
    )
    one, other = begun(client), begun(client)
    for conversation in (one, other):
        assert asked(client, conversation, "Skippers?", mode="lexical")["found"]
    assert asked(client, one, "Is it free?")["searched_for"] == "Is it free? (Skippers Zanzibar clause)"
    document_delete(document=rules.document, actor=ACTOR)
    assert asked(client, other, "Is it free?")["searched_for"] == "Is it free? (Skippers)"
    assert "Zanzibar" not in client.get(f"{URL}{one}/").content.decode(), "it was understood by what is withdrawn"


def test_a_conversation_about_a_knowledge_base_searches_there_unless_the_question_says_otherwise(
    client: Client, base: KnowledgeBase
) -> None:
    other = make.knowledge_base(of=base.tenant)
    mine = begun(client, knowledge_bases=[str(base.pk)])
    assert asked(client, mine, OPEN)["searched"]["knowledge_bases"] == [str(base.pk)]
    elsewhere = asked(client, mine, OPEN, knowledge_bases=[str(other.pk)])
    assert elsewhere["searched"]["knowledge_bases"] == [str(other.pk)]
    refused = sent(client, "post", URL, knowledge_bases=[str(make.knowledge_base().pk)])
    assert (refused.status_code, Conversation.objects.count()) == (404, 1)


def test_a_full_conversation_takes_no_more(client: Client) -> None:
    mine = begun(client)
    Conversation.objects.update(turn_count=turns.MOST_TURNS)
    refused = sent(client, "post", ASK, question=OPEN, conversation=mine)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert not Query.objects.exists()


def test_what_is_answered_after_its_conversation_was_deleted_is_not_saved(base: KnowledgeBase) -> None:
    request = SearchRequest(OPEN)
    turn = AskedTurn(OPEN, request, conversation_id=new_id())
    with pytest.raises(NotFoundError):
        ask(request, scope=make.scope(base), actor=ACTOR, deadline=make.soon(), turn=turn)
    assert not Query.objects.exists()


class Rephrases(FakeTransport):
    """A language model that has something to say, or fails."""

    def __init__(self, says: str) -> None:
        self.says = says

    def stream(self, call: Any) -> Iterator[Any]:
        if not self.says:
            raise ModelUnavailableError("No worker.")
        yield GeneratedText(self.says)
        yield GenerationEnd(Finish.STOP, 9, 9)


@pytest.mark.parametrize(
    ("says", "searched_for"), [("When does the office open on working days?", ""), ("", UNDERSTOOD)]
)
def test_a_language_model_says_what_was_meant_and_where_it_fails_the_plain_rule_does(
    client: Client,
    use_transport: Callable[[Any], None],
    monkeypatch: pytest.MonkeyPatch,
    says: str,
    searched_for: str,
) -> None:
    mine = begun(client)
    asked(client, mine, OPEN)
    model = InstalledModel(new_id(), "writer", Path("/nowhere"), "0" * 64, 4096, ModelKind.GENERATION)
    monkeypatch.setattr(turns, "writer_in_use", lambda: model)
    use_transport(Rephrases(says))
    second = asked(client, mine, FOLLOW_UP)
    assert second["searched_for"] == (searched_for or says)
    assert ("rewrite" in [one["step"] for one in second["degraded"]]) is not bool(says)


@both_states(REWRITING)
def test_the_language_model_is_asked_what_was_meant_only_while_the_flag_is_on(
    client: Client,
    use_transport: Callable[[Any], None],
    monkeypatch: pytest.MonkeyPatch,
    switched: Switched,
) -> None:
    mine, says = begun(client), "When does the office open on working days?"
    asked(client, mine, OPEN)
    model = InstalledModel(new_id(), "writer", Path("/nowhere"), "0" * 64, 4096, ModelKind.GENERATION)
    monkeypatch.setattr(turns, "writer_in_use", lambda: model)
    use_transport(Rephrases(says))
    with switched:
        second = asked(client, mine, FOLLOW_UP)
    assert second["searched_for"] == (says if switched.on else UNDERSTOOD)
    assert second["degraded"] == []


@pytest.mark.django_db(transaction=True)
def test_questions_that_are_answered_at_once_have_an_order_without_gaps(base: KnowledgeBase) -> None:
    conversation = Conversation.objects.create(tenant=base.tenant, begun_by="test")

    def answered() -> int | None:
        request = SearchRequest(OPEN)
        turn = AskedTurn(OPEN, request, conversation_id=conversation.pk)
        return ask(request, scope=make.scope(base), actor=ACTOR, deadline=make.soon(), turn=turn).query.turn

    assert sorted(map(str, make.in_parallel(3, answered))) == ["1", "2", "3"]
    conversation.refresh_from_db()
    assert (conversation.turn_count, conversation.title) == (3, OPEN)
