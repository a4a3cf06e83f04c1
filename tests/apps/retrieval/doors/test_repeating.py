"""Questions that are sent again under one Idempotency-Key: they are answered once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.retrieval.models import Answer, Query
from ragsite.gateway.idempotency import REPLAYED
from ragsite.gateway.models import IdempotencyRecord
from tests import factories as make
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.apps.retrieval.streaming.reading import events_read, streamed

pytestmark = pytest.mark.django_db

ASK, CHAT, RESPONSES = "/api/v1/ask", "/v1/chat/completions", "/v1/responses"
QUESTION = "How many berths for guests has the harbour?"


@pytest.fixture(autouse=True)
def _inline() -> Iterator[None]:
    with runs_inline():
        yield


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version(make.knowledge_base(name="Harbour"))


@pytest.fixture
def base(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


def ask(client: Client, url: str = ASK, key: str = "once", **more: Any) -> Any:
    bodies = {
        ASK: {"question": QUESTION},
        CHAT: {"model": "Harbour", "messages": [{"role": "user", "content": QUESTION}]},
        RESPONSES: {"model": "Harbour", "input": QUESTION},
    }
    return client.post(url, bodies[url] | more, content_type="application/json", headers={"Idempotency-Key": key})


@pytest.mark.parametrize("url", [ASK, CHAT, RESPONSES])
def test_a_question_that_is_sent_again_has_the_same_answer(client: Client, url: str) -> None:
    first, again = ask(client, url), ask(client, url)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert (REPLAYED in first, again[REPLAYED]) == (False, "true")
    assert (Query.objects.count(), Answer.objects.count()) == (1, 1)


def test_it_is_written_as_without_a_key(client: Client) -> None:
    keyed, plain = ask(client), client.post(ASK, {"question": QUESTION}, content_type="application/json")
    assert keyed["Content-Type"] == plain["Content-Type"]
    assert keyed.json().keys() == plain.json().keys()
    assert keyed.json()["citations"] == [
        one | {"id": mine["id"]} for one, mine in zip(plain.json()["citations"], keyed.json()["citations"], strict=True)
    ]


def test_another_question_under_the_key_is_refused(client: Client) -> None:
    ask(client)
    refused = ask(client, question="Where is the harbour?")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")
    assert ask(client, CHAT).json()["error"]["code"] == "idempotency_mismatch"
    assert Query.objects.count() == 1


def test_a_key_of_another_tenant_is_another_key(client: Client) -> None:
    ask(client)
    other = make.ready_version()
    theirs = ask(make.client(other.document.tenant))
    assert REPLAYED not in theirs
    assert Query.objects.count() == 2


def test_a_refusal_is_answered_alike_and_trouble_is_not_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = {"knowledge_bases": ["01890000-0000-7000-8000-000000000000"]}
    first, again = ask(client, **lost), ask(client, **lost)
    assert (first.status_code, again.status_code, again[REPLAYED]) == (404, 404, "true")
    assert first.content == again.content

    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("apps.retrieval.doors.api.answer_made", fails)
        client.raise_request_exception = False
        assert ask(client, key="other").status_code == 500
    assert ask(client, key="other").status_code == 200


@pytest.mark.parametrize("url", [ASK, CHAT, RESPONSES])
def test_a_stream_that_is_asked_for_again_is_told_from_its_beginning_and_made_once(client: Client, url: str) -> None:
    first, again = (ask(client, url, stream=True) for _ in range(2))
    told, retold = streamed(first), streamed(again)
    assert told.count("data: ") > 3
    assert _without_times(retold) == _without_times(told)
    assert (REPLAYED in first, again[REPLAYED]) == (False, "true")
    assert Answer.objects.count() == 1


def _without_times(told: str) -> list[str]:
    """What OpenAI's shapes say of the moment is that of the telling."""
    return re.sub(r'"created(_at)?": \d+', '"created": 0', told).splitlines()


def test_a_stream_whose_events_are_gone_says_where_the_answer_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = events_read(streamed(ask(client, stream=True)))[0].data["id"]
    monkeypatch.setattr("apps.retrieval.doors.streaming.about_of", lambda answer_id: None)
    gone = ask(client, stream=True)
    assert (gone.status_code, gone.json()["code"]) == (410, "events_expired")
    assert answer in gone.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_parallel_questions_under_one_key_are_answered_once(base: KnowledgeBase) -> None:
    headers = make.headers(base.tenant)
    answers = make.in_parallel(50, lambda: ask(Client(headers=headers)))
    assert Counter(one.status_code for one in answers).keys() <= {200, 409}
    done = [one for one in answers if one.status_code == 200]
    assert len({one.content for one in done}) == 1
    assert sum(REPLAYED not in one for one in done) == 1
    assert {one.json()["code"] for one in answers if one.status_code == 409} <= {"idempotency_conflict"}
    assert (Query.objects.count(), Answer.objects.count(), IdempotencyRecord.objects.count()) == (1, 1, 1)
