"""Answers that are given again: the same to the same, never across rights, and missed once anything below them changes."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.documents.models import Document, DocumentVersion, Grant, KnowledgeBase, Visibility
from apps.documents.services.documents import document_delete
from apps.models.gateway.fake import FakeTransport
from apps.retrieval.answers.cache import store
from apps.retrieval.answers.cache.state import changes_compact
from apps.retrieval.answers.cache.worth import Worth, worth_by_day
from apps.retrieval.doors import recalling
from apps.retrieval.models import Answer, FindableChange, IndexGeneration, LexicalSegment
from ragsite.core.errors import ModelUnavailableError
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.doors.recalled import ASK, QUESTION, ask, is_hit, told, without
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.apps.retrieval.streaming.reading import Event, events_read, streamed
from tests.apps.retrieval.transports import Failing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cache(settings: Any) -> Iterator[None]:
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 600
    yield
    store.PROCESS.clear()


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def base(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


def test_who_asks_again_is_given_the_same_answer_byte_for_byte(client: Client) -> None:
    first, again = ask(client), ask(client)
    assert first["found"]
    assert not is_hit(first)
    assert again["cached"] == {"age_seconds": 0}
    assert json.dumps(without(first, "cached")) == json.dumps(without(again, "cached"))
    assert Answer.objects.count() == 1


def test_another_with_the_same_rights_has_a_copy_of_its_own_to_look_up(client: Client, base: KnowledgeBase) -> None:
    first = ask(client)
    other = make.client(base.tenant)
    copy, again = ask(other), ask(other)
    assert is_hit(copy)
    assert copy["id"] != first["id"] == ask(client)["id"]
    assert told(copy) == told(first)
    assert again["id"] == copy["id"]
    kept = other.get(f"/api/v1/answers/{copy['id']}").json()
    assert told(kept) == told(copy)
    assert client.get(f"/api/v1/answers/{copy['id']}").status_code == 404


def test_what_the_cache_is_worth_is_counted_a_day_and_tenant(client: Client, base: KnowledgeBase) -> None:
    first = ask(client)
    ask(client), ask(make.client(base.tenant))
    today, before = timezone.localdate(), timezone.localdate() - timedelta(days=1)
    found, nothing = worth_by_day([today, before], tenant_ids=[base.tenant_id])
    assert (found.asked, found.found, nothing) == (3, 2, Worth())
    assert found.saved_seconds == pytest.approx(2 * sum(first["milliseconds"].values()) / 1000, abs=0.002)
    assert worth_by_day([today], tenant_ids=[make.tenant().pk]) == [Worth()]
    assert worth_by_day([today], tenant_ids=None)[0].asked >= 3


def test_white_space_is_no_other_question(client: Client) -> None:
    ask(client)
    again = ask(client, question=QUESTION.replace(" ", "  "))
    assert is_hit(again)
    assert again["question"] == QUESTION.replace(" ", "  ")


@pytest.mark.parametrize(
    "asked",
    [
        {"question": "How many berths?"}, {"top_k": 9}, {"mode": "lexical"}, {"weight": 0.2}, {"names": 0.2}, {"same_page": 0.5},
        {"threshold": 0.01},
        {"filters": {"languages": ["en"]}}, {"diversity": 0.5}, {"language": "de"}, {"max_tokens": 9},
        {"temperature": 0.5}, {"cache": False},
    ],
    ids=str,
)  # fmt: skip
def test_another_question_is_answered_on_its_own(client: Client, asked: dict[str, Any]) -> None:
    ask(client)
    assert not is_hit(ask(client, **asked))
    assert is_hit(ask(client))


def test_what_is_asked_without_the_cache_is_kept_for_nobody(client: Client) -> None:
    ask(client, cache=False)
    assert not is_hit(ask(client))


def test_nothing_is_kept_where_that_is_switched_off(client: Client, settings: Any) -> None:
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 0
    ask(client)
    assert not is_hit(ask(client))


CHANGES: dict[str, Callable[[DocumentVersion], object]] = {
    "a document more": lambda version: make.ready_version(version.document.knowledge_base),
    "a document less": lambda version: document_delete(document=version.document, actor=ACTOR),
    "a restricted one": lambda version: Document.objects.update(restricted=True),
    "another title": lambda version: Document.objects.update(title="Other"),
    "a tag": lambda version: Document.objects.update(tags=["new"]),
    "no current version": lambda version: Document.objects.update(current_version=None),
    "a grant": lambda version: make.grant(version.document, make.member(version.document.tenant)),
    "settings of search": lambda version: KnowledgeBase.objects.update(retrieval={"mode": "lexical"}),
    "a generation": lambda version: IndexGeneration.objects.update(has_hnsw=False),
    "words": lambda version: LexicalSegment.objects.update(created_at="2020-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_answer_is_missed_after_any_change_of_what_can_be_found(
    client: Client, version: DocumentVersion, what: str
) -> None:
    ask(client)
    assert is_hit(ask(client))
    CHANGES[what](version)
    assert not is_hit(ask(client))


def test_a_change_elsewhere_leaves_an_answer_as_it_is(client: Client, base: KnowledgeBase) -> None:
    ask(client, knowledge_bases=[str(base.pk)])
    make.ready_version()
    assert is_hit(ask(client, knowledge_bases=[str(base.pk)]))


def test_marks_that_are_put_together_have_the_same_sum(client: Client, base: KnowledgeBase) -> None:
    ask(client)
    FindableChange.objects.create(knowledge_base_id=base.tenant_id, transaction=0, mark=1)
    changes_compact(turns.long())
    assert list(FindableChange.objects.values_list("knowledge_base_id", "transaction")) == [(base.pk, 0)]
    assert is_hit(ask(client))


def test_who_was_granted_something_there_shares_with_nobody(version: DocumentVersion, base: KnowledgeBase) -> None:
    key, mine = make.keyed(base.tenant)
    theirs = make.client(base.tenant)
    Document.objects.update(restricted=True)
    other = make.ready_version(base)
    make.grant(version.document, key)
    ask(mine)
    seen = {one["document"] for one in ask(mine)["passages"]}
    assert seen == {str(version.document_id), str(other.document_id)}
    answer = ask(theirs)
    assert not is_hit(answer)
    assert {one["document"] for one in answer["passages"]} == {str(other.document_id)}


def test_one_of_two_grants_that_is_taken_back_takes_its_document_away(
    version: DocumentVersion, base: KnowledgeBase
) -> None:
    key, mine = make.keyed(base.tenant)
    other = make.ready_version(base)
    Document.objects.update(restricted=True)
    for one in (version, other):
        make.grant(one.document, key)
    assert {one["document"] for one in ask(mine)["passages"]} == {str(version.document_id), str(other.document_id)}
    Grant.objects.filter(document=other.document).delete()
    assert {one["document"] for one in ask(mine)["passages"]} == {str(version.document_id)}


def test_answers_that_had_to_do_without_something_are_not_kept(
    client: Client, use_transport: Callable[[Any], None]
) -> None:
    use_transport(Failing(ModelUnavailableError("No worker.")))
    assert ask(client)["degraded"]
    assert not is_hit(ask(client))


def test_a_redis_that_fails_is_as_none(client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "REDIS", store.RedisLevel())
    settings.RAGSITE_REDIS_URL = "redis://127.0.0.1:1/0"
    ask(client)
    assert is_hit(ask(client))
    store.PROCESS.clear()
    assert not is_hit(ask(client))


def test_a_redis_that_is_frozen_is_asked_once_and_then_left_alone(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "REDIS", store.RedisLevel())
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        frozen.setblocking(False)
        settings.RAGSITE_REDIS_URL = f"redis://127.0.0.1:{frozen.getsockname()[1]}/0"
        ask(client)
        assert is_hit(ask(client))
        frozen.accept()[0].close()
        with pytest.raises(BlockingIOError):
            frozen.accept()


def test_another_process_finds_it_in_redis(client: Client) -> None:
    first = ask(client)
    store.PROCESS.clear()
    again = ask(client)
    assert is_hit(again)
    assert again["id"] == first["id"]


def test_it_is_counted_where_answers_were_found(client: Client) -> None:
    def counts() -> list[float]:
        return [store.LOOKUPS.labels(result)._value.get() for result in ("miss", "process", "redis")]

    before = counts()
    ask(client)
    ask(client)
    store.PROCESS.clear()
    ask(client)
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1]


class Changing(FakeTransport):
    """Something changes while a question is answered."""

    def __init__(self, change: Callable[[], object]) -> None:
        self.change = change

    def run(self, call: Any) -> Any:
        self.change()
        return super().run(call)


@pytest.mark.parametrize(("changes", "kept"), [(True, 0), (False, 1)])
def test_what_changed_while_it_was_answered_keeps_it_from_being_kept(
    client: Client, use_transport: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch, changes: bool, kept: int
) -> None:
    """Whoever read the mark before the change might look the answer up after it."""
    keys: list[str] = []
    monkeypatch.setattr(recalling, "value_put", lambda key, value, *, seconds: keys.append(key))
    use_transport(Changing((lambda: Document.objects.update(tags=["new"])) if changes else lambda: None))
    assert ask(client)["found"]
    assert len(keys) == kept


def test_a_stream_tells_the_same_events_again_under_the_id_that_it_told(client: Client) -> None:
    def events() -> list[Event]:
        with runs_inline():
            return events_read(streamed(client.post(ASK, {"question": QUESTION, "stream": True}, "application/json")))

    first, again = events(), events()
    assert [one.name for one in first] == [one.name for one in again]
    assert [one.data for one in first[1:-1]] == [one.data for one in again[1:-1]]
    assert told(first[-1].data) == told(again[-1].data)
    assert is_hit(again[-1].data)
    assert again[0].data["id"] == again[-1].data["id"] != first[-1].data["id"]


def test_a_stream_of_kept_events_can_be_gone_on_with(client: Client) -> None:
    ask(client)
    with runs_inline():
        events = events_read(streamed(client.post(ASK, {"question": QUESTION, "stream": True}, "application/json")))
    where = f"/api/v1/answers/{events[0].data['id']}/events"
    assert events_read(streamed(client.get(where, headers={"Last-Event-ID": "2"}))) == events[2:]


def test_a_turn_of_a_conversation_is_a_turn_of_its_own(client: Client, base: KnowledgeBase) -> None:
    ask(client)
    where = client.post("/api/v1/conversations/", {"knowledge_bases": [str(base.pk)]}, "application/json").json()["id"]
    turns_of = [ask(client, conversation=where) for _ in range(2)]
    assert [one["turn"] for one in turns_of] == [1, 2]
    assert is_hit(turns_of[0])
    assert ask(client)["conversation"] is None


STEPS = 14


def step(rng: random.Random, base: KnowledgeBase, subject: Any) -> None:
    """Something changes what may be found, or by whom."""
    document = rng.choice(list(Document.objects.filter(knowledge_base=base, deleted_at=None)))
    match rng.randrange(6):
        case 0:
            Document.objects.filter(pk=document.pk).update(restricted=not document.restricted)
        case 1 if not Grant.objects.filter(document=document).exists():
            make.grant(document, subject)
        case 2:
            Grant.objects.filter(document=document).delete()
        case 3 if Document.objects.filter(knowledge_base=base, deleted_at=None).count() > 2:
            document_delete(document=document, actor=ACTOR)
        case 4:
            restricted = KnowledgeBase.objects.filter(pk=base.pk, visibility=Visibility.TENANT)
            if not restricted.update(visibility=Visibility.RESTRICTED):
                KnowledgeBase.objects.filter(pk=base.pk).update(visibility=Visibility.TENANT)
        case _:
            make.ready_version(base)


def test_whatever_happens_everybody_is_answered_as_without_a_cache(
    version: DocumentVersion, base: KnowledgeBase
) -> None:
    rng = random.Random(20)
    make.ready_version(base)
    key, granted = make.keyed(base.tenant)
    callers, hits = [granted, make.client(base.tenant), make.client(base.tenant)], 0
    for _ in range(STEPS):
        step(rng, base, key)
        for client in callers:
            answer = ask(client)
            hits += is_hit(answer)
            assert told(answer) == told(ask(client, cache=False))
    assert hits
