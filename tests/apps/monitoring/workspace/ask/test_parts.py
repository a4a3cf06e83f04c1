"""What the Ask tab's script is told, event by event, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client, override_settings

from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.models.gateway import using_transport
from apps.retrieval.models import Answer, AnswerFeedback, Conversation, Query
from apps.retrieval.streaming.pool import RUNS
from tests import factories as make
from tests.apps.monitoring.workspace.ask.test_tab import SENTENCE, member_with_a_secret, tab
from tests.apps.monitoring.workspace.test_pages import staff
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.apps.retrieval.streaming.reading import Event, events_read, streamed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _inline() -> Iterator[None]:
    with runs_inline():
        yield


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def base(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


def post(client: Client, base: KnowledgeBase, question: str = SENTENCE, **fields: Any) -> Any:
    return client.post(f"{tab(base)}stream/", {"question": question, "side": "a", **fields})


def asked(client: Client, base: KnowledgeBase, question: str = SENTENCE, **fields: Any) -> list[Event]:
    return events_read(streamed(post(client, base, question, **fields)))


def test_the_answer_comes_in_parts_and_the_last_is_the_whole(admin_client: Client, base: KnowledgeBase) -> None:
    response = post(admin_client, base)
    events = events_read(streamed(response))
    assert [one.name for one in events] == ["created", "passages", "delta", "cited", "done"]
    assert [one.number for one in events] == [1, 2, 3, 4, 5]
    created, passages, delta, cited, done = (one.data for one in events)
    assert created == {}
    assert response["X-Answer"] == str(Answer.objects.get().pk)
    assert passages["html"].count("rag-ask-said") == 3
    assert delta == {"claim": 0, "text": SENTENCE}
    assert (cited["claim"], cited["number"]) == (0, 1)
    assert 'data-cites="1"' in done["html"]
    key = f"a{Answer.objects.get().pk.hex[-12:]}"
    assert cited["href"] == f"#{key}-p1"
    assert f'id="{key}-p1"' in passages["html"]
    assert done["html"].count(f'id="{key}-c1"') == 1
    assert done["html"].count("Open in the document") == 3


def test_the_stream_names_the_conversation_that_the_next_question_goes_on_with(
    admin_client: Client, base: KnowledgeBase
) -> None:
    first = post(admin_client, base)["X-Conversation"]
    assert first == str(Conversation.objects.get().pk)
    assert post(admin_client, base, "And for guests?", conversation=first)["X-Conversation"] == first
    assert [one.turn for one in Query.objects.order_by("turn")] == [1, 2]
    assert post(admin_client, base, compare="on", side="b")["X-Conversation"] == ""


def test_a_first_question_without_an_answer_leaves_nothing_and_can_be_asked_again(
    admin_client: Client, base: KnowledgeBase
) -> None:
    with using_transport("queue"), override_settings(RAGSITE_SEARCH_SECONDS=0.05):
        failed = asked(admin_client, base, **{"a-mode": "dense"})[-1]
    assert failed.name == "failed"
    assert "Ask again" in failed.data["html"]
    assert [model.objects.count() for model in (Query, Answer, Conversation)] == [0, 0, 0]
    assert post(admin_client, base)["X-Conversation"] == str(Conversation.objects.get(title=SENTENCE, turn_count=1).pk)


def test_text_of_a_document_is_never_markup_in_a_fragment(admin_client: Client) -> None:
    sentence = "The <script>alert(1)</script> buoy is red."
    base = make.ready_version(content=sentence, filename="<img src=x onerror=alert(2)>.txt").document.knowledge_base
    for event in asked(admin_client, base, sentence):
        assert "<script>" not in event.data.get("html", "")
        assert "<img" not in event.data.get("html", "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"question": " "}, "Type a question first."),
        ({"a-types": "exe"}, "Only of these types"),
        ({"eyes": "nobody"}, "has no member called"),
        ({"side": "b"}, ""),
    ],
    ids=str,
)
def test_what_can_not_be_asked_is_a_sentence_in_the_answer_s_place(
    admin_client: Client, base: KnowledgeBase, fields: dict[str, str], said: str
) -> None:
    response = post(admin_client, base, **fields)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Query.objects.exists()


def test_a_cut_stream_goes_on_after_the_last_event_and_else_there_is_the_finished_answer(
    admin_client: Client, base: KnowledgeBase
) -> None:
    response = post(admin_client, base)
    events, answer = events_read(streamed(response)), response["X-Answer"]
    rest = events_read(streamed(admin_client.get(f"{tab(base)}events/", {"answer": answer, "side": "a", "after": 3})))
    assert rest == events[3:]
    finished = admin_client.get(f"{tab(base)}answer/", {"answer": answer}).content.decode()
    assert SENTENCE in finished
    assert 'data-cites="1"' in finished
    assert '<details class="rag-ask-found" open>' in finished


def test_in_a_conversation_that_is_opened_again_citations_lead_to_the_passages_as_before(
    admin_client: Client, base: KnowledgeBase
) -> None:
    response = post(admin_client, base)
    streamed(response)
    answer, held = response["X-Answer"], response["X-Conversation"]
    admin_client.post(f"{tab(base)}rate/", {"answer": answer, "rating": "up"})
    opened = admin_client.get(tab(base), {"conversation": held}).content.decode()
    assert f'hx-get="{tab(base)}answer/?answer={answer}&amp;earlier=on" hx-trigger="revealed"' in opened
    earlier = admin_client.get(f"{tab(base)}answer/", {"answer": answer, "earlier": "on"}).content.decode()
    place = f"a{answer.replace('-', '')[-12:]}-c1"
    assert f'href="#{place}"' in earlier
    assert f'id="{place}"' in earlier
    assert '<details class="rag-ask-found">' in earlier
    assert earlier.count('aria-pressed="true"') == 1


def test_nobody_else_reads_rates_or_goes_on_with_an_answer(admin_client: Client, base: KnowledgeBase) -> None:
    answer = post(admin_client, base)["X-Answer"]
    other = staff(base.tenant, "view_query")
    for response in (
        other.get(f"{tab(base)}events/", {"answer": answer}),
        other.get(f"{tab(base)}answer/", {"answer": answer}),
        other.post(f"{tab(base)}rate/", {"answer": answer, "rating": "up"}),
        other.post(f"{tab(base)}stop/", {"answer": answer}),
        admin_client.get(f"{tab(base)}answer/", {"answer": str(uuid4())}),
    ):
        assert response.status_code == 404
        assert SENTENCE not in response.content.decode()
    assert not AnswerFeedback.objects.exists()


def test_no_part_is_for_who_may_not_open_the_tab(admin_client: Client, base: KnowledgeBase) -> None:
    answer = post(admin_client, base)["X-Answer"]
    outside, closed = staff(make.tenant(), "view_query"), Client()
    assert post(outside, base).status_code == 404
    assert post(closed, base).status_code == 302
    assert outside.get(f"{tab(base)}answer/", {"answer": answer}).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin_client.cookies
    assert post(strict, base).status_code == 403
    assert Query.objects.count() == 1


def test_the_answer_is_rated_and_the_rating_taken_back(admin_client: Client, base: KnowledgeBase) -> None:
    answer = post(admin_client, base)["X-Answer"]
    rated = admin_client.post(f"{tab(base)}rate/", {"answer": answer, "rating": "down"}).content.decode()
    assert AnswerFeedback.objects.get().rating == "down"
    assert rated.count('aria-pressed="true"') == 1
    admin_client.post(f"{tab(base)}rate/", {"answer": answer, "rating": ""})
    assert not AnswerFeedback.objects.exists()


def test_a_stop_ends_the_run_of_who_asked(admin_client: Client, base: KnowledgeBase) -> None:
    begun: list[Any] = []
    with patch.object(RUNS, "start", lambda run, caller, work, left: begun.append((run, work))):
        post(admin_client, base)
    ((run, work),) = begun
    with patch.object(RUNS, "run_of", lambda answer_id: run if answer_id == run.answer_id else None):
        assert admin_client.post(f"{tab(base)}stop/", {"answer": run.answer_id}).status_code == 204
    work()
    assert not Answer.objects.exists()
    assert not Conversation.objects.exists()


def test_of_what_is_asked_as_another_nothing_is_kept_and_neither_can_read_it_again(base: KnowledgeBase) -> None:
    anna = member_with_a_secret(base)
    client = staff(base.tenant, "view_query", "add_grant")
    response = post(client, base, "The safe opens with what?", eyes="anna")
    events, answer = events_read(streamed(response)), response["X-Answer"]
    assert events[-1].name == "done"
    assert "4711" in events[-1].data["html"]
    assert "This is what anna would see." in events[-1].data["html"]
    assert [model.objects.count() for model in (Query, Answer, Conversation)] == [0, 0, 0]
    anna.is_staff = True
    anna.save()
    anna.user_permissions.set(Permission.objects.filter(codename="view_query"))
    hers = Client()
    hers.force_login(anna)
    for reader in (client, hers):
        for part in ("events", "answer"):
            response = reader.get(f"{tab(base)}{part}/", {"answer": answer})
            assert response.status_code == 404
            assert "4711" not in response.content.decode()
